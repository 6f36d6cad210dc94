import Foundation
import Glibc
import Store
import TestSupport
import Testing

/// What models answered is in the log, and can be made again to the bit.
@Suite struct ReplayTests {
    @Test(arguments: [UInt64(1), 2])
    func `predictions of a random world are made again without a difference`(seed: UInt64) throws {
        let world = try PredictionWorld(seed: seed)
        let store = world.store
        let server = try store.serve(seed == 2 ? ["--resident", "stats,prices"] : [])
        let client = try server.client()
        for step in 0..<300 {
            try world.write(client)
            try world.predict(client)
            if step % 5 == 0 { try world.predict(client, ["ID", "r\(step)"]) }
            if step % 75 == 40 {
                let moved = try store.asof(["models", "alias", "buys", "champion", step % 150 == 40 ? "2" : "1"])
                #expect(moved.status == 0, "\(moved.error)")
            }
        }
        // What is asked without a trace leaves none, and neither does what is refused.
        let unlogged = try client.line("ML.PREDICT pays KEYS 3 amount item user_id ROWS 1 1 i1 1 NOLOG")
        #expect(!unlogged.isError)
        #expect(try client.line("ML.PREDICT pays KEYS 2 amount item ROWS 1 1 i1").isError)
        try world.waitForLog(world.asked)
        #expect(try store.number("SELECT count(DISTINCT (server, number)) FROM asof.predictions") == world.asked)
        #expect(try store.number("SELECT count(*) FROM asof.predictions WHERE request_id IS NOT NULL") >= 60)
        #expect(try store.number("SELECT count(DISTINCT version) FROM asof.predictions WHERE model = 'buys'") == 2)
        #expect(try store.number("SELECT count(DISTINCT status) FROM asof.predictions") >= 3)
        #expect(try store.number("SELECT count(*) FROM asof.batches WHERE position > 0") == store.head())
        for model in ["buys", "pays"] {
            let count = try store.number("SELECT count(*) FROM asof.predictions WHERE model = '\(model)'")
            let replayed = try store.asof(["replay", model, "--sample", "10000", "--json"])
            #expect(
                replayed.status == 0 && replayed.out.hasPrefix("{\"compared\":\(count),\"different\":0,"),
                "seed \(seed): \(replayed.out.prefix(3_000))\(replayed.error)"
            )
            #expect(replayed.out.contains("\"not_compared\":{}"), "\(replayed.out.prefix(3_000))")
        }
        // Rows came late, which a training set of now has.
        let text = try store.asof(["replay", "pays", "--sample", "10000"]).out
        #expect(text.contains("stale: a training set would have"), "\(text)")
        try expectDifferences(store)
    }

    /// Each thing that is logged matters: another one is found, by name.
    private func expectDifferences(_ store: ServedStore) throws {
        func broken(_ change: String, _ model: String) throws -> AsofBinary.Output {
            let session = try store.session()
            try session.execute("CREATE TABLE public.kept AS SELECT * FROM asof.predictions")
            try session.execute("UPDATE asof.predictions \(change)")
            defer {
                _ = try? session.execute(
                    "TRUNCATE asof.predictions; INSERT INTO asof.predictions SELECT * FROM public.kept; DROP TABLE public.kept"
                )
            }
            return try store.asof(["replay", model, "--sample", "10000"])
        }
        let field = try broken(
            "SET request = jsonb_set(request, '{amount}', '\"77777\"') WHERE number = (SELECT min(number) FROM asof.predictions WHERE model = 'pays')",
            "pays"
        )
        #expect(field.status == 1 && field.out.contains(", 1 different"), "\(field)")
        #expect(
            field.out.contains("request__amount is 77777.0 now") && field.out.contains("derive__double"),
            "\(field)"
        )
        for (change, model) in [
            ("SET position = 1", "pays"), ("SET time = time - interval '40 minutes'", "buys"),
            ("SET is_timed = false", "buys"), ("SET overrides = '{}'", "buys"), ("SET version = 3 - version", "buys"),
            ("SET keys = jsonb_set(keys, '{user_id}', '\"3\"')", "buys"), ("SET marks = '\\x00'", "pays"),
        ] {
            let output = try broken(change, model)
            #expect(output.status == 1 && !output.out.contains(", 0 different"), "\(change): \(output)")
        }
        let elsewhere = try broken("SET position = 1000000", "pays")
        #expect(elsewhere.status == 2 && elsewhere.out.contains("none of this store's"), "\(elsewhere)")
    }

    @Test func `a server that is killed loses the last moment of its log, and nothing is there twice`() throws {
        let world = try PredictionWorld(seed: 3)
        let server = try world.store.serve()
        let client = try server.client()
        for _ in 0..<60 { try world.predict(client) }
        let before = world.asked
        try world.waitForLog(before)
        for _ in 0..<200 { try world.predict(client) }
        server.stop(SIGKILL)
        let logged = try world.logged
        #expect(logged >= before && logged <= world.asked)
        #expect(try world.store.number("SELECT count(DISTINCT (server, number)) FROM asof.predictions") == logged)
        // They are the first ones, without a gap.
        #expect(try world.store.number("SELECT max(number) FROM asof.predictions") == logged)
        // One that is stopped loses nothing.
        let next = try world.store.serve()
        let other = try next.client()
        let sent = world.asked
        for _ in 0..<50 { try world.predict(other) }
        #expect(next.stop().status == 0)
        #expect(try world.logged - logged == Int64(world.asked - sent))
        let replayed = try world.store.asof(["replay", "pays", "--sample", "10000"])
        #expect(replayed.status == 0, "\(replayed)")
    }

    @Test func `while PostgreSQL is away predictions are answered, and logged once it is back`() throws {
        let cluster = try ThrowawayCluster.start()
        let world = try PredictionWorld(seed: 4, cluster: cluster)
        let server = try world.store.serve()
        let client = try server.client()
        func ask() throws {
            let reply = try client.line("ML.PREDICT pays KEYS 3 amount item user_id ROWS 1 5 i1 1")
            #expect(!reply.isError, "\(reply)")
        }
        try ask()
        try world.waitForLog(1)
        cluster.stop()
        for _ in 0..<200 { try ask() }
        let isKept = try Patience.wait(seconds: 30) {
            guard case .bulk(let info) = try client.run("INFO", "asof") else { return false }
            return info.contains("predictions_trouble:") && !info.contains("predictions_trouble:\r")
                && info.contains("predictions_log_dropped:0")
        }
        #expect(isKept)
        try cluster.start()
        try world.waitForLog(201)
        #expect(try world.store.number("SELECT count(DISTINCT (server, number)) FROM asof.predictions") == 201)
        let stats = try client.line("ML.STATS pays")
        #expect("\(stats)".contains("201"), "\(stats)")
    }

    @Test func `what is forgotten leaves the log; too large values are cut, and counted`() throws {
        let world = try PredictionWorld(seed: 5)
        let store = world.store
        let server = try store.serve()
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        let keys = "KEYS 4 channel user_id item amount ROWS 1"
        for user in [3, 3, 4] { #expect(try !client.line("ML.PREDICT buys \(keys) c1 \(user) i1 5").isError) }
        let long = String(repeating: "x", count: 5_000)
        #expect(try !client.line("ML.PREDICT buys \(keys) \(long) 4 i1 5").isError)
        #expect(
            try client.line("ML.PREDICT buys \(keys) c1 4 i1 5 ID \(long)").text?.contains("256 are allowed") == true
        )
        try world.waitForLog(4)
        let stats = try client.line("ML.STATS buys")
        #expect(stats["logged"] == .integer(4) && stats["log_dropped"] == .integer(0), "\(stats)")
        #expect(stats["log_cut"] == .integer(1), "\(stats)")
        #expect(try store.number("SELECT count(*) FROM asof.predictions WHERE is_cut AND request = '{}'") == 1)
        let replayed = try store.asof(["replay", "buys"])
        #expect(
            replayed.status == 0 && replayed.out.contains("not compared: 1 row: their request values"),
            "\(replayed)"
        )
        let asked = try store.asof(["forget", "user", "3", "--dry-run"])
        #expect(asked.out.contains("the log has 2 predictions about it"), "\(asked)")
        let forgotten = try store.asof(["forget", "user", "3", "--yes"])
        #expect(forgotten.status == 0 && forgotten.out.contains("forgotten: 2 logged predictions"), "\(forgotten)")
        #expect(try world.logged == 2)
        // The others read nothing of it.
        #expect(try store.asof(["replay", "buys"]).status == 0)
        let doctor = try store.asof(["doctor"])
        #expect(doctor.out.contains("KiB a day; kept for 90 days"), "\(doctor)")
        // Where a view has lost what they read, nothing can be said.
        #expect(try store.asof(["drop-history", "stats", "--before", "2999-01-01T00:00:00Z", "--yes"]).status == 0)
        let lost = try store.asof(["replay", "buys"])
        #expect(lost.status == 2 && lost.out.contains("may be for want of it"), "\(lost)")
    }

    @Test func `what cannot be replayed is told`() throws {
        let world = try PredictionWorld(seed: 6)
        func error(_ arguments: String...) throws -> AsofBinary.Output {
            try world.store.asof(["replay"] + arguments)
        }
        let nothing = try error("buys")
        #expect(nothing.status == 2 && nothing.out.contains("nobody asked a server"), "\(nothing)")
        let unknown = try error("buy")
        #expect(unknown.status == 2 && unknown.error.contains("did you mean 'buys'?"), "\(unknown)")
        #expect(try error("buys@9").error.contains("has versions 1-2, not 9"))
        #expect(try error("buys", "--sample", "0").status == 2)
        #expect(try error("buys", "--from", "yesterday").status == 2)
    }
}
