/// A sum of int64 in 128 bits: no number of rows that exists makes it overflow.
package struct ExactIntegerSum: Sendable {
    private var total: Int128 = 0

    package init() {}

    @inline(__always)
    package mutating func add(_ value: Int64) { total &+= Int128(value) }

    /// Takes away a value that was added.
    @inline(__always)
    package mutating func remove(_ value: Int64) { total &-= Int128(value) }

    /// Adds all that another sum was given.
    @inline(__always)
    package mutating func merge(_ other: ExactIntegerSum) { total &+= other.total }

    /// The sum of some values: `nil` of none, and beyond int64.
    func sum(of count: Int) -> Int64? { count > 0 ? int64 : nil }

    /// Their mean: the sum as a float64, divided once.
    func mean(of count: Int) -> Double? { count > 0 ? float64 / Double(count) : nil }

    /// `nil` where the sum is beyond int64.
    package var int64: Int64? { Int64(exactly: total) }

    /// The float64 nearest to the sum, of two equally near ones the even one.
    package var float64: Double {
        let magnitude = total.magnitude
        let limbs: InlineArray<2, UInt64> = [
            UInt64(truncatingIfNeeded: magnitude), UInt64(truncatingIfNeeded: magnitude >> 64),
        ]
        return CorrectRounding.float64(limbs.span, unit: 0, isNegative: total < 0)
    }
}
