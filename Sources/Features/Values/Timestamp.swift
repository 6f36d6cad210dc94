/// A moment: µs since 1970-01-01 UTC, PostgreSQL's resolution, between the years 1 and 9999.
///
/// Text is RFC 3339. The bounds are those that RFC 3339, PostgreSQL, Arrow and pandas can all express.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// 0001-01-01T00:00:00Z.
    package static let earliest = Timestamp(microseconds: -62_135_596_800_000_000)
    /// 9999-12-31T23:59:59.999999Z.
    package static let latest = Timestamp(microseconds: 253_402_300_799_999_999)

    package var isInRange: Bool { self >= Self.earliest && self <= Self.latest }
}

/// The unit of a time given as an integer.
package enum TimeUnit: String, CaseIterable, Sendable {
    case s, ms, us, ns
}
