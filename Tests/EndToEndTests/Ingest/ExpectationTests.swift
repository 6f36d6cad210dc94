import Columnar
import Features
import Foundation
import TestSupport
import Testing

/// Expectations and pii of features, as the built binary meets them in every way in.
@Suite struct ExpectationTests {
    private static func yaml(_ ctr: String) -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats:
            entities: [user]
            missing: 'null'
            features: { clicks: int64, ctr: \(ctr) }
          sums:
            entities: [user]
            missing: 'null'
            features: { clicks: int64, ctr: \(ctr) }
            source: { sql: "SELECT user_id, event_time, clicks, ctr FROM raw WHERE event_time >= :from AND event_time < :to" }
        """
    }

    private static func feature(_ action: String) -> String { "{ type: float64, min: 0, max: 1, action: \(action) }" }

    /// Users 1, 2 and 3 with a ctr of 0.5, 7 and null.
    private static func rows() throws -> [(name: String, bytes: [UInt8])] {
        let time = Value.timestamp(Timestamp(microseconds: 1_767_225_600_000_000))
        let table: [(name: String, type: FeatureType, values: [Value])] = [
            ("user_id", .int64, [.int64(1), .int64(2), .int64(3)]), ("event_time", .timestamp, [time, time, time]),
            ("clicks", .int64, [.int64(1), .int64(1), .int64(1)]),
            ("ctr", .float64, [.float64(0.5), .float64(7), .null]),
        ]
        let object = "\"event_time\":\"2026-01-01\",\"clicks\":1"
        return [
            (
                "rows.csv",
                Array("user_id,event_time,clicks,ctr\n1,2026-01-01,1,0.5\n2,2026-01-01,1,7\n3,2026-01-01,1,\n".utf8)
            ),
            (
                "rows.jsonl",
                Array(
                    "{\"user_id\":1,\(object),\"ctr\":0.5}\n{\"user_id\":2,\(object),\"ctr\":7}\n{\"user_id\":3,\(object),\"ctr\":null}\n"
                        .utf8
                )
            ),
            ("rows.parquet", try parquet(table)), ("rows.arrow", try tableFile(table, .arrow)),
            (
                "rows.lp",
                Array(
                    """
                    stats,user_id=1 clicks=1i,ctr=0.5 1767225600000000000
                    stats,user_id=2 clicks=1i,ctr=7 1767225600000000000
                    stats,user_id=3 clicks=1i 1767225600000000000

                    """.utf8
                )
            ),
        ]
    }

    private static func users(_ store: CommandLineStore) throws -> String {
        try store.value("SELECT coalesce(string_agg(user_id::text, ',' ORDER BY user_id), '') FROM history.stats")
    }

    @Test(arguments: ["rows.csv", "rows.jsonl", "rows.parquet", "rows.arrow", "rows.lp"], ["reject", "warn", "stop"])
    func `a file's row that is not as expected is refused, warned of, or stops all`(
        _ file: String,
        _ action: String
    ) throws {
        let store = try CommandLineStore(Self.yaml(Self.feature(action)))
        let rows = try #require(try Self.rows().first { $0.name == file })
        try store.write(file, rows.bytes)
        let refusal = "feature 'ctr': expected 0.0 to 1.0, got 7.0"
        let output = try store.run(["ingest", "stats", file])
        if action == "warn" {
            #expect(output.status == 0)
            let warning = "view 'stats': 1 of 3 values are not as expected, and stored: the first in row 2: \(refusal)"
            #expect(output.error == "WARNING: \(file): \(warning)\n")
            #expect(try Self.users(store) == "1,2,3")
            return
        }
        #expect(output.status == 1)
        #expect(output.error.contains("\(file): row 2"), "\(output.error)")
        #expect(output.error.contains(refusal), "\(output.error)")
        #expect(try Self.users(store) == "")

        let skip = ["ingest", "stats", file, "--on-error", "skip", "--rejects", "bad"]
        let skipped = try store.run(skip)
        if action == "stop" {
            #expect(skipped.status == 1)
            #expect(skipped.error.contains("\(file): row 2"), "\(skipped.error)")
            #expect(skipped.error.contains("\(refusal) (action: stop); nothing of its batch is stored"))
            #expect(try Self.users(store) == "")
            return
        }
        #expect(skipped.status == 0, "\(skipped.error)")
        #expect(skipped.error.contains("1 row rejected: bad, reasons in bad.reasons.csv"))
        #expect(try Self.users(store) == "1,3")
        let reasons = try store.read("bad.reasons.csv")
        #expect(reasons.contains("\"\(refusal)\""), "\(reasons)")
        if file != "rows.lp" { #expect(reasons.contains(",ctr,\"\(refusal)\""), "\(reasons)") }

        // The checkpoint has consumed the refused row; mended, it comes in as any other.
        #expect(try store.run(skip).out.contains("nothing new"))
        let mended = try store.read("bad").replacing("7", with: "1", maxReplacements: 1)
        let name = "mended." + (file.hasSuffix("lp") ? "lp" : file.hasSuffix("csv") ? "csv" : "jsonl")
        try store.write(name, file.hasSuffix("lp") ? mended.replacing("ctr=7", with: "ctr=1") : mended)
        try store.succeed(["ingest", "stats", name])
        #expect(try Self.users(store).split(separator: ",").count == 3)
        try store.succeed(["check"])
    }

    @Test func `an ingest that stopped goes on behind the refused rows, and counts each of them once`() throws {
        let store = try CommandLineStore(Self.yaml("{ type: float64, max: 1, max_null: 100% }"))
        let ctrs = ["0.1", "0.2", "7", "0.4", "0.5", "8", "9", "0.8", "0.9"]
        let rows = ctrs.enumerated().map { "\($0.offset),2026-01-01,1,\($0.element)\n" }.joined()
        try store.write("rows.csv", "user_id,event_time,clicks,ctr\n" + rows)
        let command = ["ingest", "stats", "rows.csv", "--batch-rows", "2"]
        let stopped = try store.run(command)
        #expect(
            stopped.error.contains("row 3 (line 4): feature 'ctr': expected at most 1.0, got 7.0"),
            "\(stopped.error)"
        )
        #expect(stopped.error.contains("2 rows of rows.csv are stored"), "\(stopped.error)")
        let skip = command + ["--on-error", "skip", "--rejects", "bad"]
        #expect(try store.run(skip).status == 0)
        #expect(try Self.users(store) == "0,1,3,4,7,8")
        #expect(try store.read("bad").split(separator: "\n").dropFirst().map { $0.prefix(1) } == ["2", "5", "6"])
        let sums = "SELECT sum(rows) || '/' || sum(refused) FROM asof.expectation_counts"
        #expect(try store.value(sums) == "9/3")
        #expect(try store.run(skip).out.contains("nothing new"))
        #expect(try store.value(sums) == "9/3")
        try store.succeed(["check"])
    }

    @Test func `status shows what was counted, as text and as JSON`() throws {
        let store = try CommandLineStore(Self.yaml("{ type: float64, min: 0, max: 1, max_null: 50% }"))
        try store.write("rows.csv", try Self.rows()[0].bytes)
        _ = try store.run(["ingest", "stats", "rows.csv", "--on-error", "skip", "--rejects", "bad"])
        let out = try store.succeed(["status"])
        let line = try #require(out.split(separator: "\n").first { $0.hasPrefix("stats.ctr ") })
        #expect(line.contains("0.0 to 1.0, max_null 50%, action reject"), "\(out)")
        let json = try store.succeed(["status", "--json"])
        #expect(
            json.contains(
                "{\"feature\":\"stats.ctr\",\"expected\":\"0.0 to 1.0, max_null 50%, action reject\",\"rows\":3,"
            )
        )
        #expect(json.contains("\"nulls\":1,\"warned\":0,\"refused\":1,\"over_max_null\":false"), "\(json)")
        #expect(json.contains("{\"feature\":\"sums.ctr\"") && !json.contains("stats.clicks"))
        #expect(try store.succeed(["doctor"]).contains("counts of the last 30 days take"))
    }

    @Test func `a batch view's rows are refused with a warning and a count`() throws {
        let store = try CommandLineStore(Self.yaml(Self.feature("reject")))
        _ = try store.value(
            """
            CREATE TABLE public.raw (user_id bigint, event_time timestamptz, clicks bigint, ctr float8);
            INSERT INTO public.raw VALUES (1, '2026-01-01', 1, 0.5), (2, '2026-01-01', 1, 'NaN'), (3, '2026-01-01', 1, NULL);
            SELECT ''
            """
        )
        let output = try store.run(["materialize", "sums", "--to", "2026-01-02", "--json"])
        #expect(output.status == 0, "\(output.error)")
        let told = "\"stored\":2,\"known\":0,\"suppressed\":0,\"refused\":1,\"warned\":0"
        #expect(output.out.contains(told), "\(output.out)")
        #expect(
            output.error.contains(
                "WARNING: sums: the row of user_id 2, event time 2026-01-01 00:00:00+00: feature 'ctr'"
            )
        )
        #expect(output.error.contains("expected 0.0 to 1.0, got NaN; the row is not stored"), "\(output.error)")
        let again = try store.run(["materialize", "sums", "--from", "2026-01-01", "--to", "2026-01-02", "--json"])
        #expect(again.out.contains("\"stored\":0,\"known\":2,\"suppressed\":0,\"refused\":1"), "\(again.out)")
    }

    @Test func `every server writes by changed expectations from then on`() throws {
        let store = try CommandLineStore(Self.yaml("float64"))
        let servers = try (0..<2).map { _ in try ServedAsof(["-d", store.conninfo], in: store.folder) }
        let clients = try servers.map { try $0.client() }
        for client in clients {
            #expect(
                try client.run("FS.SET", "stats", "1", "*", "clicks", "1", "ctr", "7").text?.hasPrefix("FS") != true
            )
        }
        try store.write("features.yaml", Self.yaml(Self.feature("reject")))
        try store.succeed(["apply", "--yes"])
        let before = try Self.users(store).split(separator: ",").count
        for client in clients {
            // Until a server has read the change, its writes are refused as made for other definitions.
            let isRefused = Patience.wait(seconds: 30) {
                let reply = try? client.run("FS.SET", "stats", "2", "*", "clicks", "1", "ctr", "7")
                return "\(String(describing: reply))".contains("FSVALUE")
            }
            #expect(isRefused)
        }
        #expect(try Self.users(store).split(separator: ",").count == before)
        for client in clients {
            #expect("\(try client.run("FS.SET", "stats", "2", "*", "clicks", "1", "ctr", "1"))".contains("FS") == false)
        }
    }

    @Test func `values of pii are in no message, report or reason, and a rejected row is whole`() throws {
        let store = try CommandLineStore(Self.yaml("{ type: float64, max: 1000, pii: true }"))
        try store.write(
            "bad.csv",
            "user_id,event_time,clicks,ctr\n1,2026-01-01,1,4711x\n2,2026-01-01,1,4711\n3,2026-01-01,1,47.11\n"
        )
        let stopped = try store.run(["ingest", "stats", "bad.csv"])
        #expect(
            stopped.error.contains("column 'ctr': expected float64, got a value that is not shown (pii)"),
            "\(stopped.error)"
        )
        #expect(!stopped.error.contains("4711"))
        let skipped = try store.run(["ingest", "stats", "bad.csv", "--on-error", "skip", "--rejects", "r"])
        #expect(skipped.status == 0)
        #expect(!skipped.error.contains("4711"))
        #expect(try !store.read("r.reasons.csv").contains("4711"))
        #expect(try store.read("r").contains("4711x") && store.read("r").contains("2,2026-01-01,1,4711"))
        try store.write("line.lp", "stats,user_id=1 clicks=1i,ctr=\"4711x\"\n")
        let line = try store.run(["ingest", "line.lp"])
        #expect(
            line.error.contains("got a value that is not shown (pii)") && !line.error.contains("4711"),
            "\(line.error)"
        )

        try store.write("spine.csv", "user_id,t\n3,2026-01-02\n")
        try store.succeed(
            [
                "export", "--spine", "spine.csv", "--features", "stats.*", "--label-time", "t", "--out", "set.csv",
                "--quiet",
            ]
        )
        #expect(try store.read("set.csv").contains("47.11"))
        #expect(try !store.read("set.csv.manifest.json").contains("47.11"))
        let report = try AsofBinary.run(["report", "set.csv.manifest.json"], in: store.folder)
        #expect(report.status == 0 && report.out.contains("stats__ctr") && !report.out.contains("47.11"), "\(report)")
        try store.write("set.csv", try store.read("set.csv").replacing("47.11", with: "47.12"))
        let verified = try store.run(["verify", "set.csv.manifest.json"])
        #expect(verified.status == 1)
        #expect(
            verified.error.contains("column 'stats__ctr': the values differ, and are not shown (pii)"),
            "\(verified.error)"
        )
        #expect(!verified.error.contains("47.1"))
    }
}
