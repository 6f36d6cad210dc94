import EmbeddedPostgres
import Foundation
import Store
import TestSupport
import Testing

/// Pages of the built server over a real store: what only PostgreSQL has, and what is left while it is away.
@Suite(.serialized) struct PageServeTests {
    @Test func `pages answer from memory while PostgreSQL is away, and say so`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let world = try PredictionWorld(seed: 7, cluster: cluster)
        let served = try world.store.serve(["--http", "127.0.0.1:0"])
        let running = served.running
        #expect(Patience.wait { running.outSoFar.contains("HTTP at ") && running.outSoFar.hasSuffix("\n") })
        let line = try #require(running.outSoFar.split(separator: "\n").first { $0.hasPrefix("HTTP at 127.0.0.1:") })
        let port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
        func get(_ path: String) throws -> HTTPAnswer { try HTTPProbe.ask(port, "GET", path) }

        let position = try Ledger(world.store.session()).head().position
        let home = try get("/")
        #expect(
            home.status == 200 && home.body.contains(">\(position)<")
        )
        #expect(home.body.contains("<td class=\"name\">model</td>"), "the ledger: \(home.body)")
        #expect(!home.body.contains("PostgreSQL is away"))

        let model = try get("/models/buys")
        for part in [
            "<h1>buys</h1>", "buys@1", "champion", "<a href=\"/services/shop\">shop</a>", "shop@", "auc ", "log_loss ",
            "ML.PREDICT buys KEYS 4 user_id item amount channel", "/v1/predict/buys", ">ready<",
        ] { #expect(model.body.contains(part), "\(part) is missing: \(model.body)") }
        let ledger = try get("/ledger?view=stats")
        #expect(ledger.status == 200 && ledger.body.contains("<td class=\"name\">data</td>"), "\(ledger)")
        #expect(!ledger.body.contains("/views/prices") && ledger.body.contains("asof log --view stats"))
        #expect(try get("/ledger").body.contains("/views/prices"))
        #expect(try get("/ledger?view=stat").status == 404)
        #expect(try get("/views/stats").body.contains("<a href=\"/models/buys\">buys</a>"))
        #expect(try get("/services/shop").body.contains("<a href=\"/models/buys\">buys</a>"))
        #expect(try get("/models/nobody").status == 404)

        // What a page tells to be typed is done.
        let curl = try HTTPProbe.ask(
            port,
            "POST",
            "/v1/predict/buys",
            headers: [("Content-Type", "application/json")],
            body: "{\"keys\": {\"user_id\": [1], \"item\": [\"a\"], \"amount\": [1.5], \"channel\": [\"a\"]}}"
        )
        #expect(curl.status == 200 && model.body.contains("&quot;amount&quot;: [1.5]"), "\(curl)")

        cluster.stop()
        #expect(try Patience.wait(seconds: 60) { try get("/").body.contains("PostgreSQL is away since") })
        for path in [
            "/", "/views", "/views/stats", "/services", "/services/shop", "/models", "/models/buys", "/ledger",
        ] {
            let page = try get(path)
            #expect(page.status == 200 && page.body.contains("PostgreSQL is away since"), "\(path): \(page)")
        }
        #expect(try get("/").body.contains("The ledger cannot be read now"))
        #expect(try get("/").body.contains("/views/stats"))
        served.stop()
    }
}
