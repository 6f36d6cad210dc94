import Features
import TestSupport
import Testing

/// Counts days one by one, in the plainest way there is.
private struct SlowCalendar {
    /// The date of every day from 0001-01-01 on, as far as asked.
    static func dates(throughYear lastYear: Int64) -> [(year: Int64, month: Int64, day: Int64)] {
        var dates: [(year: Int64, month: Int64, day: Int64)] = []
        for year in 1...lastYear {
            for month in Int64(1)...12 {
                for day in 1...length(ofMonth: month, year: year) { dates.append((year, month, day)) }
            }
        }
        return dates
    }

    static func isLeap(_ year: Int64) -> Bool {
        if year % 400 == 0 { return true }
        if year % 100 == 0 { return false }
        return year % 4 == 0
    }

    static func length(ofMonth month: Int64, year: Int64) -> Int64 {
        [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][Int(month) - 1]
    }
}

private func digits(_ value: Int64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
}

@Suite struct TimestampTests {
    /// Days from 0001-01-01 to 1970-01-01.
    private let daysBeforeEpoch: Int64 = 719_162

    @Test func `every day of the years 1 to 9999 is counted as one by one`() {
        var day = -daysBeforeEpoch
        var wrong: [Int64] = []
        for date in SlowCalendar.dates(throughYear: 9_999) {
            let civil = Timestamp.civil(daysSinceEpoch: day)
            let isRight =
                civil == date
                && Timestamp.daysSinceEpoch(year: date.year, month: date.month, day: date.day) == day
            if !isRight { wrong.append(day) }
            day += 1
        }
        #expect(wrong.prefix(3) == [])
        #expect(day - 1 == Timestamp.latest.microseconds / 86_400_000_000)
        #expect(-daysBeforeEpoch * 86_400_000_000 == Timestamp.earliest.microseconds)
    }

    @Test func `every month of the years 1 to 9999 has its days`() {
        for year in Int64(1)...9_999 {
            let lengths = (Int64(1)...12).map { Timestamp.days(inMonth: $0, year: year) }
            let expected = (Int64(1)...12).map { SlowCalendar.length(ofMonth: $0, year: year) }
            if lengths != expected { Issue.record("year \(year): \(lengths)") }
        }
    }

    @Test(arguments: [UInt64.random(in: .min ... .max), 1])
    func `random times survive their text, also in zones and with finer digits`(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let dates = SlowCalendar.dates(throughYear: 9_999)
        for _ in 0..<20_000 {
            // A day's margin on both sides, so that the zone does not leave the range.
            let index = Int.random(in: 1..<dates.count - 1, using: &random)
            let (year, month, day) = dates[index]
            let (hour, minute) = (Int64.random(in: 0..<24, using: &random), Int64.random(in: 0..<60, using: &random))
            let (second, fraction) =
                (Int64.random(in: 0..<60, using: &random), Int64.random(in: 0..<1_000_000, using: &random))
            let finer = Bool.random(using: &random) ? "999" : ""
            let offsetMinutes = Int64.random(in: -23 * 60 - 59...23 * 60 + 59, using: &random)
            let zone =
                (offsetMinutes < 0 ? "-" : "+") + digits(abs(offsetMinutes) / 60, 2)
                + (Bool.random(using: &random) ? ":" : "") + digits(abs(offsetMinutes) % 60, 2)
            let text =
                "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(digits(hour, 2)):\(digits(minute, 2)):"
                + "\(digits(second, 2)).\(digits(fraction, 6))\(finer)\(zone)"
            let seconds =
                (Int64(index) - daysBeforeEpoch) * 86_400 + hour * 3_600 + minute * 60 + second - offsetMinutes * 60
            let expected = Timestamp(microseconds: seconds * 1_000_000 + fraction)
            let read = try Timestamp(text: text)
            try #require(read == expected, "\(text)")
            try #require(try Timestamp(text: read.text) == read, "\(text) -> \(read.text)")
        }
    }

    @Test(arguments: [
        ("1970-01-01", 0), ("1970-01-01T00:00", 0), ("1970-01-01 00:00:01", 1_000_000), ("1970-01-01t00:00:00z", 0),
        ("1970-01-01T00:00:00,5Z", 500_000), ("1970-01-01Z", 0), ("1970-01-01+01:00", -3_600_000_000),
        ("1970-01-01 00:00:00+01", -3_600_000_000), ("1970-01-01 00:00:00 +0130", -5_400_000_000),
        ("1969-12-31T23:59:59.999999Z", -1), ("1969-12-31T23:59:59.9999999Z", -1),
        ("1969-12-31T23:59:59.9999990001Z", -1), ("1970-01-01T00:00:00.0000009Z", 0),
        ("1970-01-01 00:00:01 UTC", 1_000_000), ("1970-01-01 00:00:01.5 UTC", 1_500_000),
        ("1970-01-01T00:00:01UTC", 1_000_000),
        ("1970-01-01 00:00 GMT", 0), ("1970-01-01 0:00:01", 1_000_000), ("1970-01-01 9:05", 32_700_000_000),
        ("1970-01-01 00:00:01 +0000 UTC", 1_000_000), ("1970-01-01 00:00:01+00", 1_000_000),
        ("1970-01-01T00:00:00.1Z", 100_000), ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ])
    func `the usual spellings are read, and floored to microseconds`(text: String, microseconds: Int64) throws {
        #expect(try Timestamp(text: text).microseconds == microseconds)
    }

    @Test(arguments: [
        ("", TimestampTextError.malformed), ("yesterday", .malformed), ("2024-1-1", .malformed),
        ("2024-02-30", .malformed), ("2023-02-29", .malformed), ("1900-02-29", .malformed), ("2024-13-01", .malformed),
        ("2024-00-01", .malformed), ("2024-01-00", .malformed), ("2024-01-32", .malformed), ("2024/01/01", .malformed),
        ("2024-01-01T24:00:00Z", .malformed), ("2024-01-01T23:60:00Z", .malformed),
        ("2024-01-01T23:59:60Z", .leapSecond), ("2024-01-01T23:59:61Z", .malformed), ("2024-01-01T12", .malformed),
        ("2024-01-01T", .malformed),
        ("2024-01-01T12:00:00.Z", .malformed), ("2024-01-01T12:00:00Zx", .malformed),
        ("2024-01-01T12:00:00+24:00", .malformed), ("2024-01-01T12:00:00+01:60", .malformed),
        ("2024-01-01T12:00:00+1", .malformed), ("2024-01-01T12:00:00 ", .malformed),
        ("2024-01-01T12:00:00 CET", .malformed), ("2024-01-01 12:00:00 UT", .malformed),
        ("2024-01-01 12:00:00 +0100 UTC", .malformed), ("2024-01-01 12:00:00 UTC+1", .malformed),
        ("2024-01-01 :00:00", .malformed),
        (" 2024-01-01", .malformed),
        ("1700000000.5", .unitNeeded), ("1.7e9", .unitNeeded), ("1.7e", .malformed), ("1.7.", .malformed),
        ("20240101T000000Z", .malformed), ("infinity", .infinite),
        ("-infinity", .infinite),
        ("+Inf", .infinite), ("0000-01-01", .outOfRange), ("12024-01-01", .outOfRange),
        ("0001-01-01T00:00:00+00:01", .outOfRange), ("9999-12-31T23:59:59-00:01", .outOfRange),
        ("1700000000", .unitNeeded), ("-1700000000", .unitNeeded), ("+1700000000", .unitNeeded), ("2024", .unitNeeded),
    ])
    func `what is no time says why`(text: String, error: TimestampTextError) {
        #expect(throws: error) { try Timestamp(text: text) }
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000001Z"), (-1, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_500_000, "2000-02-29T00:00:00.500000Z"), (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        (Int64.min, "-290308-12-21T19:59:05.224192Z"), (Int64.max, "294247-01-10T04:00:54.775807Z"),
    ])
    func `text is RFC 3339 in UTC, and no number of microseconds traps`(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).text == text)
    }

    @Test func `the range includes its ends and nothing beyond`() {
        #expect(Timestamp.earliest.isInRange && Timestamp.latest.isInRange)
        #expect(!Timestamp(microseconds: Timestamp.earliest.microseconds - 1).isInRange)
        #expect(!Timestamp(microseconds: Timestamp.latest.microseconds + 1).isInRange)
    }

    @Test(
        arguments: [
            (TimeUnit.s, 2, 2_000_000), (.ms, -3, -3_000), (.us, 7, 7), (.ns, 1_999, 1), (.ns, -1, -1),
            (.ns, -1_000, -1), (.ns, -1_001, -2), (.ns, .min, -9_223_372_036_854_776), (.s, .max, nil),
            (.ms, .min, nil), (.us, .max, nil), (.s, 9_223_372_036_854, nil),
            (.s, 253_402_300_799, 253_402_300_799_000_000), (.s, 253_402_300_800, nil),
        ] as [(TimeUnit, Int64, Int64?)]
    )
    func `integers of a unit become microseconds, floored`(unit: TimeUnit, value: Int64, microseconds: Int64?) {
        let reading = TimeReading(unit: unit, allowsEarly1970: true)
        #expect((try? reading.time(integer: value).microseconds) == microseconds)
    }

    @Test(
        arguments: [
            // Text, the time in µs and how far it was moved: down, up.
            ("2026-01-01T00:00:00.000001Z", 1, 0, 1, 0), ("2026-01-01T00:00:00.0000010000Z", 1, 0, 1, 0),
            ("2026-01-01T00:00:00.0000015Z", 1, 500, 2, 500), ("2026-01-01T00:00:00.000001001Z", 1, 1, 2, 999),
            ("2026-01-01T00:00:00.000001999Z", 1, 999, 2, 1), ("2026-01-01T00:00:00.0000019999Z", 1, 999, 2, 1),
            // Finer than ns still moves.
            ("2026-01-01T00:00:00.0000010000001Z", 1, 1, 2, 999),
            ("2026-01-01T00:00:00.9999999Z", 999_999, 900, 1_000_000, 100),
            ("2025-12-31T23:59:59.9999999Z", -1, 900, 0, 100),
        ]
    )
    func `a finer time moves down or up to a microsecond, and says how far`(
        text: String,
        down: Int64,
        downNs: UInt16,
        up: Int64,
        upNs: UInt16
    ) throws {
        let start: Int64 = 1_767_225_600_000_000
        let bytes = Array(text.utf8)
        #expect(try RoundedTime(text: bytes.span, .down) == RoundedTime(microseconds: start + down, movedNs: downNs))
        #expect(try RoundedTime(text: bytes.span, .up) == RoundedTime(microseconds: start + up, movedNs: upNs))
        #expect(try Timestamp(text: text).microseconds == start + down)
    }

    @Test(arguments: UInt64(0)..<20) func `integers of ns move as a fraction of that many digits does`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            // Nanoseconds around the beginning of 2026, before and after 1970.
            let value = Int64(random.int(-4_000_000_000_000_000_000...4_000_000_000_000_000_000))
            for rounding in [TimeReading.Rounding.down, .up] {
                let reading = TimeReading(unit: .ns, rounding: rounding, allowsEarly1970: true)
                let time = try reading.time(integer: value)
                let moved = Int64(time.movedNs)
                #expect(moved < 1_000)
                #expect(time.microseconds * 1_000 + (rounding == .down ? moved : -moved) == value)
            }
        }
    }

    @Test func `integers in the first hundred days of 1970 are refused unless they are allowed`() throws {
        let days: Int64 = 100 * 86_400
        for (value, isRefused) in [(-1, false), (0, true), (days - 1, true), (days, false)] as [(Int64, Bool)] {
            let got = try? TimeReading(unit: .s).time(integer: value)
            #expect((got == nil) == isRefused, "\(value)")
            #expect(
                try TimeReading(unit: .s, allowsEarly1970: true).time(integer: value).microseconds == value * 1_000_000
            )
        }
        // Text says what it means.
        let text = Array("1970-01-02".utf8)
        #expect(try TimeReading(unit: .s).time(text.span).microseconds == 86_400_000_000)
    }
}
