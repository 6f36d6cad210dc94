import Features
import PointInTime

/// The values of a part of an expression, of all rows of a batch, or one for all of them.
struct Operand: Sendable {
    /// A null row has a value too, which means nothing.
    var values: Column.Values
    /// False where there is no value; `nil` where every row has one.
    var validity: [Bool]?
    /// True where PostgreSQL would raise an error; such rows are null as well. `nil` where none is.
    var errors: [Bool]?
    /// Whether the arrays above have one element, which is that of each row.
    var isConstant = false

    init(_ values: Column.Values, validity: [Bool]? = nil, errors: [Bool]? = nil, isConstant: Bool = false) {
        self.values = values
        self.validity = validity
        self.errors = errors
        self.isConstant = isConstant
    }

    init(constant values: Column.Values) { self.init(values, isConstant: true) }

    /// The constant null.
    init(nullOf type: FeatureType) {
        self.init(Column(nullsOf: type, rowCount: 1).values, validity: [false], isConstant: true)
    }

    /// The constant null of another operand's type.
    init(nullLike other: Operand) {
        let values: Column.Values =
            switch other.values {
            case .bool: .bool([false])
            case .int32: .int32([0])
            case .int64: .int64([0])
            case .float32: .float32([0])
            case .float64: .float64([0])
            case .text: .text(TextValues(empties: 1))
            case .vector(let dimensions, _): .vector(dimensions: dimensions, [Float](repeating: 0, count: dimensions))
            case .listInt64: .listInt64(offsets: [0, 0], values: [])
            case .listString: .listString(offsets: [0, 0], values: TextValues())
            }
        self.init(values, validity: [false], isConstant: true)
    }

    /// Whether every row is `value`, a bool.
    func isDecided(_ value: Bool) -> Bool {
        guard isConstant, errors == nil, validity == nil else { return false }
        return values.bools[0] == value
    }

    @inline(__always)
    func isValid(_ row: Int) -> Bool {
        guard let validity else { return true }
        return validity[isConstant ? 0 : row]
    }

    @inline(__always)
    func isError(_ row: Int) -> Bool {
        guard let errors else { return false }
        return errors[isConstant ? 0 : row]
    }
}

/// A value of a fixed size, as columns have it.
protocol Slot: BitwiseCopyable, Sendable {
    static func array(_ values: Column.Values) -> [Self]
    static func values(_ array: [Self]) -> Column.Values
    static var zero: Self { get }
}

extension Bool: Slot {
    static func array(_ values: Column.Values) -> [Bool] { values.bools }
    static func values(_ array: [Bool]) -> Column.Values { .bool(array) }
    static var zero: Bool { false }
}

extension Int32: Slot {
    static func array(_ values: Column.Values) -> [Int32] {
        guard case .int32(let array) = values else { preconditionFailure("a kernel for int32") }
        return array
    }
    static func values(_ array: [Int32]) -> Column.Values { .int32(array) }
}

extension Int64: Slot {
    static func array(_ values: Column.Values) -> [Int64] {
        guard case .int64(let array) = values else { preconditionFailure("a kernel for int64") }
        return array
    }
    static func values(_ array: [Int64]) -> Column.Values { .int64(array) }
}

extension Float: Slot {
    static func array(_ values: Column.Values) -> [Float] {
        guard case .float32(let array) = values else { preconditionFailure("a kernel for float32") }
        return array
    }
    static func values(_ array: [Float]) -> Column.Values { .float32(array) }
}

extension Double: Slot {
    static func array(_ values: Column.Values) -> [Double] {
        guard case .float64(let array) = values else { preconditionFailure("a kernel for float64") }
        return array
    }
    static func values(_ array: [Double]) -> Column.Values { .float64(array) }
}

extension Column.Values {
    var bools: [Bool] {
        guard case .bool(let array) = self else { preconditionFailure("a kernel for bool") }
        return array
    }

    var texts: TextValues {
        guard case .text(let texts) = self else { preconditionFailure("a kernel for string") }
        return texts
    }
}
