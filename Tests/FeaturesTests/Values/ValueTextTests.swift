import Features
import TestSupport
import Testing

private func float64(_ text: String) throws(ValueTextError) -> Double {
    let bytes = Array(text.utf8)
    return try ValueText.float64(bytes.span)
}

private func float32(_ text: String) throws(ValueTextError) -> Float {
    let bytes = Array(text.utf8)
    return try ValueText.float32(bytes.span)
}

private func int64(_ text: String) throws(ValueTextError) -> Int64 {
    let bytes = Array(text.utf8)
    return try ValueText.int64(bytes.span)
}

private func integer(_ text: String) throws(ValueTextError) -> Int64 {
    let bytes = Array(text.utf8)
    return try ValueText.integer(bytes.span)
}

private func int32(_ text: String) throws(ValueTextError) -> Int32 {
    let bytes = Array(text.utf8)
    return try ValueText.int32(bytes.span)
}

private func bool(_ text: String) throws(ValueTextError) -> Bool {
    let bytes = Array(text.utf8)
    return try ValueText.bool(bytes.span)
}

@Suite struct ValueTextTests {
    @Test(arguments: ["true", "TRUE", "t", "T", "1", "True"])
    func `words for true`(text: String) throws { #expect(try bool(text)) }

    @Test(arguments: ["false", "FALSE", "f", "F", "0", "False"])
    func `words for false`(text: String) throws { #expect(try !bool(text)) }

    @Test(arguments: ["", "yes", "no", "2", "tru", "truee", " true", "on", "tRu\u{5}"])
    func `other words are no bool`(text: String) { #expect(throws: ValueTextError.malformed) { try bool(text) } }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("+7", 7), ("007", 7), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("-9223372036854775807", .min + 1), ("00000000000000000000000000000001", 1),
        ] as [(String, Int64)]
    )
    func `integers are read to both ends of int64`(text: String, value: Int64) throws {
        #expect(try int64(text) == value)
    }

    @Test(arguments: [
        ("", ValueTextError.malformed), ("-", .malformed), ("+", .malformed), ("--1", .malformed), ("1.0", .malformed),
        ("1e3", .malformed), (" 1", .malformed), ("1 ", .malformed), ("0x1", .malformed), ("1_000", .malformed),
        ("9223372036854775808", .outOfRange), ("-9223372036854775809", .outOfRange),
        ("18446744073709551617", .outOfRange), ("99999999999999999999999999", .outOfRange),
        // Wraps back into range unless each step is checked.
        ("184467440737095516160", .outOfRange), ("99999999999999999999x", .malformed),
    ])
    func `what is no int64 is refused`(text: String, error: ValueTextError) {
        #expect(throws: error) { try int64(text) }
    }

    @Test(
        arguments: [
            ("1", 1), ("1.0", 1), ("-1.000", -1), ("1.", 1), ("0.0", 0), ("-0.0", 0), ("1e3", 1_000), ("1E+3", 1_000),
            ("1.5e1", 15), ("2500e-2", 25), ("9007199254740991.0", 9_007_199_254_740_991), ("+7.0", 7),
            ("9223372036854775807", .max), ("9007199254740993", 9_007_199_254_740_993), ("1e15", 1_000_000_000_000_000),
            ("1.000000000000000000000000", 1), ("00012.0", 12),
        ] as [(String, Int64)]
    )
    func `integers that went through a float are read`(text: String, value: Int64) throws {
        #expect(try integer(text) == value)
    }

    @Test(arguments: [
        ("1.5", ValueTextError.fraction), ("1e-1", .fraction), ("0.1", .fraction), ("1e-300", .fraction),
        ("9007199254740992.0", .floatInteger), ("-9007199254740992.0", .floatInteger), ("1e18", .floatInteger),
        ("1e19", .outOfRange), ("1e400", .outOfRange), ("1e99999999999999999999", .outOfRange),
        ("9223372036854775808", .outOfRange), ("1,5", .comma), ("1.234,50", .comma), ("1,234", .comma),
        (",", .malformed),
        ("", .malformed), ("NaN", .malformed), ("1.0.0", .malformed), ("1.0x", .malformed), (" 1.0", .malformed),
        ("0x1p3", .malformed), (".", .malformed), ("e3", .malformed),
    ])
    func `what is no integer, or may have been another one, is refused`(text: String, error: ValueTextError) {
        #expect(throws: error) { try integer(text) }
    }

    @Test(arguments: [UInt64.random(in: .min ... .max)])
    func `random integers survive being printed as floats, below 2^53`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let value = Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random)
            let text = "\(Double(value))"
            if value.magnitude < 1 << 53 {
                try #require(try integer(text) == value, "\(text)")
            } else {
                #expect(throws: ValueTextError.self, "\(text)") { try integer(text) }
            }
        }
    }

    @Test func `int32 ends where it does`() throws {
        #expect(try int32("2147483647") == .max)
        #expect(try int32("-2147483648") == .min)
        #expect(throws: ValueTextError.outOfRange) { try int32("2147483648") }
        #expect(throws: ValueTextError.outOfRange) { try int32("-2147483649") }
        #expect(throws: ValueTextError.outOfRange) { try int32("99999999999999999999") }
    }

    @Test(arguments: [UInt64.random(in: .min ... .max)])
    func `random integers are read as Swift reads them`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let value = Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random)
            try #require(try int64(String(value)) == value)
        }
    }

    @Test(arguments: [
        "NaN", "nan", "NAN", "+nan", "-nan",
    ])
    func `NaN is a value`(text: String) throws {
        #expect(try float64(text).isNaN)
        #expect(try float32(text).isNaN)
    }

    @Test(arguments: [
        ("inf", Double.infinity), ("+Infinity", .infinity), ("-INF", -.infinity), ("-infinity", -.infinity),
    ])
    func `infinities are values`(text: String, value: Double) throws {
        #expect(try float64(text) == value)
        #expect(try float32(text) == Float(value))
    }

    @Test(arguments: [
        "", "-", ".", "+.", "e5", ".e5", "1e", "1e+", "1e5.0", "1.2.3", "0x1p3", "0x10", " 1", "1 ", "1_0",
        "1d5",
        "1f", "nano", "infinit", "infinityy", "--1", "1e5x", "NaN(1)", "\u{0}", "1\u{0}",
    ])
    func `other texts are no number`(text: String) {
        #expect(throws: ValueTextError.malformed) { try float64(text) }
        #expect(throws: ValueTextError.malformed) { try float32(text) }
    }

    @Test(arguments: ["1,5", "-1,5", "1.234,5", "1,234.5"])
    func `a comma in a number is named`(text: String) {
        #expect(throws: ValueTextError.comma) { try float64(text) }
        #expect(throws: ValueTextError.comma) { try float32(text) }
    }

    @Test(arguments: [
        "1e309", "-1e400", "1e99999999999999999999",
        "1.797693134862315808e308",
    ])
    func `a number beyond the type is refused, not made infinite`(text: String) {
        #expect(throws: ValueTextError.outOfRange) { try float64(text) }
        #expect(throws: ValueTextError.outOfRange) { try float32(text) }
    }

    @Test func `float32 ends earlier than float64`() throws {
        #expect(throws: ValueTextError.outOfRange) { try float32("3.5e38") }
        #expect(throws: ValueTextError.outOfRange) { try float32("3.4028235677973367e38") }
        #expect(try float32("3.4028235677973366e38") == .greatestFiniteMagnitude)
        #expect(try float64("3.5e38") == 3.5e38)
        #expect(try float64("1.797693134862315807e308") == .greatestFiniteMagnitude)
    }

    @Test(arguments: [
        "0", "-0", "0.0", "-0e5", "1.", ".5", "-.5", "+1.5", "1.e3", "1E5", "1e-5", "1e22", "1e23", "9007199254740991",
        "9007199254740992", "9007199254740993", "9007199254740993.0000000000000000000000000001", "9007199254740995",
        "4503599627370497.5", "1e-323", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400",
        "2.2250738585072011e-308", "2.2250738585072014e-308", "1.7976931348623157e308", "16777217", "16777219",
        "33554433.0", "16777216.99999999999999999999999", "1.00000005960464477539062500000",
        "1.00000005960464477539062500001", "1.000000059604644775390624", "8388609.5", "1.1754943508222875e-38",
        "7.006492321624085e-46", "7.006492321624086e-46", "12345678901234567890.", "0.00000000000000000000000000012345",
        "00000000000000000000000000000000000000001.5", "1000000000000000000000000000000000000000e-39",
        "123456789012345678", "1234567890123456789012", "999999999999999999e22", "9007199254740991e22",
        "9007199254740991e-22", "16777215e10", "16777215e-10", "1e11", "1e-11",
    ])
    func `hard numbers round as Swift rounds them`(text: String) throws {
        let double = try #require(Double(text), "Swift does not read \(text)")
        let isZero = !text.prefix { $0 != "e" }.contains { "123456789".contains($0) }
        // As PostgreSQL: what is not 0 does not become it.
        if double == 0, !isZero {
            #expect(throws: ValueTextError.outOfRange) { try float64(text) }
        } else {
            #expect(try float64(text).bitPattern == double.bitPattern)
        }
        let single = try #require(Float(text), "Swift does not read \(text)")
        if !single.isFinite {
            #expect(throws: ValueTextError.outOfRange) { try float32(text) }
        } else if single == 0, !isZero {
            #expect(throws: ValueTextError.outOfRange) { try float32(text) }
        } else {
            #expect(try float32(text).bitPattern == single.bitPattern)
        }
    }

    @Test(arguments: [UInt64.random(in: .min ... .max), 2])
    func `random bit patterns survive their shortest text`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<50_000 {
            let double = Double(bitPattern: random.next())
            if double.isFinite {
                try #require(try float64("\(double)").bitPattern == double.bitPattern, "\(double)")
            }
            let single = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            if single.isFinite {
                try #require(try float32("\(single)").bitPattern == single.bitPattern, "\(single)")
            }
        }
    }

    @Test(arguments: [UInt64.random(in: .min ... .max), 3])
    func `random digits, points and exponents round as Swift rounds them`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<50_000 {
            let count = Int.random(in: 1...25, using: &random)
            var text = Bool.random(using: &random) ? "-" : ""
            for _ in 0..<count { text += String(Int.random(in: 0...9, using: &random)) }
            if Bool.random(using: &random) {
                text.insert(".", at: text.index(text.endIndex, offsetBy: -Int.random(in: 0...count, using: &random)))
            }
            if Bool.random(using: &random) { text += "e\(Int.random(in: -45...45, using: &random))" }
            let double = try #require(Double(text), "Swift does not read \(text)")
            try #require(try float64(text).bitPattern == double.bitPattern, "\(text)")
            let single = try #require(Float(text), "Swift does not read \(text)")
            if single.isFinite, single != 0 || double == 0 {
                try #require(try float32(text).bitPattern == single.bitPattern, "\(text)")
            } else {
                #expect(throws: ValueTextError.outOfRange) { try float32(text) }
            }
        }
    }

    /// The numbers half way between two neighbours are where a second rounding shows.
    @Test(arguments: [UInt64.random(in: .min ... .max), 4])
    func `halfway cases go to the even neighbour`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            // An odd 54-bit integer lies half way between two doubles.
            let integer = UInt64.random(in: 1 << 53..<1 << 54, using: &random) | 1
            let even = integer & 2 == 0 ? integer - 1 : integer + 1
            try #require(try float64("\(integer)") == Double(even), "\(integer)")
            try #require(try float64("\(integer).0000000000000000000000001") == Double(integer + 1), "\(integer)")
            let small = UInt64.random(in: 1 << 24..<1 << 25, using: &random) | 1
            let evenSmall = small & 2 == 0 ? small - 1 : small + 1
            try #require(try float32("\(small)") == Float(evenSmall), "\(small)")
            // As float64 this is `small` itself, so that rounding twice would go to the even neighbour.
            try #require(try float32("\(small).00000000000000000001") == Float(small + 1), "\(small)")
        }
    }

    @Test(
        arguments: [
            ("2024-01-01", nil, 1_704_067_200_000_000), ("1704067200", TimeUnit.s, 1_704_067_200_000_000),
            ("-1", .ns, -1), ("1704067200000", .ms, 1_704_067_200_000_000),
            ("1704067200.5", .s, 1_704_067_200_500_000), ("1704067200.123456", .s, 1_704_067_200_123_456),
            ("1.7040672005E9", .s, 1_704_067_200_500_000), ("1704067200000.25", .ms, 1_704_067_200_000_250),
            ("-0.5", .s, -500_000), ("1704067200.", .s, 1_704_067_200_000_000),
        ] as [(String, TimeUnit?, Int64)]
    )
    func `times are text, or numbers of a unit`(text: String, unit: TimeUnit?, microseconds: Int64) throws {
        let bytes = Array(text.utf8)
        #expect(try TimeReading(unit: unit).time(bytes.span).microseconds == microseconds)
    }

    @Test(
        arguments: [
            ("1704067200", nil, ValueTextError.time(.unitNeeded)), ("9223372036854775807", .s, .time(.outOfRange)),
            ("9223372036854775807", .us, .time(.outOfRange)), ("99999999999999999999", .s, .outOfRange),
            ("x", .s, .time(.malformed)), ("infinity", nil, .time(.infinite)),
            ("1704067200.5", nil, .time(.unitNeeded)),
            ("1e9", nil, .time(.unitNeeded)), ("1e99", .s, .time(.outOfRange)), ("1.5.5", .s, .time(.malformed)),
            ("1704067.2005", .s, .time(.early1970(.s))), ("2016-12-31T23:59:60Z", nil, .time(.leapSecond)),
            ("1704067200", .ms, .time(.early1970(.ms))), ("0", .s, .time(.early1970(.s))),
            ("8639999999999", .us, .time(.early1970(.us))),
        ] as [(String, TimeUnit?, ValueTextError)]
    )
    func `what is no time is refused`(text: String, unit: TimeUnit?, error: ValueTextError) {
        let bytes = Array(text.utf8)
        #expect(throws: error) { try TimeReading(unit: unit).time(bytes.span) }
    }

    @Test(
        arguments: [
            ("1704067200.1234567", .s, .up, 1_704_067_200_123_457, 300),
            ("1704067200.1234567", .s, .down, 1_704_067_200_123_456, 700),
            ("1704067200.0000000001", .s, .down, 1_704_067_200_000_000, 1),
            ("1704067200.0000000001", .s, .up, 1_704_067_200_000_001, 999),
            ("-0.0000000001", .s, .up, 0, 1), ("-0.0000000001", .s, .down, -1, 999),
            ("1704067200000000.5", .us, .up, 1_704_067_200_000_001, 500), ("-1.5", .ns, .down, -1, 998),
        ] as [(String, TimeUnit, TimeReading.Rounding, Int64, UInt16)]
    )
    func `a number of a unit is read to its last digit`(
        text: String,
        unit: TimeUnit,
        rounding: TimeReading.Rounding,
        microseconds: Int64,
        movedNs: UInt16
    ) throws {
        let bytes = Array(text.utf8)
        let time = try TimeReading(unit: unit, rounding: rounding, allowsEarly1970: true).time(bytes.span)
        #expect(time == RoundedTime(microseconds: microseconds, movedNs: movedNs))
    }

    @Test(
        arguments: [
            ([], nil), (Array("déjà vu 🙂".utf8), nil), ([0x61, 0x00], .nul), ([0xC3], .notUTF8), ([0xFF], .notUTF8),
            ([0xC0, 0x80], .notUTF8), ([0xED, 0xA0, 0x80], .notUTF8), ([0xF4, 0x90, 0x80, 0x80], .notUTF8),
            (Array(repeating: 0x61, count: 1 << 20), nil),
            (Array(repeating: 0x61, count: 1 << 20 + 1), .tooLong(bytes: 1 << 20 + 1)),
        ] as [([UInt8], ValueTextError?)]
    )
    func `strings are UTF-8 without U+0000, up to 1 MiB`(bytes: [UInt8], error: ValueTextError?) {
        var thrown: ValueTextError?
        do { try ValueText.checkString(bytes.span) } catch { thrown = error }
        #expect(thrown == error)
    }

    @Test(
        arguments: [
            ("\\x", []), ("\\x00fF", [0, 255]), ("\\xDEADBEEF", [0xDE, 0xAD, 0xBE, 0xEF]),
            ("", nil), ("x00", nil), ("\\x0", nil), ("\\x0g", nil), ("\\X00", nil), ("00", nil), ("\\x 0", nil),
        ] as [(String, [UInt8]?)]
    )
    func `bytes are pairs of hexadecimal digits`(text: String, expected: [UInt8]?) {
        let bytes = Array(text.utf8)
        #expect((try? ValueText.bytes(bytes.span)) == expected)
    }

    @Test func `bytes have the same limit as strings`() throws {
        let longest = Array("\\x".utf8) + Array(repeating: UInt8(ascii: "0"), count: 2 << 20)
        #expect(try ValueText.bytes(longest.span).count == 1 << 20)
        let longer = longest + Array("00".utf8)
        #expect(throws: ValueTextError.tooLong(bytes: 1 << 20 + 1)) { try ValueText.bytes(longer.span) }
    }
}
