import Foundation
import Store
import TestSupport
import Testing

/// What an entity gets that no view knows is a part of a version, as all that it answers.
@Suite struct VersionFallbackTests {
    private static func yaml(_ fallback: String) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64 } }
          scores: { entities: [user], scores: { model: buys }, ttl: 2d }
        services:
          shop: [stats.clicks]
        models:
          buys: { service: shop, task: binary, label: bought, algorithm: logistic, fallback: \(fallback) }

        """
    }

    private static func apply(_ store: ServedStore, _ fallback: String) throws {
        _ = try store.scratch.write("features.yaml", yaml(fallback))
        let output = try store.asof(["apply", "--yes"])
        try #require(output.status == 0, "\(output)")
    }

    private static func train(_ store: ServedStore) throws {
        let output = try store.asof(
            ["train", "buys", "--spine", "labels.csv", "--label-time", "at", "--promote", "always"]
        )
        try #require(output.status == 0, "\(output)")
    }

    @Test func `a version answers by the fallback of when it was trained, one from before by its model's`() throws {
        let store = try ServedStore(Self.yaml("0.25"))
        let rows = (0..<40).map { "\($0),2026-01-01T00:00:00Z,\($0)\n" }.joined()
        let ingested = try store.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            input: "user_id,event_time,clicks\n" + rows
        )
        try #require(ingested.status == 0, "\(ingested)")
        let labels = (0..<400).map { row in
            "\(row % 40),2026-01-0\(2 + row / 80)T\(10 + row % 13):00:00Z,\(row * 7 % 40 < row % 40 ? 1 : 0)\n"
        }
        _ = try store.scratch.write("labels.csv", "user_id,at,bought\n" + labels.joined())
        try Self.train(store)
        try Self.apply(store, "0.75")
        try Self.train(store)

        let server = try store.serve()
        defer { server.stop() }
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        func score(_ client: RespClient, _ model: String) throws -> Reply? {
            try client.run("ML.PREDICT", model, "KEYS", "1", "user_id", "ROWS", "1", "7777")["rows"]?.items?.first?
                .items?.first
        }
        #expect(try score(client, "buys@1") == .double("0.25"))
        #expect(try score(client, "buys") == .double("0.75"))
        let told = try client.run("ML.MODEL", "buys@1")
        #expect(told["fallback"] == .bulk("0.25") && told["library"] == .bulk("asof"), "\(told)")
        #expect(told["training_set"]?.text?.hasPrefix("sha256:") == true, "\(told)")
        #expect(told["training_set"]?.text?.hasSuffix("@2") == true, "\(told)")

        func predict(_ model: String) throws -> String { try store.asof(["predict", model, "user_id=7777"]).out }
        #expect(try predict("buys@1").hasPrefix("score: 0.25\n") && predict("buys@2").hasPrefix("score: 0.75\n"))
        _ = try store.scratch.write("users.csv", "user_id\n7777\n")
        let scored = try store.asof(["score", "buys@1", "--into", "scores", "--spine", "users.csv"])
        #expect(scored.status == 0, "\(scored)")
        #expect(try store.number("SELECT (score * 100)::int FROM online.scores WHERE user_id = 7777") == 25)

        // As the release before registered them.
        try store.session().execute("UPDATE asof.model_versions SET fallback = NULL WHERE version = 1")
        #expect(try predict("buys@1").hasPrefix("score: 0.75\n"))
        let later = try store.serve()
        defer { later.stop() }
        let laterClient = try later.client()
        _ = try laterClient.run("HELLO", "3")
        #expect(try score(laterClient, "buys@1") == .double("0.75"))
    }

    @Test func `the champion is judged by its own fallback`() throws {
        let store = try ServedStore(Self.yaml("0"))
        let ingested = try store.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            input: "user_id,event_time,clicks\n" + (0..<40).map { "\($0),2026-01-01T00:00:00Z,\($0)\n" }.joined()
        )
        try #require(ingested.status == 0, "\(ingested)")
        // Users from 40 on are unknown, and all of them buy.
        let labels = (0..<800).map { row in
            let user = row % 80
            return "\(user),2026-01-0\(2 + row / 160)T\(10 + row % 13):00:00Z,\(user >= 40 || row % 3 == 0 ? 1 : 0)\n"
        }
        _ = try store.scratch.write("labels.csv", "user_id,at,bought\n" + labels.joined())
        try Self.train(store)
        try Self.apply(store, "0.99")
        let output = try store.asof(["train", "buys", "--spine", "labels.csv", "--label-time", "at", "--json"])
        #expect(output.status == 0, "\(output)")
        struct Trained: Decodable { var metrics: [String: [String: Double?]] }
        let metrics = try JSONDecoder().decode(Trained.self, from: Data(output.out.utf8)).metrics
        let (old, new) = (metrics["buys@1"]?["log_loss"] ?? nil, metrics["new"]?["log_loss"] ?? nil)
        #expect(try #require(old) > 10 && #require(new) < 1, "\(metrics)")
    }
}
