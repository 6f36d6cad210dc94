/// How far floats of a batch view's SQL may differ from what is stored, relative to the greater of the two magnitudes,
/// and still count as the same values.
///
/// Sums and averages of floats depend on the order in which PostgreSQL adds the rows, which a plan, a vacuum or another
/// window changes: the last digits of a result that is made again mean nothing.
package struct Tolerance: Hashable, Sendable, Codable {
    /// 0 = exact, else from ``smallest`` to ``greatest``.
    package let value: Double

    /// A few thousand times what reordering a sum of a million values of one sign does.
    package static let standard = Tolerance(unchecked: 1e-12)
    package static let exact = Tolerance(unchecked: 0)
    /// Below half the distance of neighbouring float64 values nothing would differ from ``exact``.
    package static let smallest = 1e-16
    /// What differs by more is another value, whatever computed it.
    package static let greatest = 1e-3
    /// Values whose magnitudes are both below this are compared exactly: there, a tolerance would underflow to 0.
    package static let magnitudeMin = 1e-300
    /// Whole float64 values below this that differ are other numbers, not the same one computed in another order: sums and
    /// averages of whole numbers are exact up to here. Above, every value is whole.
    package static let wholeMax = 0x1p53
    /// As ``wholeMax``, of float32.
    package static let wholeFloat32Max = 0x1p24
    /// Neighbouring float32 values are farther apart than this, so that a smaller tolerance compares them exactly.
    package static let float32Min = 0x1p-25

    private init(unchecked value: Double) { self.value = value }

    /// - Parameter value: `nil` comes back for what is not 0 and not within the bounds.
    package init?(_ value: Double) {
        guard value == 0 || (Self.smallest...Self.greatest).contains(value) else { return nil }
        self.init(unchecked: value == 0 ? 0 : value)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let tolerance = Tolerance(try container.decode(Double.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "a tolerance is \(Self.expected)")
        }
        self = tolerance
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }

    package static let expected = "0 (exact) or a number from 1e-16 to 1e-3, as in 1e-12"

    /// As it is written in features.yaml.
    package var text: String { value == 0 ? "0" : "\(value)" }

    /// Whether two values count as the same.
    ///
    /// NaN equals NaN, 0 equals -0, an infinity only itself, a whole number no other one. Materializing says the same in
    /// SQL.
    package func accepts(_ left: Double, _ right: Double) -> Bool { accepts(left, right, wholeMax: Self.wholeMax) }

    package func acceptsFloat32(_ left: Float, _ right: Float) -> Bool {
        accepts(Double(left), Double(right), wholeMax: Self.wholeFloat32Max)
    }

    private func accepts(_ left: Double, _ right: Double, wholeMax: Double) -> Bool {
        if left == right || (left.isNaN && right.isNaN) { return true }
        guard left.isFinite, right.isFinite, (left > 0) == (right > 0) else { return false }
        let magnitude = max(left.magnitude, right.magnitude)
        if magnitude < wholeMax, left == left.rounded(.towardZero), right == right.rounded(.towardZero) { return false }
        return magnitude >= Self.magnitudeMin && (left - right).magnitude <= value * magnitude
    }
}
