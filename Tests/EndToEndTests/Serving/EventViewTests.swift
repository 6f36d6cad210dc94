import Foundation
import TestSupport
import Testing

/// Event views with the built binary: two rows of one key and time are two events, and a tombstone brings back the one before.
@Suite struct EventViewTests {
    private static let yaml = """
        entities: { airport: { key: origin, type: string } }
        views:
          departures:
            entities: [airport]
            events: { id: flight }
            features: { flight: string, delay: float64 }
        services: { board: [departures.delay, departures.flight] }
        """

    private static let csv = """
        origin,event_time,flight,delay
        JFK,2024-01-01T10:00:00Z,B6-1,5
        JFK,2024-01-01T10:00:00Z,AA-9,7
        JFK,2024-01-01T09:00:00Z,DL-3,1
        LGA,2024-01-01T10:00:00Z,B6-1,2
        JFK,2024-01-01T10:00:00Z,B6-1,6

        """

    @Test func `events of one time are kept, corrected and deleted, online and in training sets alike`() throws {
        let store = try ServedStore(Self.yaml)
        let ingested = try store.asof(["ingest", "departures", "-", "--format", "csv"], input: Self.csv)
        #expect(ingested.status == 0, "\(ingested)")
        let server = try store.serve()
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        func online(_ key: String) throws -> Reply? {
            try client.line("FS.GET departures \(key) FEATURES 2 flight delay")
        }
        #expect(try online("JFK")?["flight"] == .bulk("B6-1"))
        #expect(try online("JFK")?["delay"] == .double("6"))
        let range = try client.line("FS.RANGE departures JFK - +")
        #expect(range.items?.count == 3, "\(range)")

        // Of events at one time the greater id is the newer; without it the other one of that minute comes back.
        let time = "1704103200000000"
        #expect(try client.line("FS.DEL departures JFK \(time) ID B6-1").integer != nil)
        #expect(try online("JFK")?["flight"] == .bulk("AA-9"))
        #expect(try client.line("FS.DEL departures JFK \(time) ID AA-9").integer != nil)
        #expect(try online("JFK")?["flight"] == .bulk("DL-3"))
        #expect(try client.line("FS.SET departures JFK \(time) flight AA-9 delay 8").integer != nil)
        #expect(try online("JFK")?["delay"] == .double("8"))
        #expect(try online("LGA")?["delay"] == .double("2"))
        #expect(try store.asof(["get", "departures", "JFK"]).out.contains("AA-9"))
        #expect(try store.asof(["check"]).status == 0)
        #expect(try store.asof(["rebuild-online", "departures"]).status == 0)
        #expect(try store.asof(["check"]).status == 0)

        _ = try store.scratch.write(
            "spine.csv",
            "origin,label_time\nJFK,2024-01-01T11:00:00Z\nJFK,2024-01-01T09:30:00Z\nLGA,2024-01-01T09:00:00Z\n"
        )
        let export = [
            "export", "--spine", "spine.csv", "--features", "board", "--label-time", "label_time", "--out", "set.csv",
        ]
        let made = try store.asof(export)
        #expect(made.status == 0, "\(made)")
        let set = try String(contentsOfFile: store.scratch.path + "/set.csv", encoding: .utf8)
        #expect(set.contains("8.0,AA-9") && set.contains("1.0,DL-3"), "\(set)")
        #expect(try store.asof(["verify", "set.csv"]).status == 0)
        let scanned = try store.asof(export.dropLast() + ["other.csv", "--engine", "scan"])
        #expect(scanned.status == 0, "\(scanned)")
        #expect(try String(contentsOfFile: store.scratch.path + "/other.csv", encoding: .utf8) == set)
    }

    @Test func `what is no event is refused, and says why`() throws {
        let store = try ServedStore(Self.yaml)
        let null = try store.asof(
            ["ingest", "departures", "-", "--format", "csv"],
            input: "origin,event_time,flight,delay\nJFK,2024-01-01T10:00:00Z,,5\n"
        )
        #expect(null.status == 1 && null.error.contains("'flight' is null; it identifies the event"), "\(null)")
        let server = try store.serve()
        let client = try server.client()
        func error(_ line: String) throws -> String {
            guard case .error(let text) = try client.line(line) else { return "no error" }
            return text
        }
        #expect(try error("FS.DEL departures JFK 1704103200000000").contains("ID id"))
        #expect(try error("FS.DEL departures JFK 1704103200000000 ID").contains("ID is followed by"))
        #expect(
            try error("FS.SET departures JFK 1704103200000000 delay 1 NULLS 1 flight").contains("identifies the event")
        )

        let file = try store.scratch.write(
            "other.yaml",
            Self.yaml.replacingOccurrences(of: "events: { id: flight }", with: "")
        )
        let plan = try store.asof(["plan", file])
        #expect((plan.out + plan.error).contains("events by flight -> one row for a key and event time"), "\(plan)")
        let unknown = try store.scratch.write(
            "unknown.yaml",
            Self.yaml.replacingOccurrences(of: "id: flight ", with: "id: fligth ")
        )
        #expect(try store.asof(["plan", unknown]).error.contains("did you mean 'flight'?"))
        let wrong = try store.scratch.write(
            "wrong.yaml",
            Self.yaml.replacingOccurrences(of: "id: flight ", with: "id: delay ")
        )
        #expect(try store.asof(["plan", wrong]).error.contains("expected string or int64"))
    }

    private static let windowed =
        yaml.replacingOccurrences(
            of: "services:",
            with: """
                  traffic:
                    entities: [airport]
                    windows:
                      of: departures
                      features: { n: count over lifetime, late: sum(delay) over 30d }
                services:
                """
        ).replacingOccurrences(of: "[departures.delay", with: "[traffic.late, departures.delay")

    @Test func `segments of events and what came after them export as look-ups do`() throws {
        let store = try ServedStore(Self.windowed)
        #expect(try store.asof(["ingest", "departures", "-", "--format", "csv"], input: Self.csv).status == 0)
        let built = try store.asof(["segments", "build"])
        #expect(built.status == 0 && built.out.contains("departures: 1 file written, 4 rows"), "\(built)")
        // An event that the file has is corrected, another deleted; one comes late.
        let tail = """
            origin,event_time,flight,delay,gone
            JFK,2024-01-01T10:00:00Z,B6-1,60,false
            JFK,2024-01-01T10:00:00Z,AA-9,,true
            JFK,2024-01-01T08:00:00Z,UA-2,100,false

            """
        let ingest = ["ingest", "departures", "-", "--format", "csv", "--deleted", "gone", "--source", "tail"]
        let ingested = try store.asof(ingest, input: tail)
        #expect(ingested.status == 0, "\(ingested)")
        _ = try store.scratch.write(
            "spine.csv",
            "origin,label_time\nJFK,2024-01-01T11:00:00Z\nJFK,2024-01-01T09:30:00Z\nLGA,2024-01-01T09:00:00Z\n"
        )
        func export(_ engine: String, _ more: [String] = []) throws -> (text: String, output: AsofBinary.Output) {
            let made = try store.asof(
                [
                    "export", "--spine", "spine.csv", "--features", "board", "--label-time", "label_time", "--out",
                    "\(engine).csv", "--engine", engine, "--explain",
                ] + more
            )
            #expect(made.status == 0, "\(made)")
            return (try String(contentsOfFile: store.scratch.path + "/\(engine).csv", encoding: .utf8), made)
        }
        let (scanned, output) = try export("scan")
        #expect(output.out.contains("view departures: 7 rows of history; 4 in 1 segment"), "\(output)")
        #expect(output.out.contains("3 rows (0 MiB) from PostgreSQL") && output.out.contains("windows "), "\(output)")
        #expect(scanned.contains("161.0,60.0,B6-1"), "\(scanned)")
        #expect(try export("probe").text == scanned)
        #expect(try store.asof(["verify", "scan.csv"]).status == 0)
        let checked = try store.asof(["segments", "check"])
        #expect(checked.status == 0, "\(checked)")
        #expect(try export("scan", ["--position", "1"]).text == (try export("probe", ["--position", "1"]).text))

        // What was forgotten is left out of the file's rows.
        let forgotten = try store.asof(["forget", "airport", "JFK", "--yes"])
        #expect(forgotten.status == 0, "\(forgotten)")
        let (after, quiet) = try export("scan")
        #expect(quiet.error == "" && quiet.out.contains("0 rows (0 MiB) from PostgreSQL"), "\(quiet)")
        #expect(after == (try export("probe").text) && !after.contains("60.0"))
    }

    @Test func `what windows need is not dropped, retired or replaced under them without a word`() throws {
        let store = try ServedStore(Self.windowed)
        #expect(try store.asof(["ingest", "departures", "-", "--format", "csv"], input: Self.csv).status == 0)
        let drop = ["drop-history", "departures", "--before", "2024-06-01T00:00:00Z", "--yes"]
        let refused = try store.asof(drop)
        #expect(refused.status == 1 && refused.error.contains("needs events from before"), "\(refused)")
        #expect(refused.error.contains("--breaks-windows"))
        #expect(try store.number("SELECT count(*) FROM history.departures") == 4)

        // A version keeps its windows when what they use is retired, and does not read what has the name later.
        let bare = Self.windowed.replacingOccurrences(of: ", delay: float64", with: "")
            .replacingOccurrences(of: ", late: sum(delay) over 30d", with: "")
            .replacingOccurrences(of: "traffic.late, departures.delay", with: "traffic.n")
        _ = try store.scratch.write("bare.yaml", bare)
        let retired = try store.asof(["apply", "bare.yaml", "--yes", "--allow-retire"])
        #expect(retired.status == 0, "\(retired)")
        let server = try store.serve()
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        let ask = "FS.SERVE board@1 KEYS 1 origin ROWS 1 JFK AT 1704105000000000"
        let pinned = try client.line(ask)
        #expect(pinned["rows"]?.items?.first?.items?.first == .double("14"), "\(pinned)")
        let pruned = try store.asof(["apply", "bare.yaml", "--yes", "--prune"])
        #expect(pruned.status == 0, "\(pruned)")
        // A service that was the same again would be in force again, and its version with it.
        let other = Self.windowed.replacingOccurrences(of: "[traffic.late, departures.delay, ", with: "[")
        _ = try store.scratch.write("again.yaml", other)
        let again = try store.asof(["apply", "again.yaml", "--yes", "--allow-retire"])
        #expect(again.status == 0, "\(again)")
        let isRefused = try Patience.wait(seconds: 30) { try client.line(ask).isError }
        #expect(isRefused)
        #expect(try store.asof(drop + ["--breaks-windows"]).status == 0)
        #expect(try store.asof(["check"]).status == 0)
    }

    @Test func `a drop leaves what history has left of an entity whose later events were deleted`() throws {
        let store = try ServedStore(Self.yaml)
        let rows = """
            origin,event_time,flight,delay,gone
            JFK,2024-01-05T10:00:00Z,B6-1,5,false
            JFK,2024-03-05T10:00:00Z,B6-2,5,false
            JFK,2024-03-05T10:00:00Z,B6-2,5,true

            """
        let ingest = ["ingest", "departures", "-", "--format", "csv", "--deleted", "gone"]
        #expect(try store.asof(ingest, input: rows).status == 0)
        #expect(
            try store.asof(["drop-history", "departures", "--before", "2024-02-01T00:00:00Z", "--yes"]).status == 0
        )
        #expect(try store.asof(["check"]).status == 0)
        #expect(try store.asof(["get", "departures", "JFK"]).out.contains("missing"))
    }

    @Test func `events of another project are not retired under windows over them`() throws {
        let store = try ServedStore()
        _ = try store.scratch.write(
            "all.yaml",
            "project: theirs\n" + Self.yaml.replacingOccurrences(of: "airport", with: "field")
        )
        #expect(try store.asof(["apply", "all.yaml", "--yes"]).status == 0)
        _ = try store.scratch.write(
            "ours.yaml",
            """
            project: ours
            views:
              traffic: { entities: [field], windows: { of: departures, features: { late: sum(delay) over 30d } } }
            """
        )
        #expect(try store.asof(["apply", "ours.yaml", "--yes"]).status == 0)
        let bare = Self.yaml.replacingOccurrences(of: ", delay: float64", with: "")
            .replacingOccurrences(of: "departures.delay, ", with: "").replacingOccurrences(of: "airport", with: "field")
        _ = try store.scratch.write("theirs.yaml", "project: theirs\n" + bare)
        let refused = try store.asof(["plan", "theirs.yaml"])
        #expect((refused.out + refused.error).contains("view 'traffic' of the project 'ours'"), "\(refused)")
        let short = Self.windowed.replacingOccurrences(of: "events: {", with: "retention: 7d\n    events: {")
        _ = try store.scratch.write("short.yaml", short)
        #expect(try store.asof(["plan", "short.yaml"]).error.contains("reaches back all time"))
    }
}
