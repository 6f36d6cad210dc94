import Foundation
import TestSupport
import Testing

/// Predictions in batches: events, windows over them, a model of these, and its answers in a view.
@Suite struct ScoreTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          clicks: { entities: [user], events: { id: click }, features: { click: int64, price: float64 } }
          recent:
            entities: [user]
            windows:
              of: clicks
              features: { n_1d: count over 1d, spent: sum(price) over lifetime, last: last(price) over lifetime }
          stats: { entities: [user], features: { age: int64 } }
          olds: { entities: [user], scores: { model: old } }
          picks: { entities: [user], scores: { model: buys } }
          other: { entities: [user], features: { score: float32 } }
          low:
            entities: [user]
            features: { score: { type: float32, max: 0.0 }, model_version: int64, model_position: int64 }
          watched:
            entities: [user]
            features: { score: { type: float32, max: 0.0, action: warn }, model_version: int64, model_position: int64 }
        services:
          shop: [recent.*]
          plain: [stats.age]
          asked: [recent.spent, { request: amount, type: float64 }]
          shown: [picks.score]
        models:
          buys: { service: shop, task: binary, label: bought, algorithm: logistic }
          old: { service: plain, task: binary, label: bought, algorithm: logistic }
          pays: { service: asked, task: regression, label: paid, algorithm: ridge }
        """

    private static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        var random = SeededRandom(seed: 3)
        var clicks = "user_id,event_time,click,price\n"
        for click in 0..<900 {
            let (day, hour) = (random.int(1...6), random.int(10...23))
            clicks += "\(random.int(0...39)),2026-01-0\(day)T\(hour):00:00Z,\(click),\(random.int(0...90))\n"
        }
        #expect(try store.asof(["ingest", "clicks", "-", "--format", "csv"], input: clicks).status == 0)
        var ages = "user_id,event_time,age\n"
        for user in 0..<40 { ages += "\(user),2026-01-01T00:00:00Z,\(20 + user)\n" }
        #expect(try store.asof(["ingest", "stats", "-", "--format", "csv"], input: ages).status == 0)
        var labels = "user_id,at,bought,paid,amount\n"
        for _ in 0..<600 {
            let user = random.int(0...39)
            let bought = random.int(0...99) < (user % 2 == 1 ? 80 : 15) ? 1 : 0
            labels +=
                "\(user),2026-01-0\(random.int(2...7))T\(random.int(10...23)):00:00Z,\(bought),\(user * 3),\(user)\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        for model in ["buys", "old", "pays"] {
            let trained = try store.asof(["train", model, "--spine", "labels.csv", "--label-time", "at", "--quick"])
            #expect(trained.status == 0, "\(trained.error)")
        }
        return store
    }

    private static let time = "2026-01-08T00:00:00Z"

    @Test func `scores are what a server predicts, stored, served and read by psql`() throws {
        let store = try Self.store()
        let scored = try store.asof(["score", "buys", "--into", "picks", "--at", Self.time, "--json"])
        #expect(scored.status == 0 && scored.out.contains("\"rows\":40"), "\(scored)")
        let server = try store.serve()
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        for user in [0, 7, 39] {
            let live = try client.line("ML.PREDICT buys KEYS 1 user_id ROWS 1 \(user) AT 1767830400000000")
            let score = try #require(live["rows"]?.items?.first?.items?.first?.text, "\(live)")
            let kept = try client.line("FS.GET picks \(user) FEATURES 2 score model_version")
            #expect(kept["score"]?.text == score && kept["model_version"] == .integer(1), "\(kept) \(score)")
            let alone = try store.asof(["predict", "buys", "user_id=\(user)", "--at", Self.time, "--json"])
            #expect(alone.out.contains("\"score\":\(score)}"), "\(score) \(alone)")
        }
        #expect(try store.number("SELECT count(DISTINCT model_position) FROM online.picks") == 1)
        #expect(try store.asof(["describe", "picks"]).out.contains("of buys, written by `asof score`"))
    }

    @Test func `a run that is started again with its time and position stores each score once`() throws {
        let store = try Self.store()
        let first = try store.asof(["score", "buys", "--into", "picks", "--at", Self.time])
        #expect(first.error.contains("scoring 40 rows by buys@1: --at \(Self.time) --position "), "\(first)")
        let position = try #require(first.error.split(whereSeparator: \.isWhitespace).last)
        let again = try store.asof([
            "score", "buys", "--into", "picks", "--at", Self.time, "--position", String(position),
        ])
        #expect(again.status == 0 && again.out.contains("40 of them by a run before"), "\(again)")
        #expect(try store.number("SELECT count(*) FROM history.picks") == 40)
        // Another position is another run.
        #expect(try store.asof(["score", "buys", "--into", "picks", "--at", Self.time]).status == 0)
        #expect(try store.number("SELECT count(*) FROM history.picks") == 80)
        #expect(try store.asof(["check"]).status == 0)
    }

    @Test func `rows of a file are scored, unknown ones by the fallback; what does not fit is refused`() throws {
        let store = try Self.store()
        _ = try store.scratch.write("users.csv", "user_id,amount,more\n1,5,a\n7777,5,b\n")
        let scored = try store.asof(["score", "old", "--into", "olds", "--spine", "users.csv"])
        #expect(scored.status == 0 && scored.out.contains("1 by the fallback"), "\(scored)")
        #expect(try store.number("SELECT count(*) FROM online.olds WHERE user_id = 7777 AND score > 0") == 1)
        // No window has an event of it, so that the fallback answers, as it does in a server.
        let empty = try store.asof(["score", "buys", "--into", "picks", "--spine", "users.csv", "--at", Self.time])
        #expect(empty.status == 0 && empty.out.contains("1 by the fallback"), "\(empty)")
        let live = try store.asof(["predict", "buys", "user_id=7777", "--at", Self.time, "--json"])
        let kept = try store.asof(["get", "picks", "7777", "--json"])
        let score = try #require(live.out.split(separator: "\"score\":").last?.prefix { $0 != "}" })
        #expect(kept.out.contains("\(score)"), "\(kept) \(live)")
        func error(_ arguments: String...) throws -> String {
            let output = try store.asof(["score"] + arguments)
            #expect(output.status != 0, "\(output)")
            return output.error
        }
        #expect(try error("buys", "--into", "other").contains("has no model_version int64; declare it as"))
        #expect(try error("pays", "--into", "picks").contains("keeps the scores of buys, not of pays"))
        #expect(try error("buys", "--into", "recent").contains("has windows over 'clicks'"))
        #expect(try error("buys", "--into", "piks").contains("did you mean 'picks'?"))
        #expect(try error("buys", "--into", "picks", "--spine", "none.csv").contains("none.csv"))
        #expect(
            try error("buys", "--into", "picks", "--spine", "labels.csv", "--all-entities").contains("say one of them")
        )
        #expect(try error("boys", "--into", "picks").contains("boys"))
    }

    @Test func `a score that is not as its view expects is refused, or stored with a warning and counted`() throws {
        let store = try Self.store()
        let refused = try store.asof(["score", "old", "--into", "low", "--at", Self.time])
        #expect(
            refused.status == 1 && refused.error.contains("feature 'score': expected at most 0.0, got "),
            "\(refused)"
        )
        #expect(try store.number("SELECT count(*) FROM history.low") == 0)
        let warned = try store.asof(["score", "old", "--into", "watched", "--at", Self.time])
        #expect(warned.status == 0, "\(warned)")
        #expect(
            warned.error.contains(
                "WARNING: view 'watched': 40 of 40 values are not as expected, and stored: the first in row 1: "
            ),
            "\(warned.error)"
        )
        #expect(try store.number("SELECT count(*) FROM history.watched") == 40)
        #expect(try store.number("SELECT sum(warned)::bigint FROM asof.expectation_counts") == 40)
    }
}
