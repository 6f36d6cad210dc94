/// Why a text is no value of the type that is asked for.
package enum ValueTextError: Error, Equatable, Sendable {
    /// Not the type's syntax at all.
    case malformed
    case outOfRange
    /// Where an integer is asked for.
    case fraction
    /// An integer with a point or an exponent from 2^53 on: it may have been another one before it was a float.
    case floatInteger
    /// Where numbers have a point, or nothing.
    case comma
    case time(TimestampTextError)
    case notUTF8
    /// U+0000, which PostgreSQL's text cannot hold.
    case nul
    case tooLong(bytes: Int)
    case dimensions(got: Int)
    case nullInList
    /// A list that was printed with `...` in place of some of its elements.
    case elided

    /// The reason as the end of a sentence.
    package var reason: String {
        switch self {
        case .malformed: "it has another form"
        case .outOfRange: "it is out of range"
        case .fraction: "it has a fraction"
        case .floatInteger: Self.floatIntegerReason
        case .comma: "it has a comma; write a point before the fraction, and nothing between thousands"
        case .time(.malformed): "it is no RFC 3339 time"
        case .time(.infinite): "infinite times are refused"
        case .time(.leapSecond):
            "a second of 60 is refused, which PostgreSQL would move to the next minute; write 59 or that minute"
        case .time(.outOfRange): "it lies outside the years 1 to 9999"
        case .time(.early1970(let unit)): TimeReading.early1970Reason(unit)
        case .time(.unitNeeded): "it is a number; say its unit with --time-unit s|ms|us|ns"
        case .notUTF8: "it is not valid UTF-8"
        case .nul: "it contains U+0000, which PostgreSQL cannot store in text"
        case .tooLong(let bytes): "it has \(bytes) bytes; \(DefinitionLimits.valueBytesMax) are allowed"
        case .dimensions(let got): "it has \(got) elements"
        case .nullInList: "it has a null element"
        case .elided:
            "it was printed with '...' in place of elements; have all printed (numpy.set_printoptions(threshold=sys.maxsize))"
        }
    }

    /// Also of columns of floats in files.
    package static let floatIntegerReason =
        "from 2^53 on a float may have been another integer before; write it without point and exponent"
}

/// Text to scalar values, one set of rules for every place where text comes in: CSV, JSON, the command line, the server.
///
/// All are O(length) and allocate nothing where the value itself does not, except for floats with more than 19
/// significant digits or a large exponent.
package enum ValueText {
    /// `true false t f 1 0`, in any case.
    package static func bool(_ text: Span<UInt8>) throws(ValueTextError) -> Bool {
        if text.count == 1 {
            switch text[0] {
            case UInt8(ascii: "1"), UInt8(ascii: "t"), UInt8(ascii: "T"): return true
            case UInt8(ascii: "0"), UInt8(ascii: "f"), UInt8(ascii: "F"): return false
            default: throw .malformed
            }
        }
        if isWord("true", text, from: 0) { return true }
        if isWord("false", text, from: 0) { return false }
        throw .malformed
    }

    /// A decimal integer: an optional `-` or `+`, digits, nothing else.
    package static func int64(_ text: Span<UInt8>) throws(ValueTextError) -> Int64 {
        var index = 0
        let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
        if text.count > 0, isNegative || text[0] == UInt8(ascii: "+") { index = 1 }
        guard index < text.count else { throw .malformed }
        var value: Int64 = 0
        var overflow = false
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { throw .malformed }
            let scaled = value.multipliedReportingOverflow(by: 10)
            // Negative accumulation, so that Int64.min is reached without a special case.
            let next = scaled.partialValue.subtractingReportingOverflow(Int64(digit))
            overflow = overflow || scaled.overflow || next.overflow
            value = next.partialValue
            index += 1
        }
        if overflow || (!isNegative && value == .min) { throw .outOfRange }
        return isNegative ? value : -value
    }

    package static func int32(_ text: Span<UInt8>) throws(ValueTextError) -> Int32 {
        guard let value = Int32(exactly: try int64(text)) else { throw .outOfRange }
        return value
    }

    /// An integer as ``int64(_:)`` reads it, or as programs print one that went through a float: `1.0`, `1e3`.
    /// - Throws: ``ValueTextError/fraction``; ``ValueTextError/floatInteger`` for such a spelling of 2^53 and more.
    package static func integer(_ text: Span<UInt8>) throws(ValueTextError) -> Int64 {
        do throws(ValueTextError) {
            return try int64(text)
        } catch {
            guard error == .malformed else { throw error }
            guard Decimal64(text) != nil else { throw hasComma(text) ? .comma : .malformed }
            guard let number = ExactNumber(text) else { throw .outOfRange }
            guard number.fractionDigits == 0 else { throw .fraction }
            let value = try int64(number.text.span)
            guard value.magnitude < 1 << 53 else { throw .floatInteger }
            return value
        }
    }

    package static func integer32(_ text: Span<UInt8>) throws(ValueTextError) -> Int32 {
        guard let value = Int32(exactly: try integer(text)) else { throw .outOfRange }
        return value
    }

    /// Whether a text that is no number is one of those that are written with commas: `1,5`, `1.234,50`, `1,234`.
    private static func hasComma(_ text: Span<UInt8>) -> Bool {
        var commas = 0
        for index in 0..<text.count {
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): continue
            case UInt8(ascii: ","): commas += 1
            case UInt8(ascii: "."): continue
            case UInt8(ascii: "-"), UInt8(ascii: "+"): if index > 0 { return false }
            default: return false
            }
        }
        return commas > 0 && commas < text.count
    }

    /// A decimal number, `NaN`, `inf`, `infinity` with an optional sign, in any case. Rounded to nearest even.
    /// - Throws: ``ValueTextError/outOfRange`` also for what is not 0 and would be rounded to it, as in PostgreSQL.
    package static func float64(_ text: Span<UInt8>) throws(ValueTextError) -> Double {
        guard let decimal = Decimal64(text) else { return try specialFloat(text) }
        // Clinger's fast path: both factors are exact doubles, so that one rounding happens.
        if decimal.isExact, decimal.mantissa < 1 << 53, decimal.exponent >= -22, decimal.exponent <= 22 {
            let magnitude = Double(decimal.mantissa)
            let power = powersOfTen[Int(abs(decimal.exponent))]
            let value = decimal.exponent < 0 ? magnitude / power : magnitude * power
            return decimal.isNegative ? -value : value
        }
        guard let value = Double(String(span: text)) else { throw .malformed }
        guard value.isFinite, value != 0 || decimal.mantissa == 0 else { throw .outOfRange }
        return value
    }

    /// As ``float64(_:)``, rounded once to float32.
    package static func float32(_ text: Span<UInt8>) throws(ValueTextError) -> Float {
        guard let decimal = Decimal64(text) else { return Float(try specialFloat(text)) }
        if decimal.isExact, decimal.mantissa < 1 << 24, decimal.exponent >= -10, decimal.exponent <= 10 {
            let magnitude = Float(decimal.mantissa)
            let power = Float(powersOfTen[Int(abs(decimal.exponent))])
            let value = decimal.exponent < 0 ? magnitude / power : magnitude * power
            return decimal.isNegative ? -value : value
        }
        guard let value = Float(String(span: text)) else { throw .malformed }
        guard value.isFinite, value != 0 || decimal.mantissa == 0 else { throw .outOfRange }
        return value
    }

    /// Checks what a `string` may be: valid UTF-8 without U+0000, at most ``DefinitionLimits/valueBytesMax`` bytes.
    package static func checkString(_ text: Span<UInt8>, keepsNul: Bool = false) throws(ValueTextError) {
        guard text.count <= DefinitionLimits.valueBytesMax else { throw .tooLong(bytes: text.count) }
        var isASCII = true
        for index in 0..<text.count {
            let byte = text[index]
            if byte == 0, !keepsNul { throw .nul }
            if byte >= 0x80 { isASCII = false }
        }
        if !isASCII {
            guard (try? UTF8Span(validating: text)) != nil else { throw .notUTF8 }
        }
    }

    /// Bytes as psql writes them: `\x` and pairs of hexadecimal digits.
    package static func bytes(_ text: Span<UInt8>) throws(ValueTextError) -> [UInt8] {
        guard text.count >= 2, text.count.isMultiple(of: 2), text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x")
        else { throw .malformed }
        guard text.count / 2 - 1 <= DefinitionLimits.valueBytesMax else { throw .tooLong(bytes: text.count / 2 - 1) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = hexDigit(text[index]), let low = hexDigit(text[index + 1]) else { throw .malformed }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func specialFloat(_ text: Span<UInt8>) throws(ValueTextError) -> Double {
        guard text.count > 0 else { throw .malformed }
        let isNegative = text[0] == UInt8(ascii: "-")
        let start = isNegative || text[0] == UInt8(ascii: "+") ? 1 : 0
        if isWord("nan", text, from: start) { return .nan }
        if isWord("inf", text, from: start) || isWord("infinity", text, from: start) {
            return isNegative ? -.infinity : .infinity
        }
        throw hasComma(text) ? .comma : .malformed
    }

    /// Whether `text` from `start` on is `word` (lower case) in any case.
    private static func isWord(_ word: StaticString, _ text: Span<UInt8>, from start: Int) -> Bool {
        guard text.count - start == word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount where text[start + index] | 0x20 != word.utf8Start[index] {
            return false
        }
        return true
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]
}

/// A decimal number's parts: ± mantissa × 10^exponent.
private struct Decimal64 {
    var mantissa: UInt64 = 0
    var exponent: Int64 = 0
    var isNegative = false
    /// Whether `mantissa` holds every significant digit.
    var isExact = true

    /// - Returns: `nil` where `text` is no decimal number.
    init?(_ text: Span<UInt8>) {
        var index = 0
        if index < text.count, text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+") {
            isNegative = text[0] == UInt8(ascii: "-")
            index = 1
        }
        var digitCount = 0
        var hasPoint = false
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            if digit <= 9 {
                digitCount += 1
                if mantissa < 1_000_000_000_000_000_000 {
                    mantissa = mantissa * 10 + UInt64(digit)
                    if hasPoint { exponent -= 1 }
                } else {
                    isExact = false
                    if !hasPoint { exponent += 1 }
                }
            } else if text[index] == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else {
                break
            }
            index += 1
        }
        guard digitCount > 0 else { return nil }
        if index == text.count { return }
        guard text[index] | 0x20 == UInt8(ascii: "e") else { return nil }
        index += 1
        var isExponentNegative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            isExponentNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        guard index < text.count else { return nil }
        var power: Int64 = 0
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            power = min(power * 10 + Int64(digit), 100_000)
            index += 1
        }
        exponent += isExponentNegative ? -power : power
    }
}

extension String {
    /// A copy of UTF-8 bytes; invalid ones are replaced.
    package init(span: Span<UInt8>) {
        self = span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
