/// A sum that does not lose small numbers next to large ones: what each addition rounds off is summed up as well.
///
/// Four sums side by side, each with its losses (Neumaier's, with Knuth's exact error of an addition).
struct CompensatedSum: Sendable {
    private var totals = SIMD4<Double>()
    private var lost = SIMD4<Double>()

    /// - Parameter values: finite.
    mutating func add(_ values: [Double]) {
        values.withUnsafeBufferPointer { values in
            let whole = values.count / 4 * 4
            for index in stride(from: 0, to: whole, by: 4) {
                // Safe: below the count.
                add(SIMD4(values[index], values[index + 1], values[index + 2], values[index + 3]))
            }
            for index in whole..<values.count { add(SIMD4(values[index], 0, 0, 0)) }
        }
    }

    @inline(__always)
    private mutating func add(_ values: SIMD4<Double>) {
        let sums = totals + values
        let added = sums - totals
        lost += (totals - (sums - added)) + (values - added)
        totals = sums
    }

    /// Not finite where it, or one of the four, is beyond a number.
    var value: Double {
        var sum = CompensatedSum()
        for lane in 0..<4 { sum.add(SIMD4(totals[lane], 0, 0, 0)) }
        return sum.totals[0] + (sum.lost[0] + lost.sum())
    }
}
