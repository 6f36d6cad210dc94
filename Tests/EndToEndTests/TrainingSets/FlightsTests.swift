import Foundation
import Postgres
import Store
import TestSupport
import Testing

@Suite struct FlightsTests {
    @Test func `the flights' training set is what an independent join gives`() throws {
        let scratch = try Scratch()
        let root = Cases.repository.path
        let fixture = root + "/Tests/Fixtures/flights"
        let database = ["-d", try ThrowawayCluster.shared().database()]
        func asof(_ arguments: [String]) throws -> AsofBinary.Output {
            let output = try AsofBinary.run(arguments + database, in: scratch.path)
            #expect(output.status == 0, "\(arguments): \(output.error)")
            return output
        }
        _ = try asof(["init"])
        _ = try asof(["apply", root + "/examples/flights/features.yaml", "--yes"])
        for view in ["weather", "aircraft", "flights"] {
            _ = try asof(["ingest", view, "\(fixture)/\(view).csv"])
        }
        _ = try asof(["materialize", "--all"])
        let session = try Session(conninfo: database[1])
        for (view, keys, features) in [
            ("aircraft_delays", "tailnum", "arr_delay,arrivals_today"), ("route_delays", "origin,dest", "arr_delay"),
        ] {
            let rows = try session.query(
                """
                SELECT concat_ws(',', \(keys), to_char(_event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), \(features))
                FROM history.\(view)
                """
            )
            let made = Set((0..<rows.count).compactMap { rows.text($0, 0) })
            #expect(made.count == rows.count)
            #expect(try made == Self.prepared("\(fixture)/\(view).csv", keyColumns: keys.contains(",") ? 3 : 2))
        }
        #expect(try asof(["materialize", "--all"]).out.contains(" 0 new"))
        _ = try asof([
            "export", "--spine", "\(fixture)/spine.csv", "--features", "delay_model", "--label-time", "label_time",
            "--out", "training.csv",
        ])
        let made = try String(contentsOfFile: scratch.path + "/training.csv", encoding: .utf8)
        let expected = try String(contentsOfFile: fixture + "/expected.csv", encoding: .utf8)
        #expect(made == expected)
        _ = try asof(["verify", "training.csv.manifest.json"])
        _ = try asof(["check"])
    }

    /// The rows of a prepared file; of several with the same keys and time the last.
    private static func prepared(_ path: String, keyColumns: Int) throws -> Set<String> {
        var rows: [[Substring]: String] = [:]
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst() {
            rows[Array(line.split(separator: ",", omittingEmptySubsequences: false)[..<keyColumns])] = String(line)
        }
        return Set(rows.values)
    }

    /// One flight and when it arrived.
    struct Arrival: Sendable {
        let name: String
        /// UTC, in 2013.
        let departure: String
        var delay = 0
        let airTime: Int
        let clock: Int
        var zone = "America/New_York"
        /// UTC, in 2013; `nil` = not known.
        let arrival: String?
    }

    static let arrivals = [
        Arrival(
            name: "the destination's clock counts",
            departure: "01-01T10:15",
            delay: 2,
            airTime: 227,
            clock: 830,
            zone: "America/Chicago",
            arrival: "01-01T14:30"
        ),
        Arrival(
            name: "past midnight is the next day",
            departure: "01-02T04:30",
            airTime: 60,
            clock: 45,
            arrival: "01-02T05:45"
        ),
        Arrival(
            name: "2400 ends the day of the departure",
            departure: "01-02T03:30",
            airTime: 60,
            clock: 2400,
            arrival: "01-02T05:00"
        ),
        Arrival(
            name: "2400 at the bound itself",
            departure: "01-02T04:00",
            airTime: 60,
            clock: 2400,
            arrival: "01-02T05:00"
        ),
        Arrival(
            name: "a delay over midnight",
            departure: "01-02T02:30",
            delay: 180,
            airTime: 200,
            clock: 500,
            zone: "America/Puerto_Rico",
            arrival: "01-02T09:00"
        ),
        Arrival(
            name: "an early departure before midnight",
            departure: "01-02T05:05",
            delay: -10,
            airTime: 20,
            clock: 20,
            arrival: "01-02T05:20"
        ),
        Arrival(
            name: "before midnight there, past midnight here",
            departure: "01-02T00:30",
            airTime: 345,
            clock: 2250,
            zone: "America/Los_Angeles",
            arrival: "01-02T06:50"
        ),
        Arrival(
            name: "at departure + air_time",
            departure: "01-01T12:00",
            airTime: 60,
            clock: 800,
            arrival: "01-01T13:00"
        ),
        Arrival(name: "before departure + air_time", departure: "01-01T12:00", airTime: 60, clock: 759, arrival: nil),
        Arrival(
            name: "the first pass of a doubled hour",
            departure: "11-03T04:30",
            airTime: 45,
            clock: 130,
            arrival: "11-03T05:30"
        ),
        Arrival(
            name: "the second pass of a doubled hour",
            departure: "11-03T04:30",
            airTime: 75,
            clock: 130,
            arrival: "11-03T06:30"
        ),
        Arrival(
            name: "a clock that was set back",
            departure: "11-03T04:50",
            airTime: 60,
            clock: 105,
            arrival: "11-03T06:05"
        ),
        Arrival(
            name: "a skipped hour on a clock that ran on",
            departure: "03-10T02:45",
            delay: 81,
            airTime: 141,
            clock: 203,
            arrival: "03-10T07:03"
        ),
    ]

    @Test func `arrivals are the first time that the destination's clock can show`() throws {
        let scratch = try Scratch()
        let root = Cases.repository.path
        let database = ["-d", try ThrowawayCluster.shared().database()]
        var csv =
            "flight_id,event_time,carrier,flight,tailnum,origin,dest,dest_zone,dep_delay,air_time,arr_time,arr_delay\n"
        for (number, flight) in Self.arrivals.enumerated() {
            csv += "\(number),2013-\(flight.departure):00Z,AA,1,N\(number),JFK,XXX,\(flight.zone),"
            csv += "\(flight.delay),\(flight.airTime),\(flight.clock),0\n"
        }
        _ = try scratch.write("flights.csv", csv)
        for arguments in [
            ["init"], ["apply", root + "/examples/flights/features.yaml", "--yes"],
            ["ingest", "flights", "flights.csv"],
            ["materialize", "arrivals"],
        ] {
            let output = try AsofBinary.run(arguments + database, in: scratch.path)
            #expect(output.status == 0, "\(arguments): \(output.error)")
        }
        let rows = try Session(conninfo: database[1]).query(
            "SELECT flight_id, to_char(_event_time AT TIME ZONE 'UTC', 'MM-DD\"T\"HH24:MI') FROM history.arrivals"
        )
        var made: [Int64: String] = [:]
        for row in 0..<rows.count { made[rows.int64(row, 0) ?? -1] = rows.text(row, 1) }
        for (number, flight) in Self.arrivals.enumerated() {
            #expect(made[Int64(number)] == flight.arrival, "\(flight.name)")
        }
    }
}
