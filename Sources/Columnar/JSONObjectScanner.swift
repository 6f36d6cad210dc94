/// Walks the members of the JSON object that one line holds.
struct JSONObjectScanner: ~Escapable {
    private var scanner: JSONScanner
    private var isFirst = true

    /// - Throws: where `bytes[start..<end]` is no object, or not valid UTF-8.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(JSONSyntaxError) {
        guard (try? UTF8Span(validating: bytes.extracting(start..<end))) != nil else {
            throw JSONSyntaxError(reason: "it is not valid UTF-8")
        }
        scanner = JSONScanner(bytes, from: start, to: end)
        guard scanner.take(UInt8(ascii: "{")) else {
            let other = try scanner.value()
            throw JSONSyntaxError(reason: "each line is to be a JSON object, got \(other.kind.jsonDescription)")
        }
    }

    /// - Returns: `nil` behind the last member; ``value()`` is to be called after each key.
    mutating func nextKey() throws(JSONSyntaxError) -> Field? {
        if scanner.take(UInt8(ascii: "}")) {
            scanner.skipBlanks()
            guard scanner.isAtEnd else {
                throw JSONSyntaxError(reason: "text follows the JSON object; write one object a line")
            }
            return nil
        }
        if isFirst {
            isFirst = false
        } else {
            guard scanner.take(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or '}'") }
        }
        return try scanner.key()
    }

    mutating func value() throws(JSONSyntaxError) -> Field { try scanner.value() }
}

/// Names by their place: finds a key's number fast where objects keep their keys in one order.
struct KeyOrder {
    private(set) var keys: [[UInt8]]
    /// Which key came last time at each place of an object.
    private var order: [Int] = []
    private var scratch: [UInt8] = []

    init(keys: [[UInt8]]) { self.keys = keys }

    /// The number of the key that `field` holds, at place `place` of its object; `nil` where it is none of ``keys``.
    mutating func find(_ field: Field, in bytes: Span<UInt8>, at place: Int) -> Int? {
        if field.kind == .stringEscaped {
            scratch.removeAll(keepingCapacity: true)
            JSONText.unescape(bytes.extracting(field.range), into: &scratch)
            return Self.search(scratch.span, keys, from: 0)
        }
        let text = bytes.extracting(field.range)
        let guess = place < order.count ? order[place] : 0
        let found = Self.search(text, keys, from: guess)
        if let found {
            while order.count <= place { order.append(0) }
            order[place] = found
        }
        return found
    }

    mutating func append(_ key: [UInt8]) { keys.append(key) }

    private static func search(_ text: Span<UInt8>, _ keys: [[UInt8]], from guess: Int) -> Int? {
        for step in 0..<keys.count {
            let index = guess + step < keys.count ? guess + step : guess + step - keys.count
            if isEqual(text, keys[index]) { return index }
        }
        return nil
    }

    private static func isEqual(_ left: Span<UInt8>, _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }
}
