import Glibc

/// Reads a model file's JSON.
///
/// Ours, because lists of numbers are to become numbers at once, without a value of their own for each, and because model
/// files come from strangers: every length and depth is bounded.
struct ModelJSON {
    /// With a 0 behind the text, at which whatever reads numbers ends.
    private let bytes: [UInt8]
    private let end: Int
    private var at = 0
    private var valueCount = 0

    init(_ bytes: [UInt8]) {
        end = bytes.count
        self.bytes = bytes + [0]
    }

    mutating func document() throws(ForestError) -> ModelValue {
        let value = try value(depth: 0)
        skipBlanks()
        guard at == end else { throw .malformed("text follows the JSON object", at: at) }
        return value
    }

    private mutating func skipBlanks() {
        while at < end, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard at < end, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(ForestError) -> ModelValue {
        guard depth <= ForestLimits.depthMax else {
            throw .malformed("values nested more than \(ForestLimits.depthMax) deep", at: at)
        }
        valueCount += 1
        guard valueCount <= ForestLimits.valuesMax else {
            throw .tooLarge("it has more than \(ForestLimits.valuesMax) values")
        }
        skipBlanks()
        guard at < end else { throw .malformed("it is cut off", at: at) }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(ForestError) -> ModelValue {
        at += 1
        var members: [(name: String, value: ModelValue)] = []
        if take(UInt8(ascii: "}")) { return .members(members) }
        repeat {
            skipBlanks()
            guard at < end, bytes[at] == UInt8(ascii: "\"") else {
                throw .malformed("expected a key in quotes", at: at)
            }
            let name = try string()
            guard take(UInt8(ascii: ":")) else { throw .malformed("expected ':'", at: at) }
            let value = try value(depth: depth + 1)
            members.append((name, value))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw .malformed("expected ',' or '}'", at: at) }
        return .members(members)
    }

    private mutating func list(depth: Int) throws(ForestError) -> ModelValue {
        at += 1
        if take(UInt8(ascii: "]")) { return .numbers([]) }
        skipBlanks()
        guard at < end else { throw .malformed("it is cut off", at: at) }
        if ![UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "n")].contains(bytes[at]) {
            var numbers: [Double] = []
            repeat {
                skipBlanks()
                numbers.append(try numberOrFlag())
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw .malformed("expected ',' or ']' in a list of numbers", at: at) }
            return .numbers(numbers)
        }
        var values: [ModelValue] = []
        repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw .malformed("expected ',' or ']'", at: at) }
        return .list(values)
    }

    private mutating func numberOrFlag() throws(ForestError) -> Double {
        guard at < end else { throw .malformed("it is cut off", at: at) }
        switch bytes[at] {
        case UInt8(ascii: "t"):
            try word("true")
            return 1
        case UInt8(ascii: "f"):
            try word("false")
            return 0
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString) throws(ForestError) {
        for index in 0..<text.utf8CodeUnitCount {
            // Safe: `index` is below the word's length.
            guard at < end, bytes[at] == text.utf8Start[index] else {
                throw .malformed("expected a value", at: at)
            }
            at += 1
        }
    }

    private mutating func number() throws(ForestError) -> Double {
        let start = at
        while at < end {
            let byte = bytes[at]
            let isPart =
                byte &- UInt8(ascii: "0") <= 9 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
            guard isPart else { break }
            at += 1
        }
        if at < end, at == start, bytes[at] == UInt8(ascii: "N") {
            try word("NaN")
            return .nan
        }
        if at < end, bytes[at] == UInt8(ascii: "I"), at - start <= 1 {
            let isNegative = at > start && bytes[start] == UInt8(ascii: "-")
            try word("Infinity")
            return isNegative ? -.infinity : .infinity
        }
        let (value, length) = bytes.withUnsafeBytes { buffer -> (Double, Int) in
            // Safe: `start` is within the bytes, which end with a 0.
            let first = buffer.baseAddress!.advanced(by: start).assumingMemoryBound(to: CChar.self)
            var last: UnsafeMutablePointer<CChar>?
            let value = strtod(first, &last)
            return (value, last.map { UnsafePointer($0) - first } ?? 0)
        }
        guard at > start, length == at - start else { throw .malformed("expected a number", at: start) }
        return value
    }

    private mutating func string() throws(ForestError) -> String {
        at += 1
        var text: [UInt8] = []
        while at < end {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw .malformed("a text is not valid UTF-8", at: at)
                }
                return string
            case UInt8(ascii: "\\"):
                guard at < end else { throw .malformed("it is cut off", at: at) }
                let escape = bytes[at]
                at += 1
                switch escape {
                case UInt8(ascii: "n"): text.append(0x0A)
                case UInt8(ascii: "t"): text.append(0x09)
                case UInt8(ascii: "r"): text.append(0x0D)
                case UInt8(ascii: "b"): text.append(0x08)
                case UInt8(ascii: "f"): text.append(0x0C)
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
                case UInt8(ascii: "u"):
                    let digits = bytes[min(at, end)..<min(at + 4, end)]
                    guard digits.count == 4, let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                        let scalar = Unicode.Scalar(unit)
                    else { throw .malformed("\\u without a character's four hexadecimal digits", at: at) }
                    text.append(contentsOf: Array(String(scalar).utf8))
                    at += 4
                default: throw .malformed("an unknown escape in a text", at: at)
                }
            default: text.append(byte)
            }
        }
        throw .malformed("it is cut off inside a text", at: at)
    }
}
