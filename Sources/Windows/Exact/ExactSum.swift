/// A sum of float64 without any rounding, from which what was added can be taken away again.
///
/// A float64 is an integer times a power of two, so sums of them are sums of integers: no order of additions and removals
/// makes a difference, and one that has lost all it was given is as new. Numbers of 2^-28 up to 2^64, nearly all that are
/// met, go into three limbs whose unit is 2^-80; those outside go into a second integer as wide as all of float64, which is
/// made when the first of them comes. NaN and the infinities are counted.
///
/// - Complexity: O(1) an addition or removal. 64 bytes, and 280 more where a number did not fit the three limbs.
package struct ExactSum: Sendable {
    /// Two's complement in units of 2^-80. Room for 2^47 of the largest numbers that go in.
    private var low: UInt64 = 0
    private var middle: UInt64 = 0
    private var high: UInt64 = 0
    /// Two's complement in units of 2^-1104, or empty. Room for 2^111 of the largest float64.
    private var spill: [UInt64] = []
    private var nans = 0
    private var positiveInfinities = 0
    private var negativeInfinities = 0

    private static let unit = -80
    private static let spillUnit = -1104
    private static let spillLimbs = 35
    /// The limb of the second integer whose unit is that of the three limbs.
    private static let limbOfUnit = (unit - spillUnit) / 64

    package init() {}

    @inline(__always)
    package mutating func add(_ value: Double) { add(bits: value.bitPattern) }

    /// Takes away a value that was added.
    @inline(__always)
    package mutating func remove(_ value: Double) {
        guard value.isFinite else { return count(value, -1) }
        add(bits: value.bitPattern ^ (1 << 63))
    }

    @inline(__always)
    private mutating func add(bits: UInt64) {
        let exponent = bits >> 52 & 0x7FF
        // 2^-28 has the exponent 995, and its last bit stands for 2^-80.
        let shift = exponent &- 995
        guard shift < 92 else { return addOther(bits) }
        let significand = bits & (1 << 52 - 1) | 1 << 52
        let addedLow: UInt64
        let addedMiddle: UInt64
        let addedHigh: UInt64
        if shift < 64 {
            addedLow = significand &<< shift
            addedMiddle = significand >> (64 - shift)
            addedHigh = 0
        } else {
            addedLow = 0
            addedMiddle = significand &<< (shift &- 64)
            addedHigh = significand >> (128 - shift)
        }
        // A negative number is added as the complement of its digits, and one.
        let sign = UInt64(bitPattern: Int64(bitPattern: bits) >> 63)
        let (first, carry) = low.addingReportingOverflow(addedLow ^ sign)
        let (firstWithOne, carryOfOne) = first.addingReportingOverflow(sign & 1)
        let (second, carry2) = middle.addingReportingOverflow(addedMiddle ^ sign)
        let (secondWithCarry, carry3) = second.addingReportingOverflow(carry || carryOfOne ? 1 : 0)
        low = firstWithOne
        middle = secondWithCarry
        high = high &+ (addedHigh ^ sign) &+ (carry2 || carry3 ? 1 : 0)
    }

    /// Zeros, numbers that the three limbs do not take, and what is no finite number.
    @inline(never)
    private mutating func addOther(_ bits: UInt64) {
        let value = Double(bitPattern: bits)
        guard value.isFinite else { return count(value, 1) }
        guard value != 0 else { return }
        if spill.isEmpty { spill = Array(repeating: 0, count: Self.spillLimbs) }
        let field = Int(bits >> 52 & 0x7FF)
        let significand = field == 0 ? bits & (1 << 52 - 1) : bits & (1 << 52 - 1) | 1 << 52
        let place = max(field, 1) - 1075 - Self.spillUnit
        let (limb, shift) = (place / 64, UInt64(place % 64))
        if value < 0 {
            subtractFromSpill(significand << shift, at: limb)
            subtractFromSpill(significand >> (64 - shift), at: limb + 1)
        } else {
            addToSpill(significand << shift, at: limb)
            addToSpill(significand >> (64 - shift), at: limb + 1)
        }
    }

    private mutating func count(_ value: Double, _ change: Int) {
        if value.isNaN {
            nans += change
        } else if value > 0 {
            positiveInfinities += change
        } else {
            negativeInfinities += change
        }
    }

    private mutating func addToSpill(_ digits: UInt64, at limb: Int) {
        var (carried, limb) = (digits, limb)
        while carried != 0, limb < spill.count {
            let (sum, overflow) = spill[limb].addingReportingOverflow(carried)
            spill[limb] = sum
            carried = overflow ? 1 : 0
            limb += 1
        }
    }

    private mutating func subtractFromSpill(_ digits: UInt64, at limb: Int) {
        var (borrowed, limb) = (digits, limb)
        while borrowed != 0, limb < spill.count {
            let (difference, overflow) = spill[limb].subtractingReportingOverflow(borrowed)
            spill[limb] = difference
            borrowed = overflow ? 1 : 0
            limb += 1
        }
    }

    /// The float64 nearest to the exact sum, of two equally near ones the even one: what Python's `math.fsum` gives.
    ///
    /// A zero is +0. A sum beyond float64 is ±infinity. NaN where a NaN, or infinities of both signs, were added; else the
    /// infinity that was.
    package var value: Double {
        if nans > 0 || positiveInfinities > 0 && negativeInfinities > 0 { return .nan }
        if positiveInfinities > 0 { return .infinity }
        if negativeInfinities > 0 { return -.infinity }
        let sign = UInt64(bitPattern: Int64(bitPattern: high) >> 63)
        guard spill.isEmpty else { return valueWithSpill(sign) }
        let (first, carry) = (low ^ sign).addingReportingOverflow(sign & 1)
        let (second, carry2) = (middle ^ sign).addingReportingOverflow(carry ? 1 : 0)
        let magnitude: InlineArray<3, UInt64> = [first, second, (high ^ sign) &+ (carry2 ? 1 : 0)]
        return CorrectRounding.float64(magnitude.span, unit: Self.unit, isNegative: sign != 0)
    }

    private func valueWithSpill(_ sign: UInt64) -> Double {
        var whole = spill
        var carry = false
        for limb in Self.limbOfUnit..<whole.count {
            let digits =
                switch limb - Self.limbOfUnit {
                case 0: low
                case 1: middle
                case 2: high
                default: sign
                }
            let (sum, overflow) = whole[limb].addingReportingOverflow(digits)
            let (sumWithCarry, overflow2) = sum.addingReportingOverflow(carry ? 1 : 0)
            whole[limb] = sumWithCarry
            carry = overflow || overflow2
        }
        let isNegative = whole[whole.count - 1] >> 63 == 1
        if isNegative {
            var one: UInt64 = 1
            for limb in whole.indices {
                let (sum, overflow) = (~whole[limb]).addingReportingOverflow(one)
                whole[limb] = sum
                one = overflow ? 1 : 0
            }
        }
        return CorrectRounding.float64(whole.span, unit: Self.spillUnit, isNegative: isNegative)
    }
}
