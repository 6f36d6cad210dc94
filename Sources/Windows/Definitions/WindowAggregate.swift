package import Features

/// What a window makes of the events in it. Events whose value is null are skipped by all of them.
package enum WindowAggregate: String, CaseIterable, Sendable {
    /// Events; of a column: its values that are not null.
    case count
    /// Of integers exact, null beyond int64; of floats the float64 nearest to the exact sum.
    case sum
    /// The sum as a float64, divided once by the number of values.
    case avg
    /// In PostgreSQL's order: NaN is the greatest number, texts are ordered by their bytes (collation "C").
    case min
    case max
    /// By time, of equal times by the event's id.
    case first
    case last
    /// How many different values: exact. NaN is one value, and -0 is 0.
    case distinct

    /// Each name that a window can start with, for messages.
    package static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// The type of the aggregate's values over a column.
    /// - Parameter column: `nil` where none is named, as in `count over 1h`.
    /// - Returns: `nil` where the aggregate takes no such column; ``accepted`` says which it takes.
    package func resultType(of column: FeatureType?) -> FeatureType? {
        guard let column else { return self == .count ? .int64 : nil }
        switch self {
        case .count: return .int64
        case .sum:
            if column.isInteger { return .int64 }
            return column.isFloat ? .float64 : nil
        case .avg: return column.isInteger || column.isFloat ? .float64 : nil
        case .min, .max: return column.isOrdered ? column : nil
        case .first, .last: return column
        case .distinct: return column.isOrdered || column == .bool || column == .bytes ? .int64 : nil
        }
    }

    /// The types that it takes, as the end of a sentence.
    var accepted: String {
        switch self {
        case .count, .first, .last: "every type"
        case .sum, .avg: "int32, int64, float32 and float64"
        case .min, .max: "int32, int64, float32, float64, string and timestamp"
        case .distinct: "bool, int32, int64, float32, float64, string, bytes and timestamp"
        }
    }
}

extension FeatureType {
    fileprivate var isInteger: Bool { self == .int32 || self == .int64 }
    fileprivate var isFloat: Bool { self == .float32 || self == .float64 }
    fileprivate var isOrdered: Bool { isInteger || isFloat || self == .string || self == .timestamp }
}
