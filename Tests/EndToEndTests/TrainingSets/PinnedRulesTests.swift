import Foundation
import Postgres
import Store
import TestSupport
import Testing
import TrainingSets

/// A service that is pinned goes on by the rules that its version was made with, in every command and on the wire.
@Suite struct PinnedRulesTests {
    private static func yaml(_ rules: String) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], \(rules)features: { n: int64 } }
          marks: { entities: [user], features: { m: int64 } }
        services:
          model: [stats.n, marks.m]
          other: [marks.m]
        """
    }

    /// printf 'asof-rules-1\nstats 8640000000000 0 0\nmarks - 0 0\n' | sha256sum | cut -c 1-16, and with stats 60000000 1000000 0.
    private static let rules = ["asof-rules-1:75878685d2dac343", "asof-rules-1:fcda896766c04ede"]

    private static func apply(_ rules: String, _ store: ServedStore) throws -> String {
        _ = try store.scratch.write("features.yaml", yaml(rules))
        let output = try store.asof(["apply", "--yes"])
        #expect(output.status == 0, "\(output.error)")
        return output.out
    }

    @Test func `plan and apply name the version that each service gets, and why`() throws {
        let store = try ServedStore(Self.yaml("ttl: 100d, "))
        _ = try store.scratch.write("features.yaml", Self.yaml("ttl: 1m, delay: 1s, "))
        let fingerprint = try store.session().query("SELECT fingerprint FROM asof.services WHERE name = 'model'")
        let lines = [
            "~ view     stats  ttl 100d -> 1m", "~ view     stats  delay 0s -> 1s",
            "~ service  model  new version 2: stats ttl 100d -> 1m, delay 0s -> 1s; fingerprint "
                + "\(fingerprint.text(0, 0) ?? "") as before; rules \(Self.rules[0]) -> \(Self.rules[1])",
        ]
        let plan = try store.asof(["plan"])
        #expect(plan.status == 0 && plan.out == lines.joined(separator: "\n") + "\n", "\(plan.out)")
        #expect(try Self.apply("ttl: 1m, delay: 1s, ", store).hasPrefix(lines.joined(separator: "\n") + "\napplied: "))
        #expect(try store.asof(["plan"]).out == "no changes\n")
        #expect(
            try Self.apply("ttl: 100d, ", store).contains("~ service  model  version 1 again: stats ttl 1m -> 100d")
        )
        #expect(try store.number("SELECT count(*) FROM asof.services") == 3)
        #expect(try store.asof(["views"]).out.contains("model          1        2"))
    }

    @Test func `servers answer versions by different rules side by side, in memory or not`() throws {
        let store = try ServedStore(Self.yaml("ttl: 100d, "))
        let time = ISO8601DateFormatter().string(from: Date(timeIntervalSinceNow: -3_600))
        for view in ["stats", "marks"] {
            let name = view == "stats" ? "n" : "m"
            let output = try store.asof(
                ["ingest", view, "-", "--format", "csv"],
                input: "user_id,event_time,\(name)\n1,\(time),7\n"
            )
            #expect(output.status == 0, "\(output.error)")
        }
        let servers = [try store.serve(), try store.serve(["--resident", "none"])]
        _ = try Self.apply("ttl: 1m, delay: 1s, ", store)
        let position = try store.head()
        for server in servers {
            for version in ["2", "3"] {
                let client = try server.client()
                _ = try client.run("HELLO", version)
                func serve(_ service: String, _ options: String) throws -> Reply {
                    try client.line("FS.SERVE \(service) KEYS 1 user_id ROWS 1 1 \(options) MINPOS \(position)")
                }
                for (service, number, isExpired) in [("model", 1, true), ("model@1", 0, false), ("model@2", 1, true)] {
                    let value: Reply = isExpired ? .null : .integer(7)
                    let plain = try serve(service, "")
                    #expect(plain["rows"] == .array([.array([value, .integer(7)])]), "\(service): \(plain)")
                    #expect(plain["rules"] == nil)
                    for format in ["ROWS", "COLUMNS", "PACKED64"] {
                        let meta = try serve(service, "FORMAT \(format) META")
                        #expect(meta["rules"] == .bulk(Self.rules[number]), "\(service): \(meta)")
                        let status = meta["status"]?.items?.first?.items?.first
                        #expect(status == .bulk(isExpired ? "expired" : "present"), "\(service): \(meta)")
                    }
                    let definition = try client.line("FS.SERVICE \(service)")
                    #expect(definition["version"] == .integer(Int64(number + 1)))
                    #expect(definition["rules"] == .bulk(Self.rules[number]))
                    let role = definition["roles"]?.items?.first
                    #expect(role?["name"] == .bulk("stats") && role?["view"] == .bulk("stats"))
                    #expect(role?["ttl"] == .integer(isExpired ? 60_000_000 : 8_640_000_000_000))
                    #expect(role?["delay"] == .integer(isExpired ? 1_000_000 : 0))
                    #expect(role?["strict"] == (version == "2" ? .integer(0) : .bool(false)))
                }
                // What is of no service has the rules of now.
                #expect(try client.line("FS.GET stats 1")["n"] == .null)
                #expect(try client.line("HGET stats:1 n") == .null)
                #expect(try client.line("FS.MGET marks 1 1") == .array([.array([.integer(7)])]))
            }
        }
        let address = "127.0.0.1:\(servers[0].port)"
        let fetched = try FetchTests.fetch(["model@1", "user_id=1", "--server", address], in: store)
        #expect(fetched.out.contains("present") && fetched.out.contains("rules \(Self.rules[0])"), "\(fetched.out)")
        for server in servers { #expect(server.stop().status == 0) }
    }

    @Test func `export, get, describe and verify go by the version's rules`() throws {
        let store = try ServedStore(Self.yaml("ttl: 100d, "))
        let rows = "user_id,event_time,n\n1,2026-01-01T00:00:00Z,7\n"
        _ = try store.asof(["ingest", "stats", "-", "--format", "csv"], input: rows)
        _ = try store.scratch.write("spine.csv", "user_id,at\n1,2026-01-02T00:00:00Z\n")
        func asof(_ arguments: [String], status: Int32 = 0) throws -> String {
            let output = try store.asof(arguments)
            #expect(output.status == status, "\(arguments): \(output.error)\(output.out)")
            return output.out + output.error
        }
        func export(_ features: String, _ out: String, _ more: [String] = []) throws -> String {
            let arguments = ["export", "--spine", "spine.csv", "--label-time", "at", "--features", features]
            _ = try asof(arguments + ["--out", out] + more)
            return try String(contentsOfFile: store.scratch.path + "/" + out, encoding: .utf8)
        }
        func verify(_ out: String, status: Int32 = 0) throws -> String {
            try asof(["verify", out + ".manifest.json"], status: status)
        }
        let whole = "user_id,at,stats__n,marks__m\n1,2026-01-02T00:00:00Z,7,\n"
        let nothing = "user_id,at,stats__n,marks__m\n1,2026-01-02T00:00:00Z,,\n"
        #expect(try export("model", "before.csv") == whole)
        _ = try Self.apply("ttl: 1m, delay: 1s, ", store)
        for engine in ["probe", "scan"] {
            #expect(try export("model@1", "one.csv", ["--engine", engine]) == whole)
            #expect(try export("model@2", "two.csv", ["--engine", engine]) == nothing)
            #expect(try export("model", "now.csv", ["--engine", engine]) == nothing)
            #expect(try export("stats.n,marks.m", "plain.csv", ["--engine", engine]) == nothing)
        }
        #expect(try asof(["get", "model@1", "1", "--at", "2026-01-02T00:00:00Z"]).contains("present"))
        #expect(try asof(["get", "model", "1", "--at", "2026-01-02T00:00:00Z"]).contains("expired"))
        let described = try asof(["describe", "model@1"])
        #expect(described.contains("model@1") && described.contains(Self.rules[0]) && described.contains("100d"))
        #expect(try asof(["describe", "model"]).contains(Self.rules[1]))
        #expect(try asof(["describe", "model@9"], status: 1).contains("no service 'model@9'; its newest version is 2"))
        #expect(try asof(["get", "modell@1", "1"], status: 1).contains("no service 'modell@1'; did you mean 'model'?"))

        for (out, version, rules) in [("one.csv", 1, 0), ("two.csv", 2, 1), ("now.csv", 2, 1)] {
            let manifest = try TrainingSetManifest(
                json: String(contentsOfFile: store.scratch.path + "/\(out).manifest.json", encoding: .utf8),
                path: out
            )
            #expect(manifest.service == .init(name: "model", version: version) && manifest.rules == Self.rules[rules])
        }
        let recorded = try store.number(
            "SELECT count(*) FROM asof.training_sets WHERE manifest->>'rules' = '\(Self.rules[0])'"
        )
        #expect(recorded == 3)
        _ = try Self.apply("strict: true, ", store)
        for out in ["before.csv", "one.csv", "two.csv", "now.csv", "plain.csv"] { _ = try verify(out) }

        // A manifest of the release before has no fingerprint of its rules; one whose rules were changed is told.
        let path = store.scratch.path + "/before.csv.manifest.json"
        let manifest = try String(contentsOfFile: path, encoding: .utf8)
        let line = "  \"rules\" : \"\(Self.rules[0])\",\n"
        #expect(manifest.contains(line), "\(manifest)")
        try manifest.replacing(line, with: "").write(toFile: path, atomically: true, encoding: .utf8)
        _ = try verify("before.csv")
        try manifest.replacing("\"100d\"", with: "\"1d\"").write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try verify("before.csv", status: 2).contains("the manifest contradicts itself: its rules are"))
        // Nor does a role that is not there get the rules of now.
        try manifest.replacing(line, with: "").replacing(
            "\"prefix\" : \"stats\",\n      \"strict\"",
            with: "\"prefix\" : \"x\",\n      \"strict\""
        )
        .write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try verify("before.csv", status: 2).contains("the manifest contradicts itself: no role 'stats'"))
    }
}
