import CForest

/// JSON to a ``ModelDocument``, with `NaN` and `Infinity`, which XGBoost writes.
struct JSONReader {
    let bytes: [UInt8]
    private var at = 0
    private var valuesKept = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func read() throws(ForestError) -> ModelDocument {
        let value = try value(nesting: 0, isKept: true)
        skipSpace()
        guard at == bytes.count else { throw .malformed(at: at, expected: "the end of the file") }
        return value
    }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || (bytes[at] >= 9 && bytes[at] <= 13) { at += 1 }
    }

    private mutating func isNext(_ character: UInt8) -> Bool {
        skipSpace()
        guard at < bytes.count, bytes[at] == character else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(ForestError) {
        guard isNext(UInt8(ascii: character)) else { throw .malformed(at: at, expected: "'\(character)'") }
    }

    private mutating func keep() throws(ForestError) {
        valuesKept += 1
        guard valuesKept <= ForestLimits.valuesMax else {
            throw .beyondLimit(what: "values", got: valuesKept, max: ForestLimits.valuesMax)
        }
    }

    private mutating func value(nesting: Int, isKept: Bool) throws(ForestError) -> ModelDocument {
        guard nesting <= ForestLimits.nestingMax else {
            throw .malformed(
                at: at,
                expected: "at most \(ForestLimits.nestingMax) arrays and objects within each other"
            )
        }
        skipSpace()
        guard at < bytes.count else { throw .malformed(at: at, expected: "a value, not the end of the file") }
        if isKept { try keep() }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(nesting: nesting, isKept: isKept)
        case UInt8(ascii: "["): return try array(nesting: nesting, isKept: isKept)
        case UInt8(ascii: "\""): return .string(try text())
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

    private mutating func word(_ word: StaticString) throws(ForestError) {
        let count = word.utf8CodeUnitCount
        let isThere = bytes.count - at >= count && (0..<count).allSatisfy { bytes[at + $0] == word.utf8Start[$0] }
        guard isThere else { throw .malformed(at: at, expected: "\(word)") }
        at += count
    }

    private mutating func number() throws(ForestError) -> ModelNumber {
        let begin = at
        scan: while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                at += 1
            default: break scan
            }
        }
        guard let number = Self.number(bytes[begin..<at]) else { throw .malformed(at: begin, expected: "a value") }
        return number
    }

    /// The number that the whole text is, or nil.
    static func number(_ text: ArraySlice<UInt8>) -> ModelNumber? {
        var number = ModelNumber(double: 0, float: 0)
        let isNumber = text.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return false }
            return asof_forest_number(start, text.count, &number.double, &number.float) != 0
        }
        return isNumber ? number : nil
    }

    private mutating func array(nesting: Int, isKept: Bool) throws(ForestError) -> ModelDocument {
        at += 1
        var numbers = [ModelNumber]()
        var others = [ModelDocument]()
        if isNext(UInt8(ascii: "]")) { return .numbers([]) }
        repeat {
            let value = try value(nesting: nesting + 1, isKept: isKept)
            guard isKept else { continue }
            switch value {
            case .number(let number) where others.isEmpty: numbers.append(number)
            case .bool(let bool) where others.isEmpty:
                numbers.append(ModelNumber(double: bool ? 1 : 0, float: bool ? 1 : 0))
            default:
                if others.isEmpty { others = numbers.map { .number($0) } }
                others.append(value)
            }
        } while isNext(UInt8(ascii: ","))
        try expect("]")
        return others.isEmpty ? .numbers(numbers) : .array(others)
    }

    private mutating func object(nesting: Int, isKept: Bool) throws(ForestError) -> ModelDocument {
        at += 1
        var fields = [String: ModelDocument]()
        if isNext(UInt8(ascii: "}")) { return .object([:]) }
        repeat {
            skipSpace()
            let begin = at
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                throw .malformed(at: at, expected: "the name of a field in quotes")
            }
            let name = try text()
            try expect(":")
            let isFieldKept = isKept && !ModelDocument.ignoredFields.contains(name)
            let value = try value(nesting: nesting + 1, isKept: isFieldKept)
            guard isFieldKept else { continue }
            guard fields.updateValue(value, forKey: name) == nil else {
                throw .malformed(at: begin, expected: "each field once, and \(ModelText.shown(name)) is there twice")
            }
        } while isNext(UInt8(ascii: ","))
        try expect("}")
        return .object(fields)
    }

    private mutating func text() throws(ForestError) -> String {
        let begin = at
        at += 1
        var text = [UInt8]()
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
            if bytes[at] == UInt8(ascii: "\\") {
                try escape(into: &text)
            } else {
                text.append(bytes[at])
                at += 1
            }
            guard text.count <= ForestLimits.textBytesMax else {
                throw .malformed(at: begin, expected: "a text of at most \(ForestLimits.textBytesMax) bytes")
            }
        }
        guard at < bytes.count else { throw .malformed(at: begin, expected: "a text that ends") }
        at += 1
        guard let valid = String(validating: text, as: UTF8.self) else {
            throw .malformed(at: begin, expected: "UTF-8")
        }
        return valid
    }

    private mutating func escape(into text: inout [UInt8]) throws(ForestError) {
        let escapes: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "b"): 8,
            UInt8(ascii: "f"): 12, UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "/"): UInt8(ascii: "/"),
            UInt8(ascii: "\\"): UInt8(ascii: "\\"),
        ]
        guard at + 1 < bytes.count else { throw .malformed(at: at, expected: "a text that ends") }
        if let character = escapes[bytes[at + 1]] {
            text.append(character)
            at += 2
            return
        }
        guard bytes[at + 1] == UInt8(ascii: "u") else { throw .malformed(at: at, expected: "an escape of JSON") }
        var unit = try hexUnit(at: at)
        at += 6
        if (0xD800..<0xDC00).contains(unit) {
            let low = try hexUnit(at: at)
            guard (0xDC00..<0xE000).contains(low) else { throw .malformed(at: at, expected: "a low surrogate") }
            unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            at += 6
        }
        guard let scalar = Unicode.Scalar(unit) else { throw .malformed(at: at, expected: "a character") }
        text += Array(String(Character(scalar)).utf8)
    }

    private func hexUnit(at place: Int) throws(ForestError) -> UInt32 {
        guard bytes.count - place >= 6, bytes[place] == UInt8(ascii: "\\"), bytes[place + 1] == UInt8(ascii: "u"),
            bytes[place + 2] != UInt8(ascii: "+"),
            let unit = UInt32(String(decoding: bytes[(place + 2)..<(place + 6)], as: UTF8.self), radix: 16)
        else { throw .malformed(at: place, expected: "\\u and four digits") }
        return unit
    }
}
