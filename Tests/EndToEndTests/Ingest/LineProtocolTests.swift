import Features
import Foundation
import TestSupport
import Testing

/// `asof ingest` of InfluxDB line protocol.
@Suite struct LineProtocolIngestTests {
    @Test func `points of several views are stored in one transaction, with no view named`() throws {
        let store = try CommandLineStore()
        try store.write(
            "points.lp",
            """
            # two views
            logins,login=ann n=3i 1767225600000000000
            routes,origin=JFK,dest=San\\ Francisco delay=4 1767225600000000000
            logins,login=bob n=4i 1767225600000000001
            daily,user_id=7 n=5i

            """
        )
        let out = try store.succeed(["ingest", "points.lp"])
        #expect(out.contains("points.lp: 4 rows into view daily, logins, routes"), "\(out)")
        #expect(
            try store.value("SELECT count(DISTINCT position) || '/' || count(*) FROM asof.batches WHERE kind = 'data'")
                == "1/3"
        )
        #expect(try store.value("SELECT string_agg(login || n, ',' ORDER BY login) FROM online.logins") == "ann3,bob4")
        #expect(try store.value("SELECT origin || dest || delay FROM online.routes") == "JFKSan Francisco4")
        // Without a time it is now.
        #expect(try store.value("SELECT count(*) FROM history.daily WHERE now() - _event_time < '5 minutes'") == "1")
        #expect(try store.succeed(["ingest", "points.lp"]).contains("nothing new; its 4 rows were stored before"))
        try store.succeed(["check"])
    }

    @Test func `a named view takes its own points only; precision, gzip and standard input are understood`() throws {
        let store = try CommandLineStore()
        try store.write("a.lp", "logins,login=a n=1i 1767225600\nroutes,origin=a,dest=b delay=1 1767225600\n")
        let refused = try store.run(["ingest", "logins", "a.lp", "--precision", "s"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("a.lp: row 2 (line 2): at column 1, there is no view 'routes'; known: logins"))
        #expect(try store.value("SELECT count(*) FROM asof.batches WHERE kind = 'data'") == "0")
        let input = "logins,login=a n=1i 1767225600000\n"
        try store.succeed(["ingest", "logins", "-", "--format", "lp", "--precision", "ms"], input: input)
        try store.succeed(["ingest", "-", "--format", "lp", "--precision", "ms"], input: input)
        #expect(
            try store.value("SELECT count(*) || ' ' || min(_event_time) FROM history.logins")
                == "2 2026-01-01 00:00:00+00"
        )
        try store.write("b.influx", "logins,login=b n=1i 1767225600000000000\n")
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/bin/sh")
        gzip.arguments = ["-c", "gzip '\(store.folder)/b.influx'"]
        try gzip.run()
        gzip.waitUntilExit()
        try store.succeed(["ingest", "b.influx.gz"])
        #expect(try store.value("SELECT count(*) FROM online.logins") == "2")
    }

    static let commands: [(arguments: [String], says: String)] = [
        (["a.lp", "--time-unit", "s"], "--time-unit does not go with line protocol"),
        (["a.lp", "--precision", "h"], "--precision 'h': expected s, ms, us or ns"),
        (["logins", "a.csv", "--precision", "s"], "--precision is for line protocol"),
        (["a.csv"], "give the view and its files"),
        (["nosuch", "a.lp"], "nosuch"),
    ]

    @Test(arguments: commands)
    func `a command that does not fit the format is refused`(_ command: (arguments: [String], says: String)) throws {
        let store = try CommandLineStore()
        try store.write("a.lp", "logins,login=a n=1i 1\n")
        let output = try store.run(["ingest"] + command.arguments)
        #expect(output.status != 0)
        #expect(output.error.contains(command.says), "\(output.error)")
    }

    @Test func `a point of too many tags or fields is refused by its bound, and the rest of the file is kept`() throws {
        let store = try CommandLineStore()
        func names(_ count: Int, _ name: String, _ value: String) -> String {
            (0..<count).map { "\(name)\($0)=\(value)" }.joined(separator: ",")
        }
        let time = "1767225600000000000"
        try store.write(
            "points.lp",
            [
                "logins,login=a n=1i \(time)", "logins,\(names(17, "t", "v")) n=1i \(time)",
                "logins,\(names(60_000, "t", "v")) n=1i \(time)", "logins,login=b n=2i \(time)",
                "logins,login=c \(names(1_601, "f", "1i")) \(time)", "logins,login=d n=4i \(time)", "",
            ].joined(separator: "\n")
        )
        let stopped = try store.run(["ingest", "points.lp"])
        #expect(stopped.status == 1)
        let bound =
            "points.lp: row 2 (line 2): at column \(9 + names(16, "t", "v").utf8.count), a point has at most 16 tags"
        #expect(stopped.error.contains(bound), "\(stopped.error)")
        let skipped = try store.run(["ingest", "points.lp", "--on-error", "skip", "--rejects", "bad.lp"])
        #expect(skipped.status == 0, "\(skipped.error)")
        #expect(try store.value("SELECT string_agg(login || n, ',' ORDER BY login) FROM online.logins") == "a1,b2,d4")
        let reasons = try store.read("bad.lp.reasons.csv").split(separator: "\n").dropFirst()
        #expect(reasons.count == 3)
        #expect(reasons.prefix(2).allSatisfy { $0.contains("a point has at most 16 tags") }, "\(reasons)")
        #expect(reasons.last?.contains("a point has at most 1600 fields") == true, "\(reasons)")
        #expect(try store.read("bad.lp").split(separator: "\n").map(\.utf8.count).max() ?? 0 > 400_000)
    }

    /// Two views in turns; every tenth point is bad, in one of two ways.
    private static func points(_ count: Int) -> String {
        (1...count).map { row in
            if row % 20 == 10 { return "logins,login=somebody-\(row) n=bad 1767225600000000000\n" }
            if row % 20 == 0 { return "logins,login=somebody-\(row) n=1i 7258118400000000000\n" }
            return row % 2 == 0
                ? "logins,login=somebody-\(row) n=1i 1767225600000000000\n"
                : "daily,user_id=\(row) n=1i 1767225600000000000\n"
        }.joined()
    }

    private static func count(_ store: CommandLineStore) throws -> String {
        try store.value("SELECT (SELECT count(*) FROM history.logins) || '/' || (SELECT count(*) FROM history.daily)")
    }

    @Test func `bad points are set aside; stopped, grown and killed, each point is stored once`() throws {
        let store = try CommandLineStore()
        let command = ["ingest", "points.lp", "--batch-rows", "500"]
        let skip = ["--on-error", "skip", "--rejects", "bad.lp"]
        try store.write("points.lp", Self.points(3_000))
        let stopped = try store.run(command)
        #expect(
            stopped.error.contains("points.lp: row 10 (line 10): at column 28, expected a number"),
            "\(stopped.error)"
        )
        #expect(try store.run(command + skip).status == 0)
        #expect(try Self.count(store) == "1200/1500")
        try store.write("points.lp", Self.points(12_000))
        var kills = 0
        for _ in 0..<6 {
            let before = try Self.count(store)
            let running = try AsofBinary.start(command + skip + ["-d", store.conninfo], in: store.folder)
            #expect(try Patience.wait { try Self.count(store) != before || !running.process.isRunning })
            guard running.process.isRunning else { break }
            kill(running.process.processIdentifier, SIGKILL)
            running.waitUntilExit()
            kills += 1
        }
        #expect(kills > 2, "the kills came all after the work")
        let last = try store.run(command + skip)
        #expect(last.status == 0, "\(last.error)")
        #expect(try Self.count(store) == "4800/6000")
        let rejects = try store.read("bad.lp").split(separator: "\n")
        #expect(rejects.count == 1_200)
        #expect(Set(rejects).count == 1_200)
        let reasons = try store.read("bad.lp.reasons.csv")
        #expect(reasons.contains(",20,20,,\"the event time 2200-01-01T00:00:00Z is more than 5 minutes ahead"))
        try store.write(
            "mended.lp",
            try store.read("bad.lp").replacingOccurrences(of: "=bad ", with: "=1i ")
                .replacingOccurrences(of: "7258118400000000000", with: "1767225600000000000")
        )
        try store.succeed(["ingest", "mended.lp"])
        #expect(try Self.count(store) == "6000/6000")
        try store.write(
            "points.lp",
            Self.points(12_000).replacingOccurrences(of: "_id=2001 n=1i", with: "_id=2001 n=2i")
        )
        #expect(try store.run(command + skip).error.contains("are not those that were stored"))
        try store.succeed(["check"])
    }
}
