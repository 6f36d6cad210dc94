/// A sum of float64 without any rounding, from which what was added can be taken away again.
///
/// A float64 is an integer times a power of two, so sums of them are sums of integers: no order of additions and removals
/// makes a difference, and one that has lost all it was given is as new. Numbers of 2^-28 up to 2^64, nearly all that are
/// met, go into three limbs whose unit is 2^-80; those outside go into a second integer as wide as all of float64, which is
/// made when the first of them comes. NaN and the infinities are counted.
///
/// - Complexity: O(1) an addition or removal. 64 bytes, and 280 more where a number did not fit the three limbs.
package struct ExactSum: Sendable {
    /// The digits in units of 2^-80: two's complement of 192 bits, but for ``negatives``. Room for 2^47 of the largest numbers
    /// that go in.
    private var low: UInt128 = 0
    private var high: UInt64 = 0
    /// A negative number goes in as the complement of its digits; the ones that make them two's complements are counted here, so
    /// that the digits need one chain of carries only.
    private var negatives: UInt64 = 0
    /// Apart, so that a loop over additions has the digits in registers.
    private var others = OtherNumbers()

    fileprivate static let unit = -80

    package init() {}

    @inline(__always)
    package mutating func add(_ value: Double) { add(bits: value.bitPattern, 1) }

    /// Takes away a value that was added.
    @inline(__always)
    package mutating func remove(_ value: Double) { add(bits: value.bitPattern ^ (1 << 63), -1) }

    /// Adds all that another sum was given.
    package mutating func merge(_ other: ExactSum) {
        let (sum, carry) = low.addingReportingOverflow(other.low)
        low = sum
        high = high &+ other.high &+ (carry ? 1 : 0)
        negatives &+= other.negatives
        others.merge(other.others)
    }

    /// - Parameters:
    ///   - bits: of what is added; where ``remove(_:)`` calls, of the negated value.
    ///   - change: -1 where ``remove(_:)`` calls, else 1.
    @inline(__always)
    private mutating func add(bits: UInt64, _ change: Int) {
        let exponent = bits >> 52 & 0x7FF
        // 2^-28 has the exponent 995, and its last bit stands for 2^-80.
        let shift = exponent &- 995
        let significand = UInt128(bits & (1 << 52 - 1) | 1 << 52)
        if shift <= 75 {
            addDigits(significand &<< UInt128(truncatingIfNeeded: shift), 0, bits)
        } else if shift < 92 {
            let highest = UInt64(truncatingIfNeeded: significand &>> UInt128(truncatingIfNeeded: 128 &- shift))
            addDigits(significand &<< UInt128(truncatingIfNeeded: shift), highest, bits)
        } else if bits << 1 != 0 {
            others.add(bits, change)
        }
    }

    /// - Parameter bits: whose highest tells the sign.
    @inline(__always)
    private mutating func addDigits(_ digits: UInt128, _ highest: UInt64, _ bits: UInt64) {
        let sign = UInt64(bitPattern: Int64(bitPattern: bits) >> 63)
        let (sum, carry) = low.addingReportingOverflow(digits ^ UInt128(truncatingIfNeeded: Int64(bitPattern: sign)))
        low = sum
        high = high &+ (highest ^ sign) &+ (carry ? 1 : 0)
        negatives &+= bits >> 63
    }

    /// The sum of some values: `nil` of none.
    func sum(of count: Int) -> Double? { count > 0 ? value : nil }

    /// Their mean: the sum as a float64, divided once.
    func mean(of count: Int) -> Double? { count > 0 ? value / Double(count) : nil }

    /// The float64 nearest to the exact sum, of two equally near ones the even one: what Python's `math.fsum` gives.
    ///
    /// A zero is +0. A sum beyond float64 is ±infinity. NaN where a NaN, or infinities of both signs, were added; else the
    /// infinity that was.
    package var value: Double {
        if let value = others.infinite { return value }
        let (digits, carried) = low.addingReportingOverflow(UInt128(negatives))
        let top = high &+ (carried ? 1 : 0)
        let sign = UInt64(bitPattern: Int64(bitPattern: top) >> 63)
        guard others.isEmpty else { return others.value(with: digits, top, sign) }
        let (magnitude, carry) =
            (digits ^ UInt128(truncatingIfNeeded: Int64(bitPattern: sign))).addingReportingOverflow(UInt128(sign & 1))
        let limbs: InlineArray<3, UInt64> = [
            UInt64(truncatingIfNeeded: magnitude), UInt64(truncatingIfNeeded: magnitude >> 64),
            (top ^ sign) &+ (carry ? 1 : 0),
        ]
        return CorrectRounding.float64(limbs.span, unit: Self.unit, isNegative: sign != 0)
    }
}

/// What an ``ExactSum`` was given beside zeros and the numbers that go into its three limbs.
private struct OtherNumbers: Sendable {
    /// Two's complement in units of 2^-1104, or empty. Room for 2^111 of the largest float64.
    private var spill: [UInt64] = []
    private var nans = 0
    private var positiveInfinities = 0
    private var negativeInfinities = 0

    private static let spillUnit = -1104
    private static let spillLimbs = 35
    /// The limb whose unit is that of the three limbs.
    private static let limbOfUnit = (ExactSum.unit - spillUnit) / 64

    /// Whether there never was a finite number.
    var isEmpty: Bool { spill.isEmpty }

    /// The sum, where what was added makes it no finite number.
    var infinite: Double? {
        if nans > 0 || positiveInfinities > 0 && negativeInfinities > 0 { return .nan }
        if positiveInfinities > 0 { return .infinity }
        return negativeInfinities > 0 ? -.infinity : nil
    }

    @inline(never)
    mutating func add(_ bits: UInt64, _ change: Int) {
        let value = Double(bitPattern: bits)
        guard value.isFinite else { return count(change < 0 ? -value : value, change) }
        if spill.isEmpty { spill = Array(repeating: 0, count: Self.spillLimbs) }
        let field = Int(bits >> 52 & 0x7FF)
        let significand = field == 0 ? bits & (1 << 52 - 1) : bits & (1 << 52 - 1) | 1 << 52
        let place = max(field, 1) - 1075 - Self.spillUnit
        let (limb, bit) = (place / 64, UInt64(place % 64))
        if value < 0 {
            subtractFromSpill(significand << bit, at: limb)
            subtractFromSpill(significand >> (64 - bit), at: limb + 1)
        } else {
            addToSpill(significand << bit, at: limb)
            addToSpill(significand >> (64 - bit), at: limb + 1)
        }
    }

    @inline(__always)
    mutating func merge(_ other: OtherNumbers) {
        nans += other.nans
        positiveInfinities += other.positiveInfinities
        negativeInfinities += other.negativeInfinities
        if !other.spill.isEmpty { mergeSpill(other.spill) }
    }

    private mutating func mergeSpill(_ other: [UInt64]) {
        guard !spill.isEmpty else {
            spill = other
            return
        }
        var carry = false
        for limb in spill.indices {
            let (sum, overflow) = spill[limb].addingReportingOverflow(other[limb])
            let (sumWithCarry, overflow2) = sum.addingReportingOverflow(carry ? 1 : 0)
            spill[limb] = sumWithCarry
            carry = overflow || overflow2
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

    /// The float64 nearest to the sum of all numbers.
    /// - Parameters:
    ///   - low: with `high` the three limbs, in two's complement.
    ///   - sign: all bits set where that is negative.
    func value(with low: UInt128, _ high: UInt64, _ sign: UInt64) -> Double {
        var whole = spill
        var carry = false
        for limb in Self.limbOfUnit..<whole.count {
            let digits =
                switch limb - Self.limbOfUnit {
                case 0: UInt64(truncatingIfNeeded: low)
                case 1: UInt64(truncatingIfNeeded: low >> 64)
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
