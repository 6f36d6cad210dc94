/// Functions whose results have the same bits in every build and on every machine.
///
/// They consist of IEEE additions, subtractions, multiplications and divisions in a fixed order; libm's differ in their last bit from one processor to the next.
package enum PortableMath {
    // log 2 in two parts: the first has so few bits that its multiples by small whole numbers are exact.
    private static let log2High = 0x1.62e42fee00000p-1
    private static let log2Low = 0x1.a39ef35793c76p-33

    /// e to the power of `x`, within 2 units in the last place; NaN of NaN.
    package static func exp(_ x: Double) -> Double {
        guard !x.isNaN else { return x }
        if x > 709.782712893384 { return .infinity }
        if x < -745.1332191019412 { return 0 }
        let power = (x * 1.4426950408889634).rounded(.toNearestOrEven)
        let rest = (x - power * log2High) - power * log2Low
        // Taylor's series to the 13th power: the rest is at most log 2 / 2.
        var sum = 1.0 / 6_227_020_800
        sum = sum * rest + 1.0 / 479_001_600
        sum = sum * rest + 1.0 / 39_916_800
        sum = sum * rest + 1.0 / 3_628_800
        sum = sum * rest + 1.0 / 362_880
        sum = sum * rest + 1.0 / 40_320
        sum = sum * rest + 1.0 / 5_040
        sum = sum * rest + 1.0 / 720
        sum = sum * rest + 1.0 / 120
        sum = sum * rest + 1.0 / 24
        sum = sum * rest + 1.0 / 6
        sum = sum * rest + 0.5
        sum = sum * rest + 1
        sum = sum * rest + 1
        // In two steps, since one factor would be beyond the range of exponents.
        let half = Int(power) / 2
        return sum * powerOf2(half) * powerOf2(Int(power) - half)
    }

    /// - Parameter exponent: -1022 to 1023.
    private static func powerOf2(_ exponent: Int) -> Double {
        Double(bitPattern: UInt64(exponent + 1_023) << 52)
    }

    /// The natural logarithm, within 2 units in the last place; NaN below 0, minus infinity of 0.
    package static func log(_ x: Double) -> Double {
        guard x > 0, x.isFinite else { return x == 0 ? -.infinity : x > 0 ? x : .nan }
        var (power, mantissa) = (Int(x.exponent), x.significand)
        if mantissa > 1.4142135623730951 {
            mantissa /= 2
            power += 1
        }
        // log m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.172.
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        var sum = 1.0 / 23
        var odd = 21.0
        while odd > 1 {
            sum = sum * square + 1 / odd
            odd -= 2
        }
        let series = 2 * ratio + 2 * ratio * square * sum
        return Double(power) * log2High + (series + Double(power) * log2Low)
    }

    /// log(1 + `x`), exact to the last places also near 0; NaN below -1.
    package static func log1p(_ x: Double) -> Double {
        let whole = 1 + x
        guard whole > 0, whole.isFinite else { return log(whole) }
        if whole == 1 { return x }
        return log(whole) + (x - (whole - 1)) / whole
    }

    /// 1 / (1 + e^-`margin`).
    package static func logistic(_ margin: Double) -> Double { 1 / (1 + exp(-margin)) }
}
