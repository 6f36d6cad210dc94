/// UBJSON (Draft 12), as XGBoost writes it, to a ``ModelDocument``. Numbers are big-endian; an array's type and number of
/// elements may stand before it. Nothing is allocated from a declared number that the file has no bytes for.
struct UBJSONReader {
    let bytes: [UInt8]
    private var at = 0
    private var valuesKept = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func read() throws(ForestError) -> ModelDocument {
        let value = try value(of: try marker(), nesting: 0, isKept: true)
        guard at == bytes.count else { throw .malformed(at: at, expected: "the end of the file") }
        return value
    }

    private mutating func marker() throws(ForestError) -> UInt8 {
        // `N` stands for nothing.
        while at < bytes.count, bytes[at] == UInt8(ascii: "N") { at += 1 }
        guard at < bytes.count else { throw .malformed(at: at, expected: "a value, not the end of the file") }
        at += 1
        return bytes[at - 1]
    }

    private mutating func isNext(_ marker: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == marker else { return false }
        at += 1
        return true
    }

    private mutating func keep(_ count: Int) throws(ForestError) {
        valuesKept += count
        guard valuesKept <= ForestLimits.valuesMax else {
            throw .beyondLimit(what: "values", got: valuesKept, max: ForestLimits.valuesMax)
        }
    }

    /// Bytes of a number of that type, nil of another type.
    private static func size(of marker: UInt8) -> Int? {
        switch marker {
        case UInt8(ascii: "i"), UInt8(ascii: "U"): 1
        case UInt8(ascii: "I"): 2
        case UInt8(ascii: "l"), UInt8(ascii: "d"): 4
        case UInt8(ascii: "L"), UInt8(ascii: "D"): 8
        default: nil
        }
    }

    private mutating func number(of marker: UInt8) throws(ForestError) -> ModelNumber {
        guard let size = Self.size(of: marker) else { throw .malformed(at: at - 1, expected: "a number's type") }
        guard bytes.count - at >= size else { throw .malformed(at: at, expected: "a number of \(size) bytes") }
        var bits: UInt64 = 0
        for offset in 0..<size { bits = bits << 8 | UInt64(bytes[at + offset]) }
        at += size
        switch marker {
        case UInt8(ascii: "d"):
            let float = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
            return ModelNumber(double: Double(float), float: float)
        case UInt8(ascii: "D"):
            let double = Double(bitPattern: bits)
            return ModelNumber(double: double, float: Float(double))
        case UInt8(ascii: "U"): return ModelNumber(double: Double(bits), float: Float(bits))
        default:
            let shift = 64 - 8 * size
            let integer = Int64(bitPattern: bits << shift) >> shift
            return ModelNumber(double: Double(integer), float: Float(integer))
        }
    }

    private mutating func length() throws(ForestError) -> Int {
        let place = at
        let marker = try marker()
        guard marker != UInt8(ascii: "d"), marker != UInt8(ascii: "D") else {
            throw .malformed(at: place, expected: "a length")
        }
        guard let length = try number(of: marker).integer, length >= 0 else {
            throw .malformed(at: place, expected: "a length of at least 0")
        }
        return length
    }

    private mutating func text() throws(ForestError) -> String {
        let place = at
        let count = try length()
        guard count <= min(bytes.count - at, ForestLimits.textBytesMax) else {
            throw .malformed(
                at: place,
                expected: "a text within the file and of at most \(ForestLimits.textBytesMax) bytes, not \(count)"
            )
        }
        guard let text = String(validating: bytes[at..<(at + count)], as: UTF8.self) else {
            throw .malformed(at: at, expected: "UTF-8")
        }
        at += count
        return text
    }

    private mutating func value(of marker: UInt8, nesting: Int, isKept: Bool) throws(ForestError) -> ModelDocument {
        guard nesting <= ForestLimits.nestingMax else {
            throw .malformed(
                at: at,
                expected: "at most \(ForestLimits.nestingMax) arrays and objects within each other"
            )
        }
        if isKept { try keep(1) }
        switch marker {
        case UInt8(ascii: "Z"): return .null
        case UInt8(ascii: "T"): return .bool(true)
        case UInt8(ascii: "F"): return .bool(false)
        case UInt8(ascii: "S"): return .string(try text())
        case UInt8(ascii: "C"):
            guard at < bytes.count, bytes[at] < 128 else { throw .malformed(at: at, expected: "an ASCII character") }
            at += 1
            return .string(String(UnicodeScalar(bytes[at - 1])))
        case UInt8(ascii: "["): return try array(nesting: nesting, isKept: isKept)
        case UInt8(ascii: "{"): return try object(nesting: nesting, isKept: isKept)
        default: return .number(try number(of: marker))
        }
    }

    private mutating func array(nesting: Int, isKept: Bool) throws(ForestError) -> ModelDocument {
        var type: UInt8?
        if isNext(UInt8(ascii: "$")) {
            let place = at
            let marker = try marker()
            guard Self.size(of: marker) != nil else {
                throw .malformed(at: place, expected: "a type of numbers for the array")
            }
            type = marker
        }
        let place = at
        var count: Int?
        if isNext(UInt8(ascii: "#")) { count = try length() }
        if let type {
            guard let count, let size = Self.size(of: type) else {
                throw .malformed(at: place, expected: "the number of elements after their type")
            }
            return try numbers(of: type, size: size, count: count, isKept: isKept)
        }
        var numbers = [ModelNumber]()
        var others = [ModelDocument]()
        var index = 0
        while true {
            if let count {
                if index == count { break }
            } else if isNext(UInt8(ascii: "]")) {
                break
            }
            index += 1
            // Each element takes at least its marker, so that a declared number ends with the file.
            let value = try value(of: try marker(), nesting: nesting + 1, isKept: isKept)
            guard isKept else { continue }
            switch value {
            case .number(let number) where others.isEmpty: numbers.append(number)
            case .bool(let bool) where others.isEmpty:
                numbers.append(ModelNumber(double: bool ? 1 : 0, float: bool ? 1 : 0))
            default:
                if others.isEmpty { others = numbers.map { .number($0) } }
                others.append(value)
            }
        }
        return others.isEmpty ? .numbers(numbers) : .array(others)
    }

    private mutating func numbers(
        of type: UInt8,
        size: Int,
        count: Int,
        isKept: Bool
    ) throws(ForestError) -> ModelDocument {
        guard count <= (bytes.count - at) / size else {
            throw .malformed(at: at, expected: "\(count) numbers of \(size) bytes, and the file ends before")
        }
        guard isKept else {
            at += count * size
            return .null
        }
        try keep(count)
        var numbers = [ModelNumber]()
        numbers.reserveCapacity(count)
        for _ in 0..<count { numbers.append(try number(of: type)) }
        return .numbers(numbers)
    }

    private mutating func object(nesting: Int, isKept: Bool) throws(ForestError) -> ModelDocument {
        var count: Int?
        if isNext(UInt8(ascii: "#")) { count = try length() }
        var fields = [String: ModelDocument]()
        var index = 0
        while true {
            if let count {
                if index == count { break }
            } else if isNext(UInt8(ascii: "}")) {
                break
            }
            index += 1
            let place = at
            let name = try text()
            let isFieldKept = isKept && !ModelDocument.ignoredFields.contains(name)
            let value = try value(of: try marker(), nesting: nesting + 1, isKept: isFieldKept)
            guard isFieldKept else { continue }
            guard fields.updateValue(value, forKey: name) == nil else {
                throw .malformed(at: place, expected: "each field once, and \(ModelText.shown(name)) is there twice")
            }
        }
        return .object(fields)
    }
}
