import Expressions
import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

/// Time zones, read out of the same files as PostgreSQL reads.
@Suite struct TimeZoneTests {
    private static func names(_ connection: Connection) throws -> [String] {
        let rows = try connection.query(
            "SELECT name FROM pg_timezone_names WHERE name LIKE '%/%' AND name NOT LIKE 'posix/%' ORDER BY 1"
        )
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }

    @Test func `every zone with an area that PostgreSQL knows is known`() throws {
        let names = try Self.names(Connection(ThrowawayCluster.shared().database()))
        #expect(names.count > 300)
        for name in names {
            let text = "extract(hour from label_time at time zone '\(name)')"
            #expect(throws: Never.self) { try Expression(text, scope: Sample.flights.scope) }
        }
    }

    @Test func `clocks change when PostgreSQL's do, and local times mean the same`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        print("expressions: zones seed \(seed)")
        var random = SeededRandom(seed: seed)
        let connection = try Connection(try ThrowawayCluster.shared().database())
        let names = try Self.names(connection)
        let some = [
            "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "America/Nuuk", "Africa/Casablanca",
            "Europe/Moscow",
            "Pacific/Apia", "Africa/Monrovia",
        ]
        for name in some + (0..<30).map({ _ in random.pick(names) }) {
            // A year in steps of 97 minutes, so that each change has times near it on both sides, and another year.
            let years = [random.int(1900...2100), random.int(1960...2040)]
            let times = years.flatMap { year -> [Int64] in
                let start = Timestamp.daysSinceEpoch(year: Int64(year), month: 1, day: 1) * 86_400
                return (0..<5_420).map { (start + $0 * 5_820) * 1_000_000 }
            }
            let rows = try connection.query(
                """
                SELECT (t AT TIME ZONE $2) AT TIME ZONE 'UTC', (t AT TIME ZONE 'UTC') AT TIME ZONE $2
                FROM unnest($1::timestamptz[]) WITH ORDINALITY AS times (t, place) ORDER BY place
                """,
                [.timestampArray(microseconds: times), .text(name)]
            )
            let scope = ExpressionScope([ExpressionScope.Entry(name: "t", type: .timestamp)])
            let column = Column(type: .timestamp, values: .int64(times))
            func found(_ text: String) throws -> [Int64] {
                try Expression(text, scope: scope).evaluate({ _ in column }, rowCount: times.count).column.int64Values
            }
            let local = try found("(t at time zone '\(name)') at time zone 'UTC'")
            let time = try found("(t at time zone 'UTC') at time zone '\(name)'")
            for row in times.indices where rows.timestamp(row, 0) != local[row] || rows.timestamp(row, 1) != time[row] {
                Issue.record("seed \(seed), \(name) at \(Timestamp(microseconds: times[row]).text)")
                break
            }
        }
    }

    @Test func `a file of tzdata that is cut or damaged is no zone`() throws {
        let whole = try #require(Self.file("America/New_York"))
        var random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            var bytes = whole
            if random.oneIn(2) { bytes.removeLast(random.int(1...bytes.count)) }
            for _ in 0..<random.int(0...3) where !bytes.isEmpty {
                bytes[random.int(0...bytes.count - 1)] = UInt8(random.int(0...255))
            }
            let damaged = bytes
            let zones = TimeZones { name in name == "Area/City" ? damaged : nil }
            let scope = ExpressionScope(Sample.flights.entries, timeZones: zones)
            // Either it is refused, or it is read as it is; it never traps.
            guard
                let expression = try? Expression("extract(hour from label_time at time zone 'Area/City')", scope: scope)
            else { continue }
            _ = expression.evaluate({ Sample.flights.columns[$0] }, rowCount: 2)
        }
        let empty = ExpressionScope(Sample.flights.entries, timeZones: TimeZones { _ in [] })
        #expect(throws: ExpressionError.self) {
            try Expression("extract(hour from label_time at time zone 'Area/City')", scope: empty)
        }
    }

    private static func file(_ name: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))).map { Array($0) }
    }
}
