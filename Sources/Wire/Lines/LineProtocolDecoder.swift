import Features

/// Decodes InfluxDB line protocol: `measurement[,tag=value…] field=value[,field=value…] [timestamp]`.
///
/// Pure and allocation-free per line: parts are ranges of the bytes. A line end may be LF or CRLF and may stand inside a
/// string; blank lines and lines that start with `#` are skipped, blanks before a point and behind it are accepted.
/// Names and texts are valid UTF-8; names have no control characters, tags no empty values. How many tags and fields a
/// point has is bounded, see ``RequestLimits``.
///
/// ```swift
/// var decoder = LineProtocolDecoder()
/// var point = DecodedLine()
/// var position = 0
/// while try decoder.next(bytes.span, from: &position, isEnd: true, into: &point) { … }
/// ```
package struct LineProtocolDecoder: Sendable {
    /// The number of the line at the position, from 1.
    package var line = 1
    /// How many bytes were looked at so far; those of a line that was not complete count each time.
    package private(set) var scannedBytes = 0

    package init() {}

    /// Decodes the next point.
    /// - Parameters:
    ///   - position: where a line starts; moves behind the point, or to the first byte of what is not complete yet.
    ///   - isEnd: whether nothing comes after `bytes`. If not, a line without its end is left for the next call.
    /// - Returns: `false` where there is no further complete point.
    /// - Throws: ``LineProtocolError``; position and line are then behind the bad line, so that the next call goes on there.
    /// - Complexity: O(bytes) for the lines that are complete, good or bad; a line that is not is scanned anew by the next call.
    package mutating func next(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        isEnd: Bool,
        into point: inout DecodedLine
    ) throws(LineProtocolError) -> Bool {
        while true {
            var scanner = LineScanner(bytes, from: position, isEnd: isEnd)
            let start = position
            defer { scannedBytes += scanner.position - start }
            do throws(LineScanner.Failure) {
                let isPoint = try scanner.scan(into: &point)
                guard isPoint || scanner.position > start else { return false }
                point.line = line
                line += scanner.lineBreaks
                position = scanner.position
                if isPoint { return true }
            } catch {
                guard case .fault(let reason) = error, scanner.skipLine() else { return false }
                let fault = LineProtocolError(
                    line: line + scanner.faultLine,
                    column: scanner.faultColumn,
                    reason: reason
                )
                point.line = line
                point.range = start..<scanner.position
                line += scanner.lineBreaks
                position = scanner.position
                throw fault
            }
        }
    }
}

/// One line while it is scanned.
private struct LineScanner: ~Escapable {
    enum Failure: Error {
        /// The bytes end before the line does, and more may come.
        case incomplete
        case fault(String)
    }

    private let bytes: Span<UInt8>
    private let isEnd: Bool
    private(set) var position: Int
    private(set) var lineBreaks = 0
    /// The start of the line that ``position`` is on.
    private var lineStart: Int
    private(set) var faultLine = 0
    private(set) var faultColumn = 0

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let space = UInt8(ascii: " ")
    private static let comma = UInt8(ascii: ",")
    private static let equals = UInt8(ascii: "=")
    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, from position: Int, isEnd: Bool) {
        self.bytes = bytes
        self.isEnd = isEnd
        self.position = position
        lineStart = position
    }

    /// - Returns: `false` for a blank or comment line, which is behind ``position`` then, and at the end.
    mutating func scan(into point: inout DecodedLine) throws(Failure) -> Bool {
        skipSpaces()
        if position == bytes.count {
            if isEnd { return false }
            throw .incomplete
        }
        if bytes[position] == UInt8(ascii: "#") {
            guard skipLine() else { throw .incomplete }
            return false
        }
        if try takeLineEnd() { return false }
        let start = position
        point.removeAll()
        point.measurement = try part(.measurement, what: "the measurement")
        while try take(Self.comma) { try tag(into: &point) }
        guard try take(Self.space) else { throw fault("expected a space and fields behind measurement and tags") }
        skipSpaces()
        repeat { try field(into: &point) } while try take(Self.comma)
        var end = position
        if try take(Self.space) {
            skipSpaces()
            if try !isAtLineEnd() {
                point.time = try timestamp()
                end = position
                skipSpaces()
            }
        }
        point.range = start..<end
        guard try takeLineEnd() else { throw fault("text follows where the line should end") }
        return true
    }

    /// Moves behind the line feed that comes next.
    /// - Returns: `false` where it is not there yet.
    mutating func skipLine() -> Bool {
        while position < bytes.count, bytes[position] != Self.lineFeed { position += 1 }
        guard position < bytes.count else { return isEnd }
        endLine()
        return true
    }

    private mutating func endLine() {
        position += 1
        lineBreaks += 1
        lineStart = position
    }

    private mutating func fault(_ reason: String, at place: Int? = nil) -> Failure {
        let place = place ?? position
        faultLine = lineBreaks
        faultColumn = place - lineStart + 1
        return .fault(reason)
    }

    private mutating func skipSpaces() {
        while position < bytes.count, bytes[position] == Self.space { position += 1 }
    }

    /// The next byte; `nil` at the end of everything.
    private func peek() throws(Failure) -> UInt8? {
        if position < bytes.count { return bytes[position] }
        if isEnd { return nil }
        throw .incomplete
    }

    private mutating func take(_ byte: UInt8) throws(Failure) -> Bool {
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    private func isAtLineEnd() throws(Failure) -> Bool {
        guard let byte = try peek() else { return true }
        if byte == Self.lineFeed { return true }
        guard byte == Self.carriageReturn else { return false }
        guard position + 1 < bytes.count else {
            if isEnd { return true }
            throw .incomplete
        }
        return bytes[position + 1] == Self.lineFeed
    }

    private mutating func takeLineEnd() throws(Failure) -> Bool {
        guard try isAtLineEnd() else { return false }
        if position < bytes.count, bytes[position] == Self.carriageReturn { position += 1 }
        if position < bytes.count { endLine() }
        return true
    }

    /// Scans a name or tag value up to a byte that cannot be in it without a backslash.
    private mutating func part(_ escapes: LineEscapes, what: String) throws(Failure) -> LinePart {
        let start = position
        var part = LinePart(escapes: escapes)
        var isASCII = true
        while let byte = try peek(), !escapes.contains(byte) {
            if byte < 0x20 || byte == 0x7F {
                if try isAtLineEnd() { break }
                throw fault("\(what) has a control character")
            }
            if byte >= 0x80 { isASCII = false }
            if byte == Self.backslash {
                if position + 1 == bytes.count, !isEnd { throw .incomplete }
                if position + 1 < bytes.count, escapes.contains(bytes[position + 1]) {
                    part.isEscaped = true
                    position += 1
                }
            }
            position += 1
        }
        guard position > start else { throw fault("\(what) is empty") }
        part.range = start..<position
        if !isASCII { try checkUTF8(part.range, what) }
        return part
    }

    private mutating func checkUTF8(_ range: Range<Int>, _ what: String) throws(Failure) {
        do {
            _ = try UTF8Span(validating: bytes.extracting(range))
        } catch {
            throw fault("\(what) is not valid UTF-8", at: range.lowerBound)
        }
    }

    private mutating func tag(into point: inout DecodedLine) throws(Failure) {
        let limit = WireLimits.pointTagsMax
        guard point.tags.count < limit else { throw fault("a point has at most \(limit) tags") }
        let key = try part(.name, what: "a tag's key")
        guard try take(Self.equals) else { throw fault("expected '=' behind a tag's key") }
        let value = try part(.name, what: "a tag's value")
        if try peek() == Self.equals { throw fault("'=' in a tag's value is written '\\='") }
        for other in point.tags where other.key.isEqual(key, in: bytes) {
            throw fault("the tag '\(key.shown(in: bytes))' is there twice", at: key.range.lowerBound)
        }
        point.tags.append((key, value))
    }

    private mutating func field(into point: inout DecodedLine) throws(Failure) {
        let limit = WireLimits.pointFieldsMax
        guard point.fields.count < limit else { throw fault("a point has at most \(limit) fields") }
        let key = try part(.name, what: "a field's key")
        guard try take(Self.equals) else { throw fault("expected '=' behind a field's key") }
        let start = position
        let value: LineValue
        switch try peek() ?? 0 {
        case Self.quote: value = .string(try string())
        case UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"):
            value = .bool(try boolean())
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
            value = try number()
        default: throw fault("expected a number, true, false or a text in quotes")
        }
        point.fields.append(LineField(key: key, value: value, range: start..<position))
    }

    private mutating func string() throws(Failure) -> LinePart {
        position += 1
        let start = position
        let (startLine, startColumn) = (lineBreaks, position - lineStart)
        var part = LinePart(escapes: .string)
        var isASCII = true
        while true {
            guard let byte = try peek() else {
                // Perhaps only a quote is missing: the next line is taken for one.
                (position, lineBreaks) = (start, startLine)
                faultLine = startLine
                faultColumn = startColumn
                throw .fault("the quote that opens here is never closed")
            }
            if byte == Self.quote { break }
            if byte == Self.lineFeed {
                endLine()
                continue
            }
            if byte >= 0x80 { isASCII = false }
            if byte == Self.backslash {
                if position + 1 == bytes.count, !isEnd { throw .incomplete }
                if position + 1 < bytes.count, LineEscapes.string.contains(bytes[position + 1]) {
                    part.isEscaped = true
                    position += 1
                }
            }
            position += 1
        }
        part.range = start..<position
        position += 1
        if !isASCII { try checkUTF8(part.range, "a text") }
        return part
    }

    /// Scans up to where a value ends.
    private mutating func word() throws(Failure) -> Range<Int> {
        let start = position
        while let byte = try peek(), byte != Self.comma, byte != Self.space, byte > 0x20 { position += 1 }
        return start..<position
    }

    private mutating func boolean() throws(Failure) -> Bool {
        let range = try word()
        for (word, value) in Self.booleans where isWord(word, range) { return value }
        throw fault("expected t, true, True, TRUE, f, false, False or FALSE", at: range.lowerBound)
    }

    private static let booleans: [(StaticString, Bool)] = [
        ("t", true), ("T", true), ("true", true), ("True", true), ("TRUE", true), ("f", false), ("F", false),
        ("false", false), ("False", false), ("FALSE", false),
    ]

    private func isWord(_ word: StaticString, _ range: Range<Int>) -> Bool {
        guard word.utf8CodeUnitCount == range.count else { return false }
        // Safe: `index` is below the word's length.
        for index in 0..<range.count where bytes[range.lowerBound + index] != word.utf8Start[index] { return false }
        return true
    }

    private mutating func number() throws(Failure) -> LineValue {
        let range = try word()
        let last = bytes[range.upperBound - 1]
        let digits = range.lowerBound..<range.upperBound - 1
        do throws(ValueTextError) {
            switch last {
            case UInt8(ascii: "i"):
                guard isInteger(digits) else { throw .malformed }
                return .int(try ValueText.int64(bytes.extracting(digits)))
            case UInt8(ascii: "u"):
                guard isInteger(digits), bytes[range.lowerBound] != UInt8(ascii: "-") else { throw .malformed }
                return .unsigned(try Self.unsigned(bytes.extracting(digits)))
            default:
                let value = try ValueText.float64(bytes.extracting(range))
                // NaN and infinities have words, which the protocol does not.
                guard value.isFinite else { throw .malformed }
                return .float(value)
            }
        } catch {
            throw fault("a number is malformed or out of range", at: range.lowerBound)
        }
    }

    /// An optional minus and digits.
    private func isInteger(_ range: Range<Int>) -> Bool {
        var at = range.lowerBound
        if at < range.upperBound, bytes[at] == UInt8(ascii: "-") { at += 1 }
        guard at < range.upperBound else { return false }
        for index in at..<range.upperBound where bytes[index] &- UInt8(ascii: "0") > 9 { return false }
        return true
    }

    private static func unsigned(_ text: Span<UInt8>) throws(ValueTextError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<text.count {
            let scaled = value.multipliedReportingOverflow(by: 10)
            let next = scaled.partialValue.addingReportingOverflow(UInt64(text[index] - UInt8(ascii: "0")))
            guard !scaled.overflow, !next.overflow else { throw .outOfRange }
            value = next.partialValue
        }
        return value
    }

    private mutating func timestamp() throws(Failure) -> Int64 {
        let range = try word()
        guard isInteger(range) else { throw fault("expected a time as an integer", at: range.lowerBound) }
        do {
            return try ValueText.int64(bytes.extracting(range))
        } catch {
            throw fault("the time is out of range", at: range.lowerBound)
        }
    }
}
