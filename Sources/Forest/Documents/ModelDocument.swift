/// A number as double and as float32, each rounded once from what the file says.
struct ModelNumber: Sendable, Equatable {
    var double: Double
    var float: Float

    /// The number, where it is whole and within ±2^53.
    var integer: Int? { abs(double) <= 9_007_199_254_740_992 && double == double.rounded() ? Int(double) : nil }
}

/// A tree of values, as JSON and UBJSON have them.
indirect enum ModelDocument: Sendable {
    case null
    case bool(Bool)
    case number(ModelNumber)
    case string(String)
    /// An array of numbers only; `true` and `false` in an array count as 1 and 0.
    case numbers([ModelNumber])
    /// An array of anything else.
    case array([ModelDocument])
    case object([String: ModelDocument])

    /// Fields of XGBoost's trees that predictions do not need; they are checked and not kept.
    static let ignoredFields: Set<String> = ["base_weights", "loss_changes", "parents", "sum_hessian", "cats"]

    static func parse(_ bytes: [UInt8]) throws(ForestError) -> ModelDocument {
        guard bytes.count <= ForestLimits.fileBytesMax else {
            throw .beyondLimit(what: "bytes", got: bytes.count, max: ForestLimits.fileBytesMax)
        }
        try ModelText.refuseForeign(bytes)
        guard bytes.count >= 2, bytes[0] == UInt8(ascii: "{") || bytes[0] <= UInt8(ascii: " ") else {
            throw .malformed(at: 0, expected: "'{', with which XGBoost's JSON and UBJSON begin")
        }
        // In JSON a name or nothing follows the first brace; in UBJSON the length of a name, or the number of fields.
        let second = bytes[1]
        let isJSON =
            bytes[0] != UInt8(ascii: "{") || second == UInt8(ascii: "\"") || second <= UInt8(ascii: " ")
            || second == UInt8(ascii: "}")
        if isJSON {
            var reader = JSONReader(bytes: bytes)
            return try reader.read()
        }
        var reader = UBJSONReader(bytes: bytes)
        return try reader.read()
    }

    var kind: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let number): "\(number.double)"
        case .string(let text): ModelText.shown(text)
        case .numbers(let numbers): "an array of \(numbers.count) numbers"
        case .array(let values): "an array of \(values.count)"
        case .object: "an object"
        }
    }
}

/// A value and where in the document it stands, for messages.
struct ModelField {
    let value: ModelDocument
    let path: String

    func optional(_ name: String) throws(ForestError) -> ModelField? {
        guard case .object(let fields) = value else {
            throw .invalid(path: path, got: value.kind, expected: "an object")
        }
        guard let found = fields[name] else { return nil }
        return ModelField(value: found, path: path.isEmpty ? name : "\(path).\(name)")
    }

    func field(_ name: String) throws(ForestError) -> ModelField {
        guard let found = try optional(name) else { throw .missing(path: path.isEmpty ? name : "\(path).\(name)") }
        return found
    }

    func text() throws(ForestError) -> String {
        guard case .string(let text) = value else { throw invalid("a text") }
        return text
    }

    /// A whole number; XGBoost writes its parameters as texts.
    func integer() throws(ForestError) -> Int {
        switch value {
        case .number(let number): if let integer = number.integer { return integer }
        case .string(let text): if let integer = Int(text) { return integer }
        default: break
        }
        throw invalid("a whole number")
    }

    func numbers() throws(ForestError) -> [ModelNumber] {
        switch value {
        case .numbers(let numbers): return numbers
        case .array(let values) where values.isEmpty: return []
        default: throw invalid("an array of numbers")
        }
    }

    func integers() throws(ForestError) -> [Int] {
        let numbers = try numbers()
        var integers = [Int]()
        integers.reserveCapacity(numbers.count)
        for number in numbers {
            guard let integer = number.integer else { throw invalid("whole numbers") }
            integers.append(integer)
        }
        return integers
    }

    func finiteDoubles(count: Int) throws(ForestError) -> [Double] {
        let numbers = try numbers()
        guard numbers.count == count else { throw invalid("\(count) numbers") }
        guard numbers.allSatisfy({ $0.double.isFinite }) else { throw invalid("finite numbers") }
        return numbers.map(\.double)
    }

    func elements() throws(ForestError) -> [ModelField] {
        switch value {
        case .array(let values):
            return values.enumerated().map { ModelField(value: $1, path: "\(path)[\($0)]") }
        case .numbers(let numbers) where numbers.isEmpty: return []
        default: throw invalid("an array")
        }
    }

    func texts() throws(ForestError) -> [String] {
        var texts = [String]()
        for element in try elements() { texts.append(try element.text()) }
        return texts
    }

    func invalid(_ expected: String) -> ForestError { .invalid(path: path, got: value.kind, expected: expected) }
}
