import Glibc

/// Floats as PostgreSQL prints them: the fewest digits of a number that lies nearer to the float than to any other.
///
/// Swift also takes a number in the middle between two floats, where it is read back to the even one: 1e+23 for what
/// PostgreSQL prints as 9.999999999999999e+22.
enum FloatText {
    static func append(_ value: Double, to out: inout [UInt8]) {
        guard value.isFinite else { return appendSpecial(value, to: &out) }
        var digits = Digits("\(value)")
        if digits.isHalfway(significandBits: 53) {
            digits = longer(value, min(digits.digits.count + 1, 17)...17) { Double($0) == value }
        }
        digits.append(isNegative: value.sign == .minus, plainBelow: 15, to: &out)
    }

    static func append(_ value: Float, to out: inout [UInt8]) {
        guard value.isFinite else { return appendSpecial(Double(value), to: &out) }
        var digits = Digits("\(value)")
        if digits.isHalfway(significandBits: 24) {
            digits = longer(Double(value), min(digits.digits.count + 1, 9)...9) { Float($0) == value }
        }
        digits.append(isNegative: value.sign == .minus, plainBelow: 6, to: &out)
    }

    private static func appendSpecial(_ value: Double, to out: inout [UInt8]) {
        out += (value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity").utf8
    }

    /// The first of some numbers of digits with which `value` reads back.
    private static func longer(_ value: Double, _ counts: ClosedRange<Int>, _ isSame: (String) -> Bool) -> Digits {
        var text = "\(value)"
        for count in counts {
            var buffer = [CChar](repeating: 0, count: 64)
            let length = withVaList([Int32(count - 1), value]) { vsnprintf(&buffer, buffer.count, "%.*e", $0) }
            text = String(decoding: buffer.prefix(Int(max(length, 0))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if isSame(text), !Digits(text).isHalfway(significandBits: counts.upperBound == 9 ? 24 : 53) { break }
        }
        return Digits(text)
    }

    /// A decimal number without its sign: d.ddd × 10^power.
    private struct Digits {
        /// From 0 to 9, none zero at the end; one 0 for zero.
        private(set) var digits: [UInt8] = []
        private(set) var power = 0

        /// Reads what Swift or C prints.
        init(_ text: String) {
            var (point, exponent, seenPoint) = (0, 0, false)
            var rest = text.utf8[...]
            scan: while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "-"): break
                case UInt8(ascii: "."): seenPoint = true
                case UInt8(ascii: "e"):
                    exponent = Int(String(decoding: rest, as: UTF8.self)) ?? 0
                    break scan
                default:
                    digits.append(byte &- UInt8(ascii: "0"))
                    if !seenPoint { point += 1 }
                }
            }
            let zeros = digits.prefix { $0 == 0 }.count
            digits.removeFirst(min(zeros, max(digits.count - 1, 0)))
            point -= zeros
            while digits.count > 1, digits.last == 0 { digits.removeLast() }
            power = digits == [0] ? 0 : point + exponent - 1
        }

        /// Whether the number lies in the middle between two floats of so many bits. Only whole numbers do that have
        /// fewer digits than any other between those floats.
        func isHalfway(significandBits: Int) -> Bool {
            let zeros = power - digits.count + 1
            guard (0...23).contains(zeros), digits != [0] else { return false }
            // 10^zeros without its twos.
            var number = digits.reduce(UInt128(0)) { $0 * 10 + UInt128($1) }
            for _ in 0..<zeros { number *= 5 }
            return 128 - number.leadingZeroBitCount - number.trailingZeroBitCount == significandBits + 1
        }

        /// - Parameter plainBelow: numbers from 10^-4 up to 10^this are written without an exponent.
        func append(isNegative: Bool, plainBelow: Int, to out: inout [UInt8]) {
            let (zero, point) = (UInt8(ascii: "0"), UInt8(ascii: "."))
            let texts = digits.map { $0 + zero }
            if isNegative { out.append(UInt8(ascii: "-")) }
            if power < -4 || power >= plainBelow {
                out.append(texts[0])
                if texts.count > 1 { out.append(point) }
                out += texts.dropFirst()
                out += (power < 0 ? "e-" : "e+").utf8
                if abs(power) < 10 { out.append(zero) }
                out += String(abs(power)).utf8
            } else if power < 0 {
                out += [zero, point]
                out += repeatElement(zero, count: -power - 1)
                out += texts
            } else {
                out += texts.prefix(power + 1)
                out += repeatElement(zero, count: max(power + 1 - texts.count, 0))
                if texts.count > power + 1 { out.append(point) }
                out += texts.dropFirst(power + 1)
            }
        }
    }
}
