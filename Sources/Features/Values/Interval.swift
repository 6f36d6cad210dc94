/// A length of time in µs, never negative: a TTL, a delay.
///
/// Text is an integer and a unit: `us ms s m h d w`, as in `30d`.
package struct Interval: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static func < (left: Interval, right: Interval) -> Bool { left.microseconds < right.microseconds }

    package static let zero = Interval(microseconds: 0)

    /// Units with their length in µs, longest first.
    private static let units: [(name: String, microseconds: Int64)] = [
        ("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000),
        ("ms", 1_000), ("us", 1),
    ]

    /// - Returns: `nil` where `text` is no integer with a unit, or is too long for 64 bits of µs.
    package init?(text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let count = Int64(digits),
            let unit = Self.units.first(where: { $0.name == text.dropFirst(digits.count) })
        else { return nil }
        let product = count.multipliedReportingOverflow(by: unit.microseconds)
        guard !product.overflow else { return nil }
        self.init(microseconds: product.partialValue)
    }

    /// The shortest exact spelling; weeks are written as days, and zero as `0s`.
    package var text: String {
        guard microseconds != 0 else { return "0s" }
        for unit in Self.units.dropFirst() where microseconds % unit.microseconds == 0 {
            return "\(microseconds / unit.microseconds)\(unit.name)"
        }
        return "\(microseconds)us"
    }
}
