import EmbeddedPostgres
import Features
import Foundation
import Glibc
import TestSupport
import Testing

/// The first hour with Asof: from an empty folder to a verified training set.
@Suite struct NewUserTests {
    private static let definitions = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats:
            entities: [user]
            ttl: 30d
            features: { clicks: int64, ctr: float64 }
        services:
          ranking: [stats.clicks, stats.ctr]
        """

    /// Runs `asof` without any word on where the store is.
    private static func asof(_ scratch: Scratch, _ arguments: [String], input: String = "") throws -> String {
        let output = try AsofBinary.run(arguments, in: scratch.path, input: input)
        #expect(output.status == 0, "\(arguments)\n\(output.out)\(output.error)")
        #expect(output.error.isEmpty, "\(arguments)\n\(output.error)")
        return output.out
    }

    @Test func `an embedded store takes a new user from init to a verified training set`() throws {
        let scratch = try Scratch()
        defer { if let cluster = try? EmbeddedCluster.find(from: scratch.path) { try? cluster.stop() } }
        // PostgreSQL's own user must be able to enter the folder.
        #expect(chmod(scratch.path, 0o755) == 0)
        let made = try Self.asof(scratch, ["init"])
        #expect(made.contains("asof-data with its own PostgreSQL") && made.contains("wrote features.yaml"))
        // The template is valid as it stands, and a rerun changes nothing.
        #expect(try Self.asof(scratch, ["plan"]) == "no changes\n")
        #expect(try Self.asof(scratch, ["init"]) == "the store is there already\n")

        _ = try scratch.write("features.yaml", Self.definitions)
        let plan = try Self.asof(scratch, ["plan"])
        #expect(plan.contains("+ view     stats"))
        let applied = try Self.asof(scratch, ["apply", "--yes"])
        #expect(applied == plan + "applied: definitions version 1, position 1\n")
        #expect(try Self.asof(scratch, ["apply", "--yes"]) == "no changes\n")

        _ = try scratch.write("a.csv", "user_id,event_time,clicks,ctr\n1,2026-01-01T00:00:00Z,3,0.5\n")
        #expect(
            try Self.asof(scratch, ["ingest", "stats", "a.csv"]).hasPrefix("a.csv: 1 row into view stats, events from")
        )
        let row = #"{"user_id":2,"event_time":"2026-01-02T00:00:00Z","clicks":4,"ctr":0.25}"#
        _ = try Self.asof(scratch, ["ingest", "stats", "-", "--format", "jsonl"], input: row)
        let then = try Self.asof(scratch, ["get", "ranking", "2", "--at", "2026-01-03T00:00:00Z"])
        #expect(then.contains("stats__clicks  4      present  2026-01-02T00:00:00Z"))
        // Months later the view's ttl hides the value, and the table says so.
        let expired = try AsofBinary.run(["get", "ranking", "2"], in: scratch.path)
        #expect(expired.status == 0 && expired.out.contains("stats__clicks         expired"))
        #expect(
            expired.error.contains("all values have expired by the clock: the newest row is of 2026-01-02T00:00:00Z")
        )

        _ = try scratch.write(
            "labels.csv",
            "user_id,at,bought\n1,2026-01-03T00:00:00Z,true\n1,2026-03-03T00:00:00Z,false\n"
        )
        // From a folder below, the same store is found.
        try FileManager.default.createDirectory(atPath: scratch.path + "/below", withIntermediateDirectories: false)
        let output = try AsofBinary.run(
            [
                "export", "--spine", "../labels.csv", "--label-time", "at", "--features", "ranking", "--out",
                "set.parquet",
            ],
            in: scratch.path + "/below"
        )
        #expect(output.status == 0, "\(output.error)")
        #expect(output.out.contains("set.parquet: 2 rows, 3 + 2 columns, position 3"))
        #expect(output.out.contains("stats        1        0        1"))
        #expect(try Self.asof(scratch, ["verify", "below/set.parquet.manifest.json"]).contains("2 rows, sha256:"))
        #expect(!(try Self.asof(scratch, ["check"])).contains("BROKEN"))
        // A second store below is made, but not by accident.
        defer { if let cluster = try? EmbeddedCluster.find(from: scratch.path + "/below") { try? cluster.stop() } }
        let below = try AsofBinary.run(["init"], in: scratch.path + "/below")
        #expect(below.status == 0)
        #expect(
            below.error
                == "WARNING: there is a store above, too: \(scratch.path)/asof-data; commands in this folder and below "
                + "it use the new one\n"
        )
    }

    @Test func `spines of four kinds give three formats the same content`() throws {
        let store = try CommandLineStore(Self.definitions)
        try store.write(
            "rows.csv",
            "user_id,event_time,clicks,ctr\n1,2026-01-01T00:00:00Z,3,0.5\n2,2026-01-01T00:00:00Z,,NaN\n"
        )
        try store.succeed(["ingest", "stats", "rows.csv"])
        try store.write("spine.csv", "user_id,at,note\n2,2026-01-03T00:00:00Z,\"\"\n1,2026-01-03T00:00:00Z,x\n")
        try store.write(
            "spine.jsonl",
            #"{"user_id":2,"at":"2026-01-03T00:00:00Z","note":""}"# + "\n"
                + #"{"user_id":1,"at":"2026-01-03T00:00:00Z","note":"x"}"# + "\n"
        )
        try store.write(
            "spine.parquet",
            try parquet([
                ("user_id", .int64, [.int64(2), .int64(1)]),
                ("at", .timestamp, [1, 1].map { _ in .timestamp(.init(microseconds: 1_767_398_400_000_000)) }),
                ("note", .string, [.string(""), .string("x")]),
            ])
        )
        let sql =
            "SELECT id AS user_id, '2026-01-03'::timestamptz AS at, note FROM (VALUES (2, ''), (1, 'x')) AS t (id, note);"
        var digests: Set<String> = []
        for spine in [
            ["--spine", "spine.csv"], ["--spine", "spine.jsonl"], ["--spine", "spine.parquet"], ["--spine-sql", sql],
        ] {
            for format in ["csv", "jsonl", "parquet"] {
                let out = "set\(digests.count).\(format)"
                let line = try store.succeed(
                    ["export"] + spine + ["--label-time", "at", "--features", "ranking", "--out", out, "--json"]
                )
                let report = try JSONObjects.parse(line)
                #expect(report.count == 1)
                digests.insert(try #require(report.first?["content_digest"] as? String))
                #expect(try store.succeed(["verify", out + ".manifest.json", "--quiet"]).isEmpty)
            }
        }
        #expect(digests.count == 1)
    }

    @Test func `verify finds a changed value and a changed file`() throws {
        let store = try CommandLineStore(Self.definitions)
        try store.write("rows.csv", "user_id,event_time,clicks,ctr\n1,2026-01-01T00:00:00Z,3,0.5\n")
        try store.succeed(["ingest", "stats", "rows.csv"])
        try store.write("spine.csv", "user_id,at\n1,2026-01-03T00:00:00Z\n2,2026-01-03T00:00:00Z\n")
        try store.succeed([
            "export", "--spine", "spine.csv", "--label-time", "at", "--features", "ranking", "--out", "set.csv",
        ])
        let right = try store.read("set.csv")
        for (wrong, says) in [
            (
                right.replacingOccurrences(of: ",3,", with: ",4,"),
                "row 1, column 'stats__clicks': the file has 4, history gives 3"
            ),
            (
                right.replacingOccurrences(of: "\n2,", with: "\n1,"),
                "row 2, column 'stats__clicks': the file has null, history gives 3"
            ),
            (
                right.replacingOccurrences(of: "2,2026-01-03T00:00:00Z,,\n", with: ""),
                "row 2 of the set is missing: the file has 1 row, the set 2"
            ),
            (right.replacingOccurrences(of: "stats__ctr", with: "ctr"), "no column 'stats__ctr'"),
        ] {
            try store.write("set.csv", wrong)
            let output = try store.run(["verify", "set.csv.manifest.json"])
            #expect(output.status == 1)
            #expect(output.error.contains("set.csv is different: "))
            #expect(output.error.contains(says))
        }
        try FileManager.default.removeItem(atPath: store.folder + "/set.csv")
        let gone = try store.run(["verify", "set.csv.manifest.json"])
        #expect(gone.status == 2)
        #expect(gone.error.contains("set.csv: there is no such file"))
    }
}

/// What `--json` prints: objects, one a line.
enum JSONObjects {
    static func parse(_ text: String) throws -> [[String: Any]] {
        #expect(text.hasSuffix("\n"))
        return try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
    }
}
