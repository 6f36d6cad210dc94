import Features
import Foundation
import TestSupport
import Testing

@Suite struct PassedTypeTests {
    static let units: [TimeUnit] = [.s, .ms, .us, .ns]
    static let all: [PassedType] =
        [
            .float16, .numeric, .date32, .date64, .uuid, .json, .null, .fixedBytes(0), .fixedBytes(16),
            .decimal(bits: 32, precision: 9, scale: 0), .decimal(bits: 64, precision: 18, scale: 18),
            .decimal(bits: 128, precision: 38, scale: -2), .decimal(bits: 256, precision: 76, scale: 76),
            .interval(.month), .interval(.dayTime), .interval(.monthDayNano), .sqlText("inet"),
            .sqlText("character varying(3)[]"), .list(bits: 32, isSigned: true, count: nil),
            .list(bits: 64, isSigned: false, count: 3), .timestamp(.us, zone: "Etc/GMT+1"),
            .timestamp(.us, zone: "a,b(c)"),
        ] + [8, 16].flatMap { [.integer(bits: $0, isSigned: true), .integer(bits: $0, isSigned: false)] }
        + [32, 64].map { .integer(bits: $0, isSigned: false) }
        + units.flatMap { [.time($0), .duration($0), .timestamp($0, zone: nil), .timestamp($0, zone: "UTC")] }

    @Test(arguments: all) func `a type is what its text says, and no feature's`(type: PassedType) {
        #expect(PassedType(text: type.text) == type)
        #expect(FeatureType(text: type.text) == nil)
    }

    @Test(arguments: [
        "", "int32", "int64", "uint128", "decimal128", "decimal128()", "decimal128(1)", "decimal128(77,0)", "time",
        "time(m)",
        "timestamp(us", "list(string)", "list(int64,x)", "bytes(-1)", "interval(year)", "string", "date32()",
        "timestamp(us,a\nb)", "timestamp(ns,\u{0})", "timestamp(s,UTC\u{85})", "timestamp(s,\u{1B}[1mUTC)",
    ]) func `other texts are no types`(text: String) {
        #expect(PassedType(text: text) == nil)
    }

    /// Integers of every magnitude, and the bounds.
    private static func integer(_ random: inout SeededRandom) -> Int64 {
        switch random.int(0...9) {
        case 0: .min
        case 1: .max
        case 2: Int64(random.int(-3...3))
        default: Int64(truncatingIfNeeded: random.next()) >> Int64(random.int(0...63))
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `moments and times of day come back from their texts`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let unit = Self.units[random.int(0...3)]
            for type in [PassedType.date64, .timestamp(unit, zone: nil), .timestamp(unit, zone: "Asia/Tokyo")] {
                let value = Self.integer(&random)
                let text = Self.text(value, type)
                #expect(
                    try Self.value(text, type) == value,
                    "seed \(seed): \(text) \(type.text)"
                )
            }
            let day = Int64(Int32(truncatingIfNeeded: Self.integer(&random)))
            #expect(try Self.value(Self.text(day, .date32), .date32) == day, "seed \(seed)")
            let time = Int64(random.int(0...86_399)) * unit.perSecond + Int64(random.int(0...Int(unit.perSecond) - 1))
            #expect(
                try Self.value(Self.text(time, .time(unit)), .time(unit)) == time,
                "seed \(seed)"
            )
            let bits = Self.integer(&random)
            let unsigned = PassedType.integer(bits: 64, isSigned: false)
            #expect(Self.text(bits, unsigned) == String(UInt64(bitPattern: bits)))
            #expect(try Self.value(Self.text(bits, unsigned), unsigned) == bits)
        }
    }

    private static func number(_ text: String) -> ExactNumber? { ExactNumber(Array(text.utf8).span) }

    private static func value(_ text: String, _ type: PassedType) throws -> Int64 {
        try PassedText.value(Array(text.utf8).span, type)
    }

    private static func text(_ value: Int64, _ type: PassedType) -> String {
        var out: [UInt8] = []
        PassedText.append(value, type, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    @Test(arguments: [
        ("1969-12-31T23:59:59.999999999", -1, PassedType.timestamp(.ns, zone: nil)),
        ("1677-09-21T00:12:43.145224192", Int64.min, .timestamp(.ns, zone: nil)),
        ("2262-04-11T23:47:16.854775807Z", Int64.max, .timestamp(.ns, zone: "UTC")),
        ("-290308-12-21T19:59:05.224192", Int64.min, .timestamp(.us, zone: nil)),
        ("+10000-01-01", 2_932_897, .date32), ("-4712-01-01", -2_440_550, .date32), ("+0000-12-31", -719_163, .date32),
        ("08:30:00.250", 30_600_250, .time(.ms)), ("00:00:00", 0, .time(.ns)),
    ])
    func `dates and times are written as ISO 8601 has them`(text: String, value: Int64, type: PassedType) {
        #expect(Self.text(value, type) == text)
    }

    @Test(arguments: [
        ("2026-01-01T00:00:00.0000000001Z", PassedType.timestamp(.ns, zone: "UTC")),
        ("2026-01-01T00:00:00.1Z", .timestamp(.s, zone: "UTC")),
        ("2300-01-01T00:00:00.000000001Z", .timestamp(.ns, zone: "UTC")), ("2026-02-29", .date32),
        ("26-02-01", .date32),
        ("24:00:00", .time(.us)), ("256", .integer(bits: 8, isSigned: false)),
        ("-1", .integer(bits: 64, isSigned: false)),
    ])
    func `what the type does not hold is refused`(text: String, type: PassedType) {
        #expect(throws: ValueTextError.self) { try Self.value(text, type) }
    }

    @Test(arguments: [
        ("0", "0", 0, 0), ("-0.000", "0", 0, 3), ("001.50", "1.5", 1, 2), ("+12e2", "1200", 4, 0),
        ("1.5e-3", "0.0015", 0, 4),
        (".5", "0.5", 0, 1), ("5.", "5", 1, 0), ("-100e-1", "-10", 2, 1), ("1e0", "1", 1, 0), ("120", "120", 3, 0),
    ])
    func `a number has one shortest text`(text: String, plain: String, integers: Int, fractions: Int) throws {
        let number = try #require(Self.number(text))
        #expect(String(decoding: number.text, as: UTF8.self) == plain)
        #expect(number.integerDigits == integers && number.writtenFractionDigits == fractions)
    }

    @Test(arguments: ["", "-", ".", "e5", "1e", "1e999999999999999999999", "1e200000", "NaN", "1,5", "1 ", "--1"])
    func `what is no number is none`(text: String) {
        #expect(Self.number(text) == nil)
    }

    /// Whether a float holds a number to the digit, by printing it.
    private static func isHeldSlowly(_ text: String, _ value: Double) -> Bool {
        let digits = text.split(separator: "e")[0].filter(\.isNumber).drop { $0 == "0" }
        let count = String(digits.reversed().drop { $0 == "0" }.reversed()).count
        guard count > 0 else { return value == 0 }
        let printed = String(format: "%.\(count - 1)e", value)
        return number(printed)?.text == number(text)?.text
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a float holds a number exactly where it prints as that number`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var held = 0
        for _ in 0..<2_000 {
            var text = random.int(0...1) == 0 ? "-" : ""
            switch random.int(0...4) {
            case 0: text = Double(bitPattern: random.next()).description
            case 1:
                text += "\(random.int(0...99_999)).\(String(repeating: "0", count: random.int(0...3)))\(random.next())"
            case 2: text += "0.\(random.next() >> UInt64(random.int(0...40)))"
            case 3: text += "\(random.next() >> UInt64(random.int(0...20))).\(random.int(0...99))"
            default: text += "\(random.next() >> UInt64(random.int(0...60)))e\(random.int(-330...300))"
            }
            guard let value = try? ValueText.float64(Array(text.utf8).span), value.isFinite else { continue }
            let isHeld = ValueText.isHeld(Array(text.utf8).span, by: value)
            #expect(isHeld == Self.isHeldSlowly(text, value), "seed \(seed): \(text)")
            held += isHeld ? 1 : 0
        }
        #expect(held > 300 && held < 1_900)
    }
}
