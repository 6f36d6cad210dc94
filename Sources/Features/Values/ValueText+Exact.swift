import Glibc

extension ValueText {
    /// Whether `value`, printed with as many significant digits as `text` has, is `text`: then nothing of a number that
    /// somebody wrote is lost by holding it as a float.
    ///
    /// - Parameters:
    ///   - text: a decimal number.
    ///   - value: the float nearest to it.
    /// - Complexity: O(length); some 10 ns for up to 17 digits.
    package static func isHeld(_ text: Span<UInt8>, by value: Double) -> Bool {
        var mantissa: UInt64 = 0
        var digitCount = 0
        var trailingZeros = 0
        var exponent = 0
        var hasPoint = false
        var index = 0
        scan: while index < text.count {
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let digit = UInt64(text[index] &- UInt8(ascii: "0"))
                if hasPoint { exponent -= 1 }
                if digit == 0 {
                    if digitCount > 0 { trailingZeros += 1 }
                } else {
                    let more = trailingZeros + 1
                    if digitCount + more <= 17 {
                        for _ in 0..<more { mantissa *= 10 }
                        mantissa += digit
                    }
                    digitCount += more
                    trailingZeros = 0
                }
            case UInt8(ascii: "."): hasPoint = true
            case UInt8(ascii: "-"), UInt8(ascii: "+"): break
            default: break scan
            }
            index += 1
        }
        if digitCount == 0 { return value == 0 }
        guard value.isFinite, value != 0 else { return false }
        // Every decimal of so few digits is the shortest of its float.
        if digitCount <= 15, value.isNormal { return true }
        let places = -(exponent + trailingZeros)
        if digitCount <= 17, index == text.count, let isHeld = isHeld(mantissa, places, value.magnitude) {
            return isHeld
        }
        return digitCount <= 800 && printed(value, digitCount)?.text == ExactNumber(text)?.text
    }

    private static let powers: [UInt64] = (0...17).map { (0..<$0).reduce(into: UInt64(1)) { power, _ in power *= 10 } }

    /// The same for `mantissa` × 10^-`places`, where 128 bits are enough to say it; else `nil`.
    private static func isHeld(_ mantissa: UInt64, _ places: Int, _ value: Double) -> Bool? {
        let shift = 52 - Int(value.exponent)
        guard (0...17).contains(places), (0...69).contains(shift), value.isNormal else { return nil }
        // Both sides times 2^shift: at most half a unit of the text's last digit apart, and of two equally near texts the
        // even one is printed.
        let written = UInt128(mantissa) << UInt128(shift)
        let held = UInt128(value.significandBitPattern | 1 << 52) * UInt128(powers[places])
        let difference = written > held ? written - held : held - written
        let unit = UInt128(1) << UInt128(shift)
        return difference * 2 < unit || (difference * 2 == unit && mantissa.isMultiple(of: 2))
    }

    private static func printed(_ value: Double, _ digitCount: Int) -> ExactNumber? {
        var buffer = [CChar](repeating: 0, count: digitCount + 32)
        let length = withVaList([Int32(digitCount - 1), value]) { vsnprintf(&buffer, buffer.count, "%.*e", $0) }
        guard length > 0, Int(length) < buffer.count else { return nil }
        let text = buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }
        return ExactNumber(text.span)
    }
}
