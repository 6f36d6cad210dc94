import Features

/// Makes values of one type of a field's text.
protocol FieldParser {
    associatedtype Parsed
    /// What a null row's slot holds.
    var zero: Parsed { get }
    mutating func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Parsed
    /// How far the value that was parsed last is from what the text says, see ``RoundedTime/movedNs``.
    var movedNs: UInt16 { get }
}

extension FieldParser {
    var movedNs: UInt16 { 0 }
}

struct BoolParser: FieldParser {
    var zero: Bool { false }
    func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Bool { try ValueText.bool(text) }
}

struct Int32Parser: FieldParser {
    var zero: Int32 { 0 }
    func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Int32 { try ValueText.integer32(text) }
}

struct Int64Parser: FieldParser {
    var zero: Int64 { 0 }
    func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Int64 { try ValueText.integer(text) }
}

struct TimestampParser: FieldParser {
    let reading: TimeReading
    private(set) var movedNs: UInt16 = 0
    var zero: Int64 { 0 }

    init(_ reading: TimeReading) { self.reading = reading }

    mutating func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Int64 {
        let time = try reading.time(text)
        movedNs = time.movedNs
        return time.microseconds
    }
}

struct FloatParser: FieldParser {
    var zero: Float { 0 }
    func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Float { try ValueText.float32(text) }
}

struct DoubleParser: FieldParser {
    var zero: Double { 0 }
    func parse(_ text: Span<UInt8>) throws(ValueTextError) -> Double { try ValueText.float64(text) }
}

/// Walks the elements of a JSON array, in a CSV field or a JSON line.
struct ListScanner: ~Escapable {
    private var scanner: JSONScanner
    private var isFirst = true

    /// - Throws: ``ValueTextError/malformed`` where `text` does not start with a bracket.
    @_lifetime(copy text)
    init(_ text: Span<UInt8>) throws(ValueTextError) {
        scanner = JSONScanner(text, from: 0, to: text.count)
        guard scanner.take(UInt8(ascii: "[")) else { throw .malformed }
    }

    /// - Returns: `nil` behind the last element.
    mutating func next() throws(ValueTextError) -> Field? {
        if isFirst {
            isFirst = false
            if scanner.take(UInt8(ascii: "]")) { return try end() }
        } else {
            if scanner.take(UInt8(ascii: "]")) { return try end() }
            guard scanner.take(UInt8(ascii: ",")) else { throw .malformed }
        }
        let field: Field
        do { field = try scanner.value() } catch { throw .malformed }
        if field.kind == .null { throw .nullInList }
        return field
    }

    private mutating func end() throws(ValueTextError) -> Field? {
        scanner.skipBlanks()
        guard scanner.isAtEnd else { throw .malformed }
        return nil
    }
}
