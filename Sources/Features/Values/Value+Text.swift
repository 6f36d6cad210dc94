extension Value {
    /// The value as the command line shows it and CSV files spell it; null is empty.
    package var text: String {
        switch self {
        case .null: ""
        case .bool(let value): value ? "true" : "false"
        case .int32(let value): String(value)
        case .int64(let value): String(value)
        case .float32(let value): Self.spell(value)
        case .float64(let value): Self.spell(value)
        case .string(let value): value
        case .bytes(let value): Self.hex(value)
        case .timestamp(let value): value.text
        case .vector, .listInt64, .listString: json
        }
    }

    /// The value as JSON. What JSON has no number for (NaN, infinities) and no type for (times, bytes) is a string.
    package var json: String {
        switch self {
        case .null: "null"
        case .bool, .int32, .int64: text
        case .float32(let value): value.isFinite ? text : "\"\(text)\""
        case .float64(let value): value.isFinite ? text : "\"\(text)\""
        case .string(let value): Self.quote(value)
        case .bytes, .timestamp: Self.quote(text)
        case .vector(let values): "[" + values.map { Value.float32($0).json }.joined(separator: ",") + "]"
        case .listInt64(let values): "[" + values.map(String.init).joined(separator: ",") + "]"
        case .listString(let values): "[" + values.map(Self.quote).joined(separator: ",") + "]"
        }
    }

    /// Shortest text that reads back to the same value; `NaN`, `inf`, `-inf`.
    package static func spell<Float: BinaryFloatingPoint & CustomStringConvertible>(_ value: Float) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return value.description
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        "\\x" + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// A JSON string.
    package static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{00}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
