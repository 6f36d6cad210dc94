package import Features

/// What a window makes of the events in it. Events whose value is null are skipped by all of them.
package enum WindowAggregate: String, CaseIterable, Sendable {
    /// Events; of a column: its values that are not null.
    case count
    /// Of integers exact, null beyond int64; of floats the float64 nearest to the exact sum.
    case sum
    /// The sum as a float64, divided once by the number of values.
    case avg
    /// Mean square distance from the mean, of a sample; null of less than two values. One quotient of exact integers, rounded once.
    case variance
    /// Its square root, rounded once more.
    case stddev
    /// The same of all there is; null of no value.
    case variancePopulation = "var_pop"
    case stddevPopulation = "stddev_pop"
    /// In PostgreSQL's order: NaN is the greatest number, texts are ordered by their bytes (collation "C").
    case min
    case max
    /// By time, of equal times by the event's id. With a number: so many of them, `first` the oldest first, `last` the newest.
    case first
    case last
    /// How many different values: exact. NaN is one value, and -0 is 0.
    case distinct
    /// About how many, by a sketch.
    case approxDistinct = "approx_distinct"
    /// The value below which a fraction of the values lies, at most a hundredth off; of the lower one of two between which it falls.
    case approxQuantile = "approx_quantile"
    /// The most frequent values, so many of them, the most frequent first; of equally frequent ones the lesser first.
    case top
    /// Each value with its count, as texts `value=count`, in the order of ``top``.
    case histogram
    /// From the newest event to the time asked for.
    case secondsSinceLast = "seconds_since_last"

    /// Each name that a window can start with, for messages.
    package static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// Whether a column is named: `nil` = it may be.
    var hasColumn: Bool? {
        switch self {
        case .count: nil
        case .secondsSinceLast: false
        default: true
        }
    }

    /// Whether a fraction stands behind the column.
    var hasFraction: Bool { self == .approxQuantile }

    /// Whether a number stands behind the column: `nil` = it may.
    var hasNumber: Bool? {
        switch self {
        case .first, .last: nil
        case .top: true
        default: false
        }
    }

    /// The type of the aggregate's values over a column.
    /// - Parameters:
    ///   - column: `nil` where none is named, as in `count over 1h`.
    ///   - isList: whether a number of values is asked for.
    /// - Returns: `nil` where the aggregate takes no such column; ``accepted(isList:)`` says which it takes.
    package func resultType(of column: FeatureType?, isList: Bool = false) -> FeatureType? {
        guard let column else { return self == .count ? .int64 : self == .secondsSinceLast ? .float64 : nil }
        if isList { return column.listType }
        switch self {
        case .count: return .int64
        case .sum:
            if column.isInteger { return .int64 }
            return column.isFloat ? .float64 : nil
        case .avg, .variance, .stddev, .variancePopulation, .stddevPopulation, .approxQuantile:
            return column.isInteger || column.isFloat ? .float64 : nil
        case .min, .max: return column.isOrdered ? column : nil
        case .first, .last: return column
        case .top: return column.listType
        case .histogram: return column.listType == nil ? nil : .listString
        case .secondsSinceLast: return nil
        case .distinct, .approxDistinct: return column.isOrdered || column == .bool || column == .bytes ? .int64 : nil
        }
    }

    /// The types that it takes, as the end of a sentence.
    func accepted(isList: Bool) -> String {
        if isList { return "int32, int64 and string where a number of values is asked for" }
        switch self {
        case .count, .first, .last: return "every type"
        case .sum, .avg, .variance, .stddev, .variancePopulation, .stddevPopulation, .approxQuantile:
            return "int32, int64, float32 and float64"
        case .min, .max: return "int32, int64, float32, float64, string and timestamp"
        case .distinct, .approxDistinct: return "bool, int32, int64, float32, float64, string, bytes and timestamp"
        case .top, .histogram: return "int32, int64 and string"
        case .secondsSinceLast: return "no feature"
        }
    }
}

extension FeatureType {
    fileprivate var isInteger: Bool { self == .int32 || self == .int64 }
    /// Of a list of such values; `nil` = there is none.
    fileprivate var listType: FeatureType? { isInteger ? .listInt64 : self == .string ? .listString : nil }
    fileprivate var isFloat: Bool { self == .float32 || self == .float64 }
    fileprivate var isOrdered: Bool { isInteger || isFloat || self == .string || self == .timestamp }
}
