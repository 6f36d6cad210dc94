import Features

/// The type of a part of an expression.
enum ValueType: Hashable, Sendable {
    case feature(FeatureType)
    /// A difference of times, in µs.
    case interval
    /// What clocks of a time zone show, as µs since 1970-01-01 00:00 there.
    case localTime
    /// Of the literal `null`.
    case null

    static let bool = ValueType.feature(.bool)
    static let int32 = ValueType.feature(.int32)
    static let int64 = ValueType.feature(.int64)
    static let float32 = ValueType.feature(.float32)
    static let float64 = ValueType.feature(.float64)
    static let string = ValueType.feature(.string)
    static let bytes = ValueType.feature(.bytes)
    static let timestamp = ValueType.feature(.timestamp)

    /// How messages and the reference name it.
    var text: String {
        switch self {
        case .feature(let type): type.text
        case .interval: "a difference of times"
        case .localTime: "a local time"
        case .null: "null"
        }
    }

    /// In which columns it is held.
    var storage: FeatureType {
        switch self {
        case .feature(let type): type
        case .interval, .localTime: .int64
        case .null: .bool
        }
    }

    /// Where it stands among numbers, narrow to wide; `nil` for all else.
    var numberRank: Int? {
        switch self {
        case .int32: 0
        case .int64: 1
        case .float32: 2
        case .float64: 3
        default: nil
        }
    }

    var isInteger: Bool { self == .int32 || self == .int64 }
    var isFloat: Bool { self == .float32 || self == .float64 }

    /// Whether a value of this type is taken where `other` is asked for.
    func widens(to other: ValueType) -> Bool {
        if self == other || self == .null { return true }
        guard let rank = numberRank, let otherRank = other.numberRank else { return false }
        return rank < otherRank
    }

    /// The type of branches of these types: PostgreSQL's `case`, `coalesce`, `greatest`. `nil` where there is none.
    static func common(_ types: [ValueType]) -> ValueType? {
        var common = ValueType.null
        for type in types where type != common {
            if type.widens(to: common) { continue }
            guard common.widens(to: type) else { return nil }
            common = type
        }
        return common
    }

    /// In which type two numbers are added or compared: integers in the wider, float32 in float32, all else in float64.
    static func arithmetic(_ left: ValueType, _ right: ValueType) -> ValueType? {
        guard let leftRank = left.numberRank, let rightRank = right.numberRank else { return nil }
        if left.isInteger, right.isInteger { return leftRank > rightRank ? left : right }
        return left == right ? left : .float64
    }
}
