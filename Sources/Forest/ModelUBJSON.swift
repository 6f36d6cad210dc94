/// Reads a model file's UBJSON (Universal Binary JSON, draft 12), big-endian, as XGBoost writes it.
struct ModelUBJSON {
    private let bytes: [UInt8]
    private var at = 0
    private var valueCount = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(ForestError) -> ModelValue {
        let value = try value(try marker(), depth: 0)
        guard at == bytes.count else { throw .malformed("bytes follow the object", at: at) }
        return value
    }

    private mutating func marker() throws(ForestError) -> UInt8 {
        while at < bytes.count {
            at += 1
            // "N" stands for nothing.
            if bytes[at - 1] != UInt8(ascii: "N") { return bytes[at - 1] }
        }
        throw .malformed("it is cut off", at: at)
    }

    private mutating func unsigned(_ count: Int) throws(ForestError) -> UInt64 {
        guard count <= bytes.count - at else { throw .malformed("it is cut off", at: at) }
        var value: UInt64 = 0
        for _ in 0..<count {
            value = value << 8 | UInt64(bytes[at])
            at += 1
        }
        return value
    }

    /// The number of a type that has one; `nil` where the type is no number's.
    private mutating func number(_ type: UInt8) throws(ForestError) -> Double? {
        switch type {
        case UInt8(ascii: "i"): Double(Int8(truncatingIfNeeded: try unsigned(1)))
        case UInt8(ascii: "U"): Double(try unsigned(1))
        case UInt8(ascii: "I"): Double(Int16(truncatingIfNeeded: try unsigned(2)))
        case UInt8(ascii: "l"): Double(Int32(truncatingIfNeeded: try unsigned(4)))
        case UInt8(ascii: "L"): Double(Int64(bitPattern: try unsigned(8)))
        case UInt8(ascii: "d"): Double(Float(bitPattern: UInt32(truncatingIfNeeded: try unsigned(4))))
        case UInt8(ascii: "D"): Double(bitPattern: try unsigned(8))
        default: nil
        }
    }

    private static func size(_ type: UInt8) -> Int? {
        switch type {
        case UInt8(ascii: "i"), UInt8(ascii: "U"): 1
        case UInt8(ascii: "I"): 2
        case UInt8(ascii: "l"), UInt8(ascii: "d"): 4
        case UInt8(ascii: "L"), UInt8(ascii: "D"): 8
        default: nil
        }
    }

    private mutating func length() throws(ForestError) -> Int {
        let start = at
        let type = try marker()
        guard type != UInt8(ascii: "d"), type != UInt8(ascii: "D"), let number = try number(type),
            number >= 0, number <= Double(bytes.count - at)
        else { throw .malformed("a length that is none, or more than the file has", at: start) }
        return Int(number)
    }

    private mutating func text() throws(ForestError) -> String {
        let count = try length()
        guard let text = String(validating: bytes[at..<at + count], as: UTF8.self) else {
            throw .malformed("a text is not valid UTF-8", at: at)
        }
        at += count
        return text
    }

    private mutating func value(_ type: UInt8, depth: Int) throws(ForestError) -> ModelValue {
        guard depth <= ForestLimits.depthMax else {
            throw .malformed("values nested more than \(ForestLimits.depthMax) deep", at: at)
        }
        valueCount += 1
        guard valueCount <= ForestLimits.valuesMax else {
            throw .tooLarge("it has more than \(ForestLimits.valuesMax) values")
        }
        switch type {
        case UInt8(ascii: "Z"): return .null
        case UInt8(ascii: "T"): return .bool(true)
        case UInt8(ascii: "F"): return .bool(false)
        case UInt8(ascii: "S"): return .text(try text())
        case UInt8(ascii: "C"): return .text(String(Unicode.Scalar(UInt8(try unsigned(1)) & 0x7F)))
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "{"): return try object(depth: depth)
        default:
            guard let number = try number(type) else { throw .malformed("an unknown type", at: at - 1) }
            return .number(number)
        }
    }

    /// The type and the count that stand before a container's elements.
    private mutating func header() throws(ForestError) -> (type: UInt8?, count: Int?) {
        var type: UInt8?
        if at < bytes.count, bytes[at] == UInt8(ascii: "$") {
            at += 1
            type = try marker()
        }
        guard at < bytes.count, bytes[at] == UInt8(ascii: "#") else {
            guard type == nil else { throw .malformed("a type of elements without their number", at: at) }
            return (nil, nil)
        }
        at += 1
        return (type, try length())
    }

    private mutating func list(depth: Int) throws(ForestError) -> ModelValue {
        let (type, count) = try header()
        if let type, let count, let size = Self.size(type) {
            guard count <= (bytes.count - at) / size else { throw .malformed("it is cut off inside a list", at: at) }
            var numbers: [Double] = []
            numbers.reserveCapacity(count)
            for _ in 0..<count { numbers.append(try number(type) ?? 0) }
            return .numbers(numbers)
        }
        var values: [ModelValue] = []
        while true {
            if let count {
                if values.count == count { break }
                values.append(try value(try next(type), depth: depth + 1))
            } else {
                let type = try marker()
                if type == UInt8(ascii: "]") { break }
                values.append(try value(type, depth: depth + 1))
            }
        }
        let numbers: [Double] = values.compactMap { value in
            switch value {
            case .number(let number): number
            case .bool(let flag): flag ? 1 : 0
            default: nil
            }
        }
        return numbers.count == values.count ? .numbers(numbers) : .list(values)
    }

    /// The type of the next element, which its container may have said for all.
    private mutating func next(_ type: UInt8?) throws(ForestError) -> UInt8 {
        if let type { return type }
        return try marker()
    }

    private mutating func object(depth: Int) throws(ForestError) -> ModelValue {
        let (type, count) = try header()
        var members: [(name: String, value: ModelValue)] = []
        while true {
            if let count {
                if members.count == count { break }
            } else {
                guard at < bytes.count else { throw .malformed("it is cut off", at: at) }
                if bytes[at] == UInt8(ascii: "}") {
                    at += 1
                    break
                }
            }
            let name = try text()
            members.append((name, try value(try next(type), depth: depth + 1)))
        }
        return .members(members)
    }
}
