import Foundation
import Store
import TestSupport
import Testing

/// A store with two models and a server of it, about which random things happen.
final class PredictionWorld {
    let store: ServedStore
    private(set) var random: SeededRandom
    /// µs; what happened before.
    let now: Int64
    /// Rows that were asked for.
    private(set) var asked = 0

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          item: { key: item, type: string }
        views:
          clicks: { entities: [user], events: { id: click }, features: { click: int64, price: float64 } }
          recent:
            entities: [user]
            windows:
              of: clicks
              features: { n_10m: count over 10m, spent: sum(price) over 1h }
          stats: { entities: [user], ttl: 30m, missing: 'null', features: { age: int64, ctr: float64, name: string } }
          prices: { entities: [item], delay: 5m, features: { price: float64 } }
          bought: { entities: [user], features: { bought: int64 } }
        services:
          shop:
            - recent.*
            - stats.*
            - prices.price
            - { request: amount, type: float64 }
            - { request: channel, type: string }
            - { derive: ratio, from: "amount / prices.price" }
            - { derive: age_s, from: "extract(epoch from label_time - stats._event_time)" }
          calm:
            - stats.age
            - stats.ctr
            - prices.price
            - { request: amount, type: float64 }
            - { derive: double, from: "stats.ctr * 2 + amount" }
        models:
          buys: { service: shop, task: binary, label: bought, label_delay: 10m, algorithm: logistic, log: 100%, fallback: model }
          pays: { service: calm, task: regression, label: paid, algorithm: ridge, log: 100%, fallback: null }
        """

    init(seed: UInt64, cluster: ThrowawayCluster? = nil) throws {
        store = try ServedStore(Self.yaml, cluster: cluster)
        random = SeededRandom(seed: seed)
        now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        func time(_ secondsAgo: Int) -> Int64 { now - Int64(secondsAgo) * 1_000_000 }
        var (clicks, stats, prices) = (
            "user_id,event_time,click,price\n", "user_id,event_time,age,ctr,name\n", "item,event_time,price\n"
        )
        for click in 0..<400 {
            clicks += "\(random.int(0...9)),\(time(random.int(0...7_000))),\(click),\(random.int(1...50))\n"
        }
        for _ in 0..<300 {
            stats +=
                "\(random.int(0...9)),\(time(random.int(0...7_000))),\(random.int(18...70)),0.\(random.int(1...99)),n\(random.int(0...2))\n"
        }
        for _ in 0..<60 { prices += "i\(random.int(0...4)),\(time(random.int(0...7_000))),\(random.int(0...20))\n" }
        for (view, rows) in [("clicks", clicks), ("stats", stats), ("prices", prices)] {
            let output = try store.asof(["ingest", view, "-", "--format", "csv", "--time-unit", "us"], input: rows)
            try #require(output.status == 0, "\(output.error)")
        }
        var labels = "user_id,item,at,amount,channel,bought,paid\n"
        for _ in 0..<900 {
            let amount = random.int(1...100)
            // What was bought depends on the amount.
            let bought = random.int(0...99) < amount ? 1 : 0
            labels += "\(random.int(0...9)),i\(random.int(0...4)),\(time(random.int(0...6_000))),\(amount),"
            labels += "c\(random.int(0...2)),\(bought),\(amount + random.int(0...9))\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        try train("buys", "--promote", "always")
        try train("pays", "--promote", "always")
        try train("buys", "--set", "penalty=50", "--promote", "never")
    }

    private func train(_ model: String, _ more: String...) throws {
        let trained = try store.asof(
            ["train", model, "--spine", "labels.csv", "--label-time", "at", "--time-unit", "us", "--quick"] + more
        )
        try #require(trained.status == 0, "\(trained.error)\(trained.out)")
    }

    /// Writes a row of some view: late, early, deleted, corrected.
    func write(_ client: RespClient) throws { try Self.write(client, &random) }

    static func write(_ client: RespClient, _ random: inout SeededRandom) throws {
        let time = Int64(Date().timeIntervalSince1970 * 1_000_000) - Int64(random.int(-30...4_000)) * 1_000_000
        let user = "\(random.int(0...11))"
        let reply: Reply
        switch random.int(0...9) {
        case 0...3:
            reply = try client.run(
                "FS.WRITE",
                "clicks,user_id=\(user) click=\(random.int(1_000...9_999_999))i,price=\(random.int(1...50)) \(time * 1_000)"
            )
        case 4...6:
            reply = try client.run(
                "FS.SET",
                "stats",
                user,
                "\(time)",
                "age",
                "\(random.int(18...70))",
                "ctr",
                "0.\(random.int(1...99))"
            )
        case 7: reply = try client.run("FS.DEL", "stats", user, "\(time)")
        default:
            reply = try client.run(
                "FS.SET",
                "prices",
                "i\(random.int(0...5))",
                "\(time)",
                "price",
                "\(random.int(0...20))"
            )
        }
        #expect(!reply.isError, "\(reply)")
    }

    /// Asks a model about one row or three.
    func predict(_ client: RespClient, _ more: [String] = []) throws {
        let isShop = random.int(0...1) == 0
        var names = isShop ? ["channel", "user_id", "item", "amount"] : ["amount", "item", "user_id"]
        if random.int(0...3) == 0 { names += isShop ? ["stats__ctr"] : ["stats__age", "stats__ctr"] }
        if isShop, random.int(0...7) == 0 { names += ["prices__price"] }
        let count = random.int(0...4) == 0 ? 3 : 1
        var values: [String] = []
        for _ in 0..<count {
            for name in names {
                switch name {
                case "user_id": values.append("\(random.int(0...12))")
                case "item": values.append("i\(random.int(0...6))")
                case "channel": values.append(random.int(0...5) == 0 ? "nil" : "c\(random.int(0...3))")
                case "stats__age": values.append("\(random.int(10...90))")
                default: values.append(random.int(0...9) == 0 ? "nil" : "\(Double(random.int(-10_000...90_000)) / 7)")
                }
            }
        }
        var words = ["ML.PREDICT", isShop ? "buys" : "pays", "KEYS", "\(names.count)"] + names + ["ROWS", "\(count)"]
        words += values + ["NULL", "nil"] + more
        if random.int(0...3) == 0 {
            words += [
                "AT", "\(Int64(Date().timeIntervalSince1970 * 1_000_000) - Int64(random.int(1...4_000)) * 1_000_000)",
            ]
        }
        let reply = try ask(client, words)
        #expect(!reply.isError, "\(words): \(reply)")
        asked += count
    }

    func ask(_ client: RespClient, _ words: [String]) throws -> Reply {
        guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
        return try client.reply()
    }

    var logged: Int64 { get throws { try store.number("SELECT count(*) FROM asof.predictions") } }

    /// Waits until the log has so many rows.
    func waitForLog(_ count: Int) throws {
        _ = try Patience.wait(seconds: 30) { try logged >= Int64(count) }
        #expect(try logged == Int64(count))
    }
}
