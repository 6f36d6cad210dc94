/// Walks the members of the JSON object that one line holds.
struct JSONObjectScanner: ~Escapable {
    private var scanner: JSONScanner
    private var isFirst = true

    /// - Throws: where `bytes[start..<end]` is no object, or not valid UTF-8.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(JSONSyntaxError) {
        guard (try? UTF8Span(validating: bytes.extracting(start..<end))) != nil else {
            throw JSONSyntaxError(
                reason: NotUTF8.reason(bytes.extracting(start..<end)) { "the byte at offset \($0) of the line" }
            )
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
