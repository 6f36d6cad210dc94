/// Exact binary numbers of many limbs to the nearest float64.
enum CorrectRounding {
    /// The float64 nearest to a number; of two equally near ones the one whose last bit is 0.
    ///
    /// - Parameters:
    ///   - magnitude: the number's absolute value in units of 2^`unit`, the lowest limb first.
    ///   - unit: where it is below -1074, the bits below 2^-1074 are 0.
    /// - Returns: ±infinity beyond the largest float64; +0 for zero.
    static func float64(_ magnitude: Span<UInt64>, unit: Int, isNegative: Bool) -> Double {
        var top = magnitude.count - 1
        while top >= 0, magnitude[top] == 0 { top -= 1 }
        guard top >= 0 else { return 0 }
        let highest = unit + top * 64 + 63 - magnitude[top].leadingZeroBitCount
        guard highest <= 1023 else { return isNegative ? -.infinity : .infinity }
        // What the last bit of the result stands for; fixed for the numbers nearest to zero.
        let last = max(highest - 52, -1074)
        let start = last - unit
        var significand: UInt64
        if start <= 0 {
            significand = magnitude[0] << UInt64(-start)
        } else {
            let (limb, shift) = (start / 64, start % 64)
            significand = magnitude[limb] >> UInt64(shift)
            if limb < top { significand |= magnitude[limb + 1] << UInt64(64 - shift) }
            if isAboveHalf(magnitude, below: start, isOdd: significand & 1 == 1) { significand += 1 }
        }
        // The leading bit adds itself to the exponent's field, and so does a carry out of the significand.
        let bits = UInt64(last + 1074) << 52 + significand
        return Double(bitPattern: bits | (isNegative ? 1 << 63 : 0))
    }

    /// Whether the bits below `start`, which is not 0, round up.
    private static func isAboveHalf(_ magnitude: Span<UInt64>, below start: Int, isOdd: Bool) -> Bool {
        let (limb, bit) = ((start - 1) / 64, UInt64((start - 1) % 64))
        guard magnitude[limb] >> bit & 1 == 1 else { return false }
        if isOdd || magnitude[limb] & ((1 << bit) - 1) != 0 { return true }
        for index in 0..<limb where magnitude[index] != 0 { return true }
        return false
    }
}
