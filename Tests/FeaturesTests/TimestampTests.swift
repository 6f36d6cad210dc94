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
        ("2024-01-01T23:59:60Z", .malformed), ("2024-01-01T12", .malformed), ("2024-01-01T", .malformed),
        ("2024-01-01T12:00:00.Z", .malformed), ("2024-01-01T12:00:00Zx", .malformed),
        ("2024-01-01T12:00:00+24:00", .malformed), ("2024-01-01T12:00:00+01:60", .malformed),
        ("2024-01-01T12:00:00+1", .malformed), ("2024-01-01T12:00:00 ", .malformed), (" 2024-01-01", .malformed),
        ("1700000000.5", .malformed), ("20240101T000000Z", .malformed), ("infinity", .infinite),
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
            (TimeUnit.s, 2, 2_000_000), (.ms, -3, -3_000), (.us, .max, .max), (.ns, 1_999, 1), (.ns, -1, -1),
            (.ns, -1_000, -1), (.ns, -1_001, -2), (.ns, .min, -9_223_372_036_854_776), (.s, .max, nil),
            (.ms, .min, nil),
            (.s, 9_223_372_036_854, 9_223_372_036_854_000_000), (.s, 9_223_372_036_855, nil),
        ] as [(TimeUnit, Int64, Int64?)]
    )
    func `integers of a unit become microseconds, floored`(unit: TimeUnit, value: Int64, microseconds: Int64?) {
        #expect(unit.microseconds(value) == microseconds)
    }
}
