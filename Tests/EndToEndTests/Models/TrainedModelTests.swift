import Foundation
import Glibc
import Store
import TestSupport
import Testing

/// Models from CSV files to predictions, as a user makes them.
@Suite struct TrainedModelTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], missing: 'null', features: { clicks: int64, rate: float64, city: string } }
        services:
          buy_model:
            - stats.*
            - { request: amount, type: float64 }
            - { derive: per_click, from: "amount / stats.clicks" }
          static: [{ request: x, type: float64 }]
        models:
          buys: { service: buy_model, task: binary, label: bought, label_delay: 1h }
          spends: { service: buy_model, task: regression, label: spent, algorithm: ridge, fallback: null }
          kinds: { service: static, task: multiclass, label: kind }
        """

    private static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        var random = SeededRandom(seed: 11)
        var rows = "user_id,event_time,clicks,rate,city\n"
        for user in 0..<60 {
            for day in 1...6 {
                let city = random.pick(["NY", "LA", "SF", ""])
                rows += "\(user),2026-01-0\(day)T00:00:00Z,\(random.int(0...50)),0.\(random.int(0...999)),\(city)\n"
            }
        }
        let output = try store.asof(["ingest", "stats", "-", "--format", "csv"], input: rows)
        #expect(output.status == 0, "\(output.error)")
        var labels = "user_id,at,amount,x,bought,spent,kind\n"
        for _ in 0..<1_500 {
            let (user, amount) = (random.int(0...59), random.int(0...100))
            let bought = random.int(0...99) < (amount > 50 && user % 2 == 1 ? 80 : 15) ? 1 : 0
            let kind = ["low", "mid", "top"][min(amount / 34, 2)]
            labels +=
                "\(user),2026-01-0\(random.int(2...6))T\(random.int(10...23)):00:00Z,\(amount),\(amount),\(bought),\(amount * 2 + user),\(kind)\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        return store
    }

    private static func train(_ store: ServedStore, _ model: String, _ more: [String] = []) throws -> AsofBinary.Output
    {
        try store.asof(["train", model, "--spine", "labels.csv", "--label-time", "at"] + more)
    }

    @Test func `trees are fitted, judged, registered, served, flipped and rolled back`() throws {
        let store = try Self.store()
        let trained = try Self.train(store, "buys", ["--quick", "--report", "buys.html"])
        #expect(trained.status == 0, "\(trained.error)")
        let page = try String(contentsOfFile: store.scratch.path + "/buys.html", encoding: .utf8)
        #expect(
            page.contains("buys@1") && page.contains("<svg") && page.contains("--label-time at --quick"),
            "\(page.prefix(400))"
        )
        #expect(trained.out.contains("registered buys@1, champion now"), "\(trained.out)")
        #expect(trained.out.contains("logistic") && trained.out.contains("base"))
        let linear = try Self.train(store, "buys", ["--algo", "logistic", "--promote", "never", "--json"])
        #expect(linear.status == 0, "\(linear.error)")
        #expect(linear.out.contains("\"version\":2") && linear.out.contains("\"champion\":false"), "\(linear.out)")
        let served = try store.serve(["--allow-flips"])
        defer { served.stop() }
        let client = try served.client()
        _ = try client.run("HELLO", "3")
        func predict(_ model: String, _ more: String...) throws -> Reply {
            let request = ["ML.PREDICT", model, "KEYS", "2", "user_id", "amount", "ROWS", "2", "7", "90", "9999", "10"]
            #expect(client.send(RespClient.request(request + more)))
            return try client.reply()
        }
        let first = try predict("buys", "META", "FEATURES")
        #expect(first["version"] == .integer(1) && first["route"] == .bulk("champion"), "\(first)")
        #expect(first["status"] == .array([.bulk("known"), .bulk("fallback")]), "\(first)")
        // The command line answers by the same code, from PostgreSQL.
        for (version, more) in [(1, "buys"), (2, "buys@2")] {
            let score = try predict(more)["rows"]?.items?.first?.items?.first?.text
            let output = try store.asof(["predict", "buys@\(version)", "user_id=7", "amount=90", "--json"])
            #expect(score.map { output.out.contains("\"score\":\($0)}") } == true, "\(score ?? "") \(output.out)")
        }
        guard case .integer(let flipped) = try client.run("ML.ALIAS", "buys", "champion", "2", "IF", "1") else {
            Issue.record("no position")
            return
        }
        let second = try predict("buys", "MINPOS", "\(flipped)", "META")
        #expect(second["version"] == .integer(2) && second["model_position"] == .integer(flipped), "\(second)")
        #expect(
            try client.run("ML.ALIAS", "buys", "champion", "2", "IF", "1").text
                == "MLCONFLICT alias 'champion' of buys is 2, not 1"
        )
        let back = try client.run("ML.ROLLBACK", "buys", "REASON", "worse")
        #expect(back["from"] == .integer(2) && back["to"] == .integer(1), "\(back)")
        let log = try store.asof(["models", "log", "buys"])
        #expect(log.out.contains("worse") && log.out.contains("rollback"), "\(log.out)")
        let earlier = try store.asof([
            "predict", "buys", "user_id=7", "amount=90", "--position", "\(flipped)", "--json",
        ])
        #expect(earlier.out.contains("\"version\":2"), "\(earlier)")
        // All of one transaction are of one version.
        _ = try client.run("MULTI")
        _ = try predict("buys")
        _ = try predict("buys")
        let both = try client.run("EXEC")
        #expect(both.items?.count == 2 && both.items?[0]["version"] == both.items?[1]["version"], "\(both)")
        // A stored value may be given instead, and a view all of whose columns are given is not asked.
        let given = [
            "ML.PREDICT", "buys", "KEYS", "4", "stats__clicks", "stats__rate", "stats__city", "amount", "ROWS", "1",
            "17",
            "0.5", "NY", "90", "META",
        ]
        #expect(client.send(RespClient.request(given)))
        let overridden = try client.reply()
        #expect(overridden["status"] == .array([.bulk("known")]), "\(overridden)")
    }

    @Test func `what clients get wrong has its own code`() throws {
        let store = try Self.store()
        #expect(try Self.train(store, "buys", ["--algo", "base"]).status == 10)
        #expect(try store.asof(["models", "alias", "buys", "champion", "1"]).status == 0)
        let served = try store.serve()
        defer { served.stop() }
        let client = try served.client()
        func error(_ words: String...) throws -> String {
            #expect(client.send(RespClient.request(words)))
            return try client.reply().text ?? ""
        }
        #expect(
            try error("ML.PREDICT", "buy", "KEYS", "0", "ROWS", "1").hasPrefix("MLNOMODEL no model 'buy'; did you mean")
        )
        #expect(
            try error("ML.PREDICT", "buys@9", "KEYS", "1", "user_id", "ROWS", "1", "7")
                == "MLNOVERSION buys has versions 1-1, not 9"
        )
        #expect(
            try error("ML.PREDICT", "buys", "KEYS", "1", "user_id", "ROWS", "1", "7").hasPrefix(
                "MLVALUE KEYS lacks the request field 'amount'"
            )
        )
        #expect(
            try error("ML.PREDICT", "buys", "KEYS", "2", "user_id", "amount", "ROWS", "1", "7", "much").hasPrefix(
                "MLVALUE row 1"
            )
        )
        #expect(
            try error("ML.PREDICT", "buys", "KEYS", "2", "user_id", "amount", "ROWS", "1", "7", "1", "MINPOS", "99999")
                .hasPrefix("MLTIMEOUT position 99999")
        )
        #expect(try error("ML.ALIAS", "buys", "champion", "1").hasPrefix("NOPERM"))
        #expect(try error("ML.MODEL", "spends").hasPrefix("MLNOVERSION spends has no versions yet"))
    }

    @Test func `a regression and a static task of several classes are fitted by own code`() throws {
        let store = try Self.store()
        let ridge = try Self.train(store, "spends", ["--json"])
        #expect(ridge.status == 0 && ridge.out.contains("\"r2\":0.9"), "\(ridge)")
        let kinds = try Self.train(store, "kinds", ["--algo", "logistic", "--split-random"])
        #expect(kinds.status == 0 && kinds.error.contains("split by chance"), "\(kinds)")
        let served = try store.serve()
        defer { served.stop() }
        let client = try served.client()
        let words = ["ML.PREDICT", "kinds", "KEYS", "1", "x", "ROWS", "2", "5", "95"]
        #expect(client.send(RespClient.request(words)))
        let reply = try client.reply()
        #expect(reply["columns"] == .array([.bulk("low"), .bulk("mid"), .bulk("top")]), "\(reply)")
        let rows = reply["rows"]?.items?.map { $0.items?.compactMap { $0.text.flatMap { Double($0) } } ?? [] } ?? []
        #expect(rows.count == 2 && rows[0][0] > 0.5 && rows[1][2] > 0.5, "\(rows)")
        let unknown = ["ML.PREDICT", "spends", "KEYS", "2", "user_id", "amount", "ROWS", "1", "12345", "5"]
        #expect(client.send(RespClient.request(unknown)))
        #expect(try client.reply()["rows"] == .array([.array([.null])]))
    }

    @Test(arguments: [
        (["buyz"], 1, "no model 'buyz'; did you mean 'buys'?"),
        (["buys", "--algo", "ridge"], 2, "ridge is for numbers"),
        (["buys", "--set", "depth=4"], 2, "xgboost has no parameter 'depth'"),
        (["buys", "--set", "eta=fast"], 2, "the parameter eta is 'fast'"),
        (["buys", "--split", "80,30,10"], 2, "expected three whole shares that make 100"),
        (["buys", "--valid-from", "2026-01-05T00:00:00Z"], 2, "go together"),
        (["buys", "--valid-from", "2026-01-05", "--test-from", "2026-03-01"], 1, "no rows are left to be test rows"),
    ])
    func `what is asked for wrongly is said, and nothing is registered`(
        words: [String],
        status: Int32,
        expected: String
    ) throws {
        let store = try Self.store()
        let output = try Self.train(store, words[0], Array(words.dropFirst()))
        #expect(output.status == status && output.error.contains(expected), "\(output)")
        #expect(try store.asof(["models", "show", "buys"]).out.contains("no versions yet"))
    }

    @Test func `labels and features that cannot be learned from are named`() throws {
        let store = try Self.store()
        func refusal(_ labels: String, _ model: String = "buys") throws -> String {
            _ = try store.scratch.write("labels.csv", labels)
            let output = try Self.train(store, model)
            #expect(output.status == 1, "\(output)")
            return output.error
        }
        let days = (2...6).map { "2026-01-0\($0)T12:00:00Z" }
        #expect(try refusal("user_id,at,amount\n" + days.map { "1,\($0),5\n" }.joined()).contains("no column 'bought'"))
        #expect(
            try refusal("user_id,at,amount,bought\n" + days.map { "1,\($0),5,1\n" }.joined()).contains(
                "is the same in all"
            )
        )
        #expect(
            try refusal(
                "user_id,at,amount,bought\n" + days.map { "777,\($0),5,\($0.hasSuffix("Z") ? 2 : 1)\n" }.joined()
            )
            .contains("a binary label is bool")
        )
        let unknown = days.enumerated().map { "777,\($1),5,\($0 % 2)\n" }.joined()
        #expect(try refusal("user_id,at,amount,bought\n" + unknown).contains("'stats__clicks' is null in all"))
        #expect(try store.asof(["models", "show", "buys"]).out.contains("no versions yet"))
    }

    @Test func `without the library trees say what to do, and other algorithms fit`() throws {
        let store = try Self.store()
        func run(_ more: [String]) throws -> AsofBinary.Output {
            try AsofBinary.run(
                ["train", "buys", "--spine", "labels.csv", "--label-time", "at", "-d", store.conninfo] + more,
                in: store.scratch.path,
                environment: ["ASOF_XGBOOST": "/nowhere/libxgboost.so"]
            )
        }
        let output = try run([])
        #expect(output.status == 1 && output.error.contains("scripts/setup") && output.error.contains("ASOF_XGBOOST"))
        #expect(try run(["--algo", "logistic", "--promote", "always"]).status == 0)
    }

    @Test func `a trainer that is killed leaves nothing half registered`() throws {
        let store = try Self.store()
        for signal in [SIGKILL, SIGTERM] {
            let running = try AsofBinary.start(
                [
                    "train", "buys", "--spine", "labels.csv", "--label-time", "at", "--set", "rounds=100000", "--set",
                    "early_stopping=100000", "-d", store.conninfo,
                ],
                in: store.scratch.path
            )
            // The process that fits is a child of it.
            let isFitting = Patience.wait(seconds: 60) { !Self.children(of: running.process.processIdentifier).isEmpty }
            #expect(isFitting)
            let children = Self.children(of: running.process.processIdentifier)
            kill(running.process.processIdentifier, signal)
            running.waitUntilExit()
            #expect(Patience.wait(seconds: 30) { children.allSatisfy { kill($0, 0) != 0 } }, "the child goes on")
        }
        #expect(try store.asof(["models", "show", "buys"]).out.contains("no versions yet"))
    }

    private static func children(of process: Int32) -> [Int32] {
        let text = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        let more = all.compactMap {
            try? String(contentsOfFile: "/proc/\(process)/task/\($0)/children", encoding: .utf8)
        }
        return (more + [text]).joined(separator: " ").split(separator: " ").compactMap { Int32($0) }
    }

    @Test func `a server whose golden rows differ keeps the version before, and says so`() throws {
        let store = try Self.store()
        let logistic = ["--algo", "logistic", "--promote"]
        #expect(try Self.train(store, "buys", logistic + ["always"]).status == 0)
        let served = try store.serve()
        defer { served.stop() }
        let client = try served.client()
        _ = try client.run("HELLO", "3")
        let words = ["ML.PREDICT", "buys", "KEYS", "2", "user_id", "amount", "ROWS", "1", "7", "90", "META"]
        #expect(client.send(RespClient.request(words)))
        let first = try client.reply()
        #expect(first["version"] == .integer(1), "\(first)")
        // The row is damaged before the version is seen, in the transaction of neither.
        let session = try store.session()
        try session.execute(
            """
            CREATE FUNCTION damage() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN NEW.margins = overlay(NEW.margins PLACING E''\\\\x01'' FROM 1); RETURN NEW; END';
            CREATE TRIGGER damage BEFORE INSERT ON asof.model_golden FOR EACH ROW EXECUTE FUNCTION damage()
            """
        )
        let trained = try Self.train(store, "buys", logistic + ["always", "--json"])
        #expect(trained.status == 0 && trained.out.contains("\"version\":2"), "\(trained)")
        let position = try Ledger(session).head().position
        #expect(client.send(RespClient.request(words + ["MINPOS", "\(position)"])))
        let second = try client.reply()
        #expect(second["version"] == .integer(1), "\(second)")
        #expect(second["model_position"] == first["model_position"], "\(second)")
        let stats = try client.run("ML.STATS", "buys")
        #expect(stats["not_ready"]?.items?.first?.text?.contains("failed 1 of") == true, "\(stats)")
        // A server that never had the version before has nothing to answer by.
        let other = try store.serve()
        defer { other.stop() }
        let otherClient = try other.client()
        #expect(otherClient.send(RespClient.request(words)))
        let refused = try otherClient.reply().text ?? ""
        #expect(refused.hasPrefix("MLNOTREADY version 2 of buys failed 1 of"), "\(refused)")
        #expect(try otherClient.run("ML.STATS", "buys")["not_ready"]?.items?.count == 1)
    }
}
