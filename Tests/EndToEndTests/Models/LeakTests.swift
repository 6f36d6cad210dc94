import Foundation
import TestSupport
import Testing

/// What training says of features that were not known yet: by single features, and by what careless joins promise.
@Suite struct LeakTests {
    /// Users buy at noon by the x of their day; what they did is written six hours later, or at noon itself.
    private static func store(outcome: String, delay: String) throws -> ServedStore {
        let store = try ServedStore(
            """
            entities:
              user: { key: user_id, type: int64 }
            views:
              stats: { entities: [user], features: { x: int64 } }
              result: { entities: [user], \(delay)features: { hit: int64 } }
            services:
              shop: [stats.x, result.hit]
            models:
              buys: { service: shop, task: binary, label: bought, algorithm: logistic }
            """
        )
        var random = SeededRandom(seed: 17)
        var (stats, result) = ("user_id,event_time,x\n", "user_id,event_time,hit\n")
        var labels = "user_id,at,bought\n"
        for day in 1...28 {
            let date = "2026-01-\(day < 10 ? "0" : "")\(day)"
            for user in 0..<30 {
                let x = random.int(0...99)
                let bought = random.int(0...99) < (x > 50 ? 85 : 15) ? 1 : 0
                stats += "\(user),\(date)T00:00:00Z,\(x)\n"
                result += "\(user),\(date)T\(outcome)Z,\(bought)\n"
                labels += "\(user),\(date)T12:00:00Z,\(bought)\n"
            }
        }
        for (view, rows) in [("stats", stats), ("result", result)] {
            let output = try store.asof(["ingest", view, "-", "--format", "csv"], input: rows)
            try #require(output.status == 0, "\(output.error)")
        }
        _ = try store.scratch.write("labels.csv", labels)
        return store
    }

    private static func train(_ store: ServedStore, _ more: String...) throws -> AsofBinary.Output {
        try store.asof(["train", "buys", "--spine", "labels.csv", "--label-time", "at"] + more)
    }

    private struct Trained: Decodable {
        struct Metrics: Decodable { var auc: Double }
        struct Twin: Decodable {
            var promised: Metrics
            var delivered: Metrics
        }
        var metrics: [String: Metrics]
        var naive: [String: Twin]
        var suspects: [String]
    }

    @Test func `a model on the day's or the newest values promises what it does not deliver`() throws {
        let store = try Self.store(outcome: "18:00:00", delay: "")
        let output = try Self.train(store, "--naive", "day", "--naive", "latest", "--report", "page.html", "--json")
        try #require(output.status == 0, "\(output)")
        let trained = try JSONDecoder().decode(Trained.self, from: Data(output.out.utf8))
        let own = try #require(trained.metrics["new"]?.auc)
        #expect(own > 0.8 && trained.suspects == [])
        let day = try #require(trained.naive["day"])
        #expect(day.promised.auc > 0.98 && day.delivered.auc < own - 0.1, "\(day), \(own)")
        let latest = try #require(trained.naive["latest"])
        #expect(latest.promised.auc < own - 0.1 && latest.delivered.auc <= own + 0.001, "\(latest), \(own)")
        let page = try String(contentsOfFile: store.scratch.path + "/page.html", encoding: .utf8)
        #expect(page.contains("Fitted to the values of the label&#39;s day instead:"), "\(page)")
        #expect(
            page.contains("Fitted to the newest values instead:") && page.contains("Training and test rows told apart:")
        )
        #expect(page.contains("loss when shuffled") && page.contains("Slope "))

        let text = try Self.train(store, "--dry-run", "--naive", "day")
        // Not better than itself.
        #expect(
            text.status == 10 && text.out.contains("fitted to the values of the label's day instead, it promises auc")
        )
        let wrong = try Self.train(store, "--naive", "month")
        #expect(wrong.status == 2 && wrong.error.contains("expected latest or day"), "\(wrong)")
    }

    @Test func `a report has the twin of newest values, a quick one has none`() throws {
        let store = try Self.store(outcome: "18:00:00", delay: "")
        func page(_ more: String...) throws -> String {
            let output = try store.asof(
                ["train", "buys", "--spine", "labels.csv", "--label-time", "at", "--report", "page.html", "--dry-run"]
                    + more
            )
            try #require(output.status == 0, "\(output)")
            return try String(contentsOfFile: store.scratch.path + "/page.html", encoding: .utf8)
        }
        #expect(try page().contains("Fitted to the newest values instead:</b> it promises AUC"))
        #expect(try page("--quick").contains("Fitted to the newest values instead:</b> not tried."))
    }

    @Test func `where a view's delay is taken away, the feature that tells the label is named`() throws {
        let honest = try Self.train(try Self.store(outcome: "12:00:00", delay: "delay: 6h, "))
        #expect(honest.status == 0 && !honest.out.contains("SUSPECT"), "\(honest)")
        let leaking = try Self.train(try Self.store(outcome: "12:00:00", delay: ""))
        #expect(leaking.status == 0 && leaking.out.contains("SUSPECT: result__hit alone has AUC 1.0000"), "\(leaking)")
    }

    @Test func `a twin that cannot be fitted is told with the reason, and the model is registered`() throws {
        let store = try Self.store(outcome: "18:00:00", delay: "")
        // The newest value of everybody is null.
        let far = (0..<30).map { "\($0),2026-05-01T00:00:00Z,\n" }.joined()
        let output = try store.asof(["ingest", "stats", "-", "--format", "csv"], input: "user_id,event_time,x\n" + far)
        try #require(output.status == 0, "\(output.error)")
        let trained = try Self.train(store, "--naive", "latest")
        #expect(
            trained.status == 0 && trained.out.contains("could not be fitted to the newest values for comparison: ")
                && trained.out.contains("'stats__x' is null in all"),
            "\(trained)"
        )
        #expect(trained.out.contains("registered buys@1"))
    }
}
