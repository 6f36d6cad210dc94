import Foundation
import Store
import TestSupport
import Testing

/// A task without views: its answer is the same at any position, and is kept.
@Suite struct StaticTaskTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64 } }
        services:
          digits: [{ request: pixels, type: vector(4) }]
          mixed: [stats.clicks, { request: pixels, type: vector(4) }]
        models:
          digit: { service: digits, task: multiclass, label: digit }
          other: { service: mixed, task: multiclass, label: digit }
        """

    @Test func `rows that were asked for before are answered without the trees, and the same`() throws {
        let store = try ServedStore(Self.yaml)
        var random = SeededRandom(seed: 4)
        var labels = "user_id,at,pixels,digit\n"
        for row in 0..<600 {
            let digit = random.int(0...2)
            let pixels = (0..<4).map { "\(Double(random.int(0...9)) / 10 + ($0 == digit ? 1 : 0))" }
            labels +=
                "\(row % 9),2026-01-0\(1 + row / 100)T0\(row % 9):00:00Z,\"[\(pixels.joined(separator: ","))]\",d\(digit)\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        let ingested = try store.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            input: "user_id,event_time,clicks\n1,2026-01-01T00:00:00Z,3\n"
        )
        try #require(ingested.status == 0, "\(ingested)")
        for model in ["digit", "other"] {
            let words = ["--spine", "labels.csv", "--label-time", "at", "--quick", "--promote", "always"]
            let trained = try store.asof(["train", model] + words)
            try #require(trained.status == 0, "\(trained)")
        }
        let server = try store.serve()
        defer { server.stop() }
        let client = try RespClient(port: server.port)
        func ask(_ rows: [String]) throws -> Reply {
            try client.line("ML.PREDICT digit KEYS 1 pixels ROWS \(rows.count) \(rows.joined(separator: " "))")
        }
        func figures(_ model: String) throws -> [Reply?] {
            let stats = try client.line("ML.STATS \(model)")
            return [stats["cache_hits"], stats["cache_misses"]]
        }
        let rows = ["[1.1,0.2,0.3,0.4]", "[0.1,1.2,0.3,0.4]", "[1.1,0.2,0.3,0.4]"]
        let first = try ask(rows)
        // Of rows of one request none is known before the others.
        #expect(try figures("digit") == [.integer(0), .integer(3)])
        #expect(try ask(rows) == first)
        #expect(try figures("digit") == [.integer(3), .integer(3)])
        #expect(try ask(["[9.1,0.2,0.3,0.4]"]) != first)
        #expect(try figures("digit") == [.integer(3), .integer(4)])
        let mixed = "ML.PREDICT other KEYS 2 user_id pixels ROWS 1 1 \(rows[0])"
        #expect(try client.line(mixed) == client.line(mixed))
        #expect(try figures("other") == [.integer(0), .integer(0)], "what a view has changes, and is not kept")
        // A version that comes is another file.
        let again = try store.asof(
            [
                "train", "digit", "--spine", "labels.csv", "--label-time", "at", "--set", "rounds=7", "--promote",
                "always",
            ]
        )
        try #require(again.status == 0, "\(again)")
        #expect(try Patience.wait { try ask(rows) != first })
    }
}
