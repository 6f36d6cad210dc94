import Features
import PointInTime

/// Casts from and to strings.
enum CastTexts {
    static func kernel(_ from: ValueType, _ to: ValueType) -> Kernel? {
        switch (from, to) {
        case (.string, .int32): parsing { (text: Span<UInt8>) in (try? ValueText.int32(text)) }
        case (.string, .int64): parsing { (text: Span<UInt8>) in (try? ValueText.int64(text)) }
        case (.string, .float32): parsing { (text: Span<UInt8>) in float32(text) }
        case (.string, .float64): parsing { (text: Span<UInt8>) in float64(text) }
        case (.string, .bool): parsing { (text: Span<UInt8>) in bool(text) }
        case (.string, .timestamp):
            parsing { (text: Span<UInt8>) in (try? Timestamp(text: text))?.microseconds }
        case (.bool, .string):
            printing { (value: Bool, out: inout [UInt8]) in out += (value ? "true" : "false").utf8 }
        case (.int32, .string): printing { (value: Int32, out: inout [UInt8]) in out += String(value).utf8 }
        case (.int64, .string): printing { (value: Int64, out: inout [UInt8]) in out += String(value).utf8 }
        case (.float32, .string): printing { (value: Float, out: inout [UInt8]) in FloatText.append(value, to: &out) }
        case (.float64, .string): printing { (value: Double, out: inout [UInt8]) in FloatText.append(value, to: &out) }
        case (.timestamp, .string):
            printing { (value: Int64, out: inout [UInt8]) in time(value, to: &out) }
        default: nil
        }
    }

    private static func parsing<R: Slot>(_ parse: @escaping @Sendable (Span<UInt8>) -> R?) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let texts = TextRows(operands[0])
            var values = [R](repeating: .zero, count: count)
            var failed: [Bool]?
            for row in 0..<count where operands[0].isValid(row) {
                let text = Array(trimmed(texts.bytes(row)))
                if let value = parse(text.span) {
                    values[row] = value
                } else {
                    if failed == nil { failed = [Bool](repeating: false, count: count) }
                    failed?[row] = true
                }
            }
            return Loops.result(R.values(values), operands, count, failed: failed)
        }
    }

    private static func printing<A: Slot>(_ write: @escaping @Sendable (A, inout [UInt8]) -> Void) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let values = A.array(operands[0].values)
            var output = TextOutput(count: count)
            for row in 0..<count {
                output.row(row) { out in
                    write(values[row], &out)
                    return true
                }
            }
            return output.result(operands)
        }
    }

    /// Without the white space at both ends that C's `isspace` names.
    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let byte = text.first, byte == 0x20 || (0x09...0x0D).contains(byte) { text.removeFirst() }
        while let byte = text.last, byte == 0x20 || (0x09...0x0D).contains(byte) { text.removeLast() }
        return text
    }

    private static func float64(_ text: Span<UInt8>) -> Double? {
        guard let value = try? ValueText.float64(text), value != 0 || isZero(text) else { return nil }
        return value
    }

    private static func float32(_ text: Span<UInt8>) -> Float? {
        guard let value = try? ValueText.float32(text), value != 0 || isZero(text) else { return nil }
        return value
    }

    /// Whether a decimal number is zero as it is written; else a zero read from it is an underflow.
    private static func isZero(_ text: Span<UInt8>) -> Bool {
        for index in 0..<text.count {
            if text[index] | 0x20 == UInt8(ascii: "e") { return true }
            if text[index] >= UInt8(ascii: "1"), text[index] <= UInt8(ascii: "9") { return false }
        }
        return true
    }

    /// A beginning of true, false, yes or no, on, off or its first two letters, 1, 0; in any case.
    private static func bool(_ text: Span<UInt8>) -> Bool? {
        guard text.count > 0, text.count <= 5 else { return nil }
        var word = ""
        for index in 0..<text.count { word.unicodeScalars.append(Unicode.Scalar(text[index])) }
        word = word.lowercased()
        if "true".hasPrefix(word) || "yes".hasPrefix(word) || word == "on" || word == "1" { return true }
        if "false".hasPrefix(word) || "no".hasPrefix(word) || word == "of" || word == "off" || word == "0" {
            return false
        }
        return nil
    }

    /// PostgreSQL's ISO style in UTC: `2013-01-01 05:00:00.25+00`.
    private static func time(_ microseconds: Int64, to out: inout [UInt8]) {
        // A null row may hold anything; what is written for it is not looked at.
        var text: [UInt8] = []
        Timestamp(microseconds: microseconds).write(to: &text)
        guard text.count > 10 else { return }
        text[10] = 0x20
        text.removeLast()
        if text.count > 19 { while text.last == UInt8(ascii: "0") { text.removeLast() } }
        out += text
        out += "+00".utf8
    }
}
