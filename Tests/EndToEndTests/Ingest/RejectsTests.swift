import Features
import Foundation
import TestSupport
import Testing

/// `--on-error skip --rejects FILE`: bad rows are set aside, mended, and come in again.
@Suite struct RejectsTests {
    private static let skip = ["--on-error", "skip", "--rejects", "bad"]

    private static func count(_ store: CommandLineStore) throws -> String {
        try store.value("SELECT count(*) || '/' || coalesce(sum(n), 0) FROM history.logins")
    }

    @Test func `bad CSV rows are set aside with their header, and the mended file comes in`() throws {
        let store = try CommandLineStore()
        try store.write(
            "rows.csv",
            #"""
            login,event_time,n
            a,2026-01-01,1
            b,yesterday,2
            ,2026-01-01,3
            c,2026-01-01
            d,2999-01-01,4
            "e ""x""",2026-01-01,5

            """#
        )
        let output = try store.run(["ingest", "logins", "rows.csv", "--json"] + Self.skip)
        #expect(output.status == 0, "\(output.error)")
        #expect(output.out.contains("\"rejected\":4"), "\(output.out)")
        #expect(try Self.count(store) == "2/6")
        #expect(
            try store.read("bad") == "login,event_time,n\nb,yesterday,2\n,2026-01-01,3\nc,2026-01-01\nd,2999-01-01,4\n"
        )
        let reasons = try store.read("bad.reasons.csv").split(separator: "\n")
        #expect(reasons.count == 5)
        #expect(reasons[0] == "source,row,line,column,reason,bytes")
        #expect(reasons[1].contains(",2,3,event_time,\"expected timestamp, got 'yesterday'"))
        #expect(reasons[2].contains(",3,4,,the entity key 'login' is null"))
        #expect(reasons[3].contains(",4,5,,\"expected 3 fields, got 2\""))
        #expect(reasons[4].contains(",5,6,,\"the event time 2999-01-01"))

        let again = try store.succeed(["ingest", "logins", "rows.csv"] + Self.skip)
        #expect(again.contains("nothing new; its 6 rows were stored or set aside before"), "\(again)")
        #expect(try store.read("bad").split(separator: "\n").count == 5)

        let mended = try store.read("bad").replacingOccurrences(of: "yesterday", with: "2026-01-02")
            .replacingOccurrences(of: "2999", with: "2026").replacingOccurrences(of: "01-01\n", with: "01-01,7\n")
            .replacingOccurrences(of: "\n,", with: "\nf,")
        try store.write("mended.csv", mended)
        try store.succeed(["ingest", "logins", "mended.csv"])
        #expect(try Self.count(store) == "6/22")
        try store.succeed(["check"])
    }

    @Test func `bad JSON lines and bad rows of Parquet come out as JSON Lines`() throws {
        let store = try CommandLineStore()
        try store.write("rows.jsonl", "{\"login\":\"a\",\"t\":\"2026-01-01\",\"n\":1}\n{\"login\":\"b\",\"t\":\n")
        #expect(try store.run(["ingest", "logins", "rows.jsonl", "--event-time", "t"] + Self.skip).status == 0)
        #expect(try store.read("bad") == "{\"login\":\"b\",\"t\":\n")
        let time = Value.timestamp(Timestamp(microseconds: 1_767_225_600_000_000))
        let table: [(name: String, type: FeatureType, values: [Value])] = [
            ("login", .string, [.string("c"), .null, .string("d")]), ("t", .timestamp, [time, time, time]),
            ("n", .int64, [.int64(1), .int64(2), .null]),
        ]
        try store.write("rows.parquet", try parquet(table))
        let output = try store.run([
            "ingest", "logins", "rows.parquet", "--on-error", "skip", "--rejects", "bad.jsonl",
        ])
        #expect(output.status == 0, "\(output.error)")
        #expect(
            output.error.contains("WARNING: rows.parquet: 1 row rejected: bad.jsonl, reasons in bad.jsonl.reasons.csv")
        )
        #expect(try store.read("bad.jsonl") == "{\"login\":null,\"t\":\"2026-01-01T00:00:00Z\",\"n\":2}\n")
        try store.write("mended.jsonl", try store.read("bad.jsonl").replacingOccurrences(of: "null", with: "\"e\""))
        try store.succeed(["ingest", "logins", "mended.jsonl"])
        #expect(try Self.count(store) == "4/4")
    }

    /// `count` rows; every tenth is bad, in one of two ways. 1,600 of them are more than the head that names a source.
    private static func table(_ count: Int) -> String {
        let rows = (1...count).map { row in
            row % 10 > 0
                ? "user-with-a-rather-long-name-\(row),2026-01-01,1\n"
                : row % 20 > 0 ? "user-with-a-rather-long-name-\(row),2026-01-01,bad\n" : ",2026-01-01,1\n"
        }
        return "login,event_time,n\n" + rows.joined()
    }

    @Test func `a run that stopped on the way goes on without doubles among the rejects`() throws {
        let store = try CommandLineStore()
        let command = ["ingest", "logins", "rows.csv", "--batch-rows", "1000"] + Self.skip
        // The open quote is no row's fault: it ends the run behind the second batch.
        try store.write("rows.csv", Self.table(2_500) + "u,2026-01-01,\"")
        let stopped = try store.run(command)
        #expect(stopped.status == 1)
        #expect(stopped.error.contains("never closed") && stopped.error.contains("rows.csv are stored"))
        #expect(try store.read("bad").split(separator: "\n").count == 251)

        try store.write("rows.csv", Self.table(5_000))
        let rest = try store.run(command)
        #expect(rest.status == 0, "\(rest.error)")
        let whole = try CommandLineStore()
        try whole.write("rows.csv", Self.table(5_000))
        #expect(try whole.run(command).status == 0)
        for name in ["bad", "bad.reasons.csv"] {
            let (resumed, once) = (try store.read(name), try whole.read(name))
            #expect(resumed == once)
        }
        #expect(try Self.count(store) == "4500/4500")
        // A bad row that was mended in place behind the checkpoint is a change.
        try store.write(
            "rows.csv",
            Self.table(5_000).replacingOccurrences(of: "-2010,2026-01-01,bad", with: "-2010,2026-01-01,1")
        )
        #expect(try store.run(command).error.contains("are not those that were stored"))
        try store.write(
            "rows.csv",
            Self.table(5_000).replacingOccurrences(of: "-2010,2026-01-01,bad", with: "-2010,2026-01-01,BAD")
        )
        #expect(try store.run(command).error.contains("are not those that were stored"))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `killed anywhere and run again, the same rows are stored and rejected`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try CommandLineStore()
        try store.write("rows.csv", Self.table(15_000))
        let command = ["ingest", "logins", "rows.csv", "--batch-rows", "500", "-d", store.conninfo] + Self.skip
        var kills = 0
        while kills < 20 {
            let running = try AsofBinary.start(command, in: store.folder)
            let before = try Self.count(store)
            #expect(try Patience.wait { try Self.count(store) != before || !running.process.isRunning })
            Patience.pass(microseconds: random.int(0...40_000), "killed at any moment")
            guard running.process.isRunning else { break }
            kill(running.process.processIdentifier, SIGKILL)
            running.waitUntilExit()
            kills += 1
        }
        #expect(kills > 5, "seed \(seed): the kills came all after the work")
        let last = try store.run(Array(command.dropLast(Self.skip.count + 2)) + Self.skip)
        #expect(last.status == 0, "seed \(seed): \(last.error)")
        #expect(try Self.count(store) == "13500/13500", "seed \(seed), \(kills) kills")
        #expect(try store.read("bad").split(separator: "\n").count == 1_501, "seed \(seed), \(kills) kills")
        let rows = try store.read("bad.reasons.csv").split(separator: "\n").dropFirst()
            .compactMap { Int($0.split(separator: ",")[1]) }
        #expect(rows == Array(stride(from: 10, through: 15_000, by: 10)), "seed \(seed), \(kills) kills")
    }

    @Test func `a file that is not this ingest's, or was changed, is never written over`() throws {
        let store = try CommandLineStore()
        try store.write("rows.csv", Self.table(20))
        try store.write("bad", "precious")
        for (source, says) in [("rows.csv", "it exists already"), ("-", "it exists already")] {
            let arguments = ["ingest", "logins", source, "--format", "csv"] + Self.skip
            let refused = try store.run(arguments, input: Self.table(20))
            #expect(refused.status == 1)
            #expect(refused.error.contains("bad: cannot be written: \(says); move it away"), "\(refused.error)")
        }
        #expect(try store.read("bad") == "precious")
        try FileManager.default.removeItem(atPath: store.folder + "/bad")
        #expect(try store.run(["ingest", "logins", "rows.csv"] + Self.skip).status == 0)
        try store.write("other.csv", Self.table(30))
        #expect(
            try store.run(["ingest", "logins", "other.csv"] + Self.skip).error.contains(
                "rows of another source (rows.csv#"
            )
        )
        try store.write("bad", try store.read("bad").replacingOccurrences(of: "bad", with: "5"))
        let changed = try store.run(["ingest", "logins", "rows.csv"] + Self.skip)
        #expect(changed.error.contains("it was changed since it was written"))
    }

    @Test func `where every row is bad the ingest fails, and a stopped ingest goes on with skipping`() throws {
        let store = try CommandLineStore()
        try store.write("rows.csv", "login,event_time,n\na,1767225600,1\nb,1767225601,2\n")
        let failed = try store.run(["ingest", "logins", "rows.csv"] + Self.skip)
        #expect(failed.status == 1)
        #expect(failed.error.contains("asof: rows.csv: 2 rows rejected: bad, reasons in bad.reasons.csv"))

        try store.write("more.csv", Self.table(2_000))
        let stopped = try store.run(["ingest", "logins", "more.csv", "--batch-rows", "5"])
        #expect(stopped.error.contains("row 10 (line 11)"))
        let rest = try store.run([
            "ingest", "logins", "more.csv", "--batch-rows", "5", "--on-error", "skip", "--rejects", "more",
        ])
        #expect(rest.status == 0, "\(rest.error)")
        #expect(try Self.count(store) == "1800/1800")
        let alone = try store.run(["ingest", "logins", "more.csv", "--on-error", "skip"])
        #expect(alone.error.contains("belong together"))
    }
}
