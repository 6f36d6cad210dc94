import CFloatText
import Features
import TestSupport
import Testing

/// Float text against Swift's own, which has the same digits in another notation.
@Suite struct FloatTextTests {
    static func text(_ value: Double) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(ASOF_FLOAT_TEXT_MAX)) { room in
            let count = room.baseAddress.map { asof_double_text(value, $0) } ?? 0
            return String(decoding: room.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    static func text(_ value: Float) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(ASOF_FLOAT_TEXT_MAX)) { room in
            let count = room.baseAddress.map { asof_float_text(value, $0) } ?? 0
            return String(decoding: room.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// Significant digits without zeros at either end.
    static func digits(_ text: String) -> String {
        let mantissa = text.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
        return String(mantissa.reversed().drop { $0 == "0" }.reversed())
    }

    @Test(
        arguments: [
            (0, "0"), (-0.0, "-0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (100, "100"), (1e5, "1e+05"),
            (123_456, "123456"),
            (1e22, "1e+22"), (1e23, "1e+23"), (0.001, "0.001"), (0.0001, "1e-04"), (0.00012, "0.00012"),
            (1.5e-7, "1.5e-07"), (.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (9_007_199_254_740_992, "9007199254740992"), (1_152_921_504_606_846_976, "1152921504606846976"),
            (39.02, "39.02"), (999_999_999.999999, "999999999.999999"), (.infinity, "inf"), (-.infinity, "-inf"),
            (-.nan, "nan"), (.pi, "3.141592653589793"), (2.2250738585072014e-308, "2.2250738585072014e-308"),
        ] as [(Double, String)]
    )
    func `a number has the shorter of fixed and scientific notation`(value: Double, expected: String) {
        #expect(Self.text(value) == expected)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `every number has the shortest digits that read back to it`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let bits = random.next()
            let wide = [
                Double(bitPattern: bits), Double(Int64(bitPattern: bits)) / 1e6, Double(bits >> 11) * 0x1p-53,
                Double(bits >> 34) / 1e4, Double(bits >> (bits & 63)),
            ]
            for value in wide where value.isFinite {
                let text = Self.text(value)
                #expect(Double(text)?.bitPattern == value.bitPattern, "\(value) \(text)")
                if abs(value) < 0x1p53 { #expect(Self.digits(text) == Self.digits("\(value)"), "\(value) \(text)") }
            }
            for value in [Float(bitPattern: UInt32(truncatingIfNeeded: bits)), Float(bits >> 40) / 1e3]
            where value.isFinite {
                let text = Self.text(value)
                #expect(Float(text)?.bitPattern == value.bitPattern, "\(value) \(text)")
                if abs(value) < 0x1p24 { #expect(Self.digits(text) == Self.digits("\(value)"), "\(value) \(text)") }
            }
        }
    }
}
