import Features
import Foundation
import PointInTime

/// The numbers of a training set that a person reads before training; part of the ``TrainingSetManifest``.
///
/// They describe; the content digest and verification do not depend on them.
package struct TrainingSetQuality: Codable, Sendable, Hashable {
    /// In the order of the feature columns.
    package var features: [Feature]
    /// In the order of the roles.
    package var ages: [Ages]

    package struct Feature: Codable, Sendable, Hashable {
        package var name: String
        package var nulls: Int
        /// Rows with a NaN or an infinity; they enter none of the other numbers.
        package var nans: Int
        package var infinities: Int
        /// Of strings and bytes the length in bytes, of lists the number of elements.
        package var min: QualityNumber?
        package var max: QualityNumber?
        package var mean: QualityNumber?
        package var quantiles: Quantiles?
        /// All rows that have a value have the same.
        package var constant: Bool
    }

    /// A t-digest's, exact for fewer than 4,096 values.
    package struct Quantiles: Codable, Sendable, Hashable {
        package var p1, p5, p25, p50, p75, p95, p99: QualityNumber

        static let ranks = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
    }

    /// Label time minus event time of a view's matched rows, µs; `nil` where none matched.
    package struct Ages: Codable, Sendable, Hashable {
        package var prefix: String
        package var minUs: Int64?
        package var p50Us: Int64?
        package var p95Us: Int64?
        package var maxUs: Int64?
    }
}

/// A number, or a time in RFC 3339.
package enum QualityNumber: Codable, Sendable, Hashable {
    case integer(Int64)
    case real(Double)
    case time(String)

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .real(value)
        } else {
            self = .time(try container.decode(String.self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .integer(let value): try container.encode(value)
        case .real(let value): try container.encode(value)
        case .time(let text): try container.encode(text)
        }
    }

    /// `value` as a value of `type` is shown: a time of timestamps, else a number.
    fileprivate init(_ value: Double, _ type: FeatureType) {
        guard type == .timestamp else {
            self = .real(value)
            return
        }
        let bounded = Swift.min(
            Swift.max(value.rounded(), Double(Timestamp.earliest.microseconds)),
            Double(Timestamp.latest.microseconds)
        )
        let time = Timestamp(microseconds: Int64(bounded))
        self = .time(Swift.min(time, .latest).text)
    }

    fileprivate init(_ value: Int64, _ type: FeatureType) {
        self = type == .timestamp ? .time(Timestamp(microseconds: value).text) : .integer(value)
    }
}

extension TrainingSetQuality.Feature {
    /// - Parameter isPII: whether only counts are given, and nothing of the values.
    init(name: String, _ statistics: ColumnStatistics, isPII: Bool = false) {
        let type = statistics.type
        self.name = name
        nulls = statistics.nullCount
        nans = statistics.nanCount
        infinities = statistics.infiniteCount
        constant = statistics.isConstant
        guard !isPII else { return }
        mean = statistics.mean.map { QualityNumber($0, type) }
        switch type {
        case .float32, .float64:
            guard statistics.sketch.count > 0 else { break }
            min = .real(statistics.sketch.minimum)
            max = .real(statistics.sketch.maximum)
        case .bool: break
        default:
            min = statistics.integerRange.map { QualityNumber($0.lowerBound, type) }
            max = statistics.integerRange.map { QualityNumber($0.upperBound, type) }
        }
        guard type != .bool else { return }
        let values = statistics.sketch.quantiles(TrainingSetQuality.Quantiles.ranks)
        guard values.count == 7 else { return }
        let numbers = values.map { QualityNumber($0, type) }
        quantiles = .init(
            p1: numbers[0],
            p5: numbers[1],
            p25: numbers[2],
            p50: numbers[3],
            p75: numbers[4],
            p95: numbers[5],
            p99: numbers[6]
        )
    }
}

extension TrainingSetQuality.Ages {
    init(prefix: String, _ statistics: ColumnStatistics) {
        self.prefix = prefix
        minUs = statistics.integerRange?.lowerBound
        maxUs = statistics.integerRange?.upperBound
        let values = statistics.sketch.quantiles([0.5, 0.95])
        guard values.count == 2 else { return }
        p50Us = Int64(exactly: values[0].rounded())
        p95Us = Int64(exactly: values[1].rounded())
    }
}
