import Foundation
import Store
import TestSupport
import Testing

/// By what `asof train` judges: what would be served, of the same rows, beside the champion as it is served.
@Suite struct TrainJudgingTests {
    private static let views = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64, noise: float64 } }
          clicks: { entities: [user], events: { id: click }, features: { click: int64, price: float64 } }
          recent:
            entities: [user]
            windows: { of: clicks, features: { n_1d: count over 1d, spent: sum(price) over 1d } }

        """

    private static func yaml(
        _ service: String = "[stats.*, { request: amount, type: float64 }]",
        fallback: String = "base"
    ) -> String {
        views + """
            services:
              shop: \(service)
              windowed: [recent.*]
            models:
              buys: { service: shop, task: binary, label: bought, algorithm: logistic, fallback: \(fallback) }
              clicked: { service: windowed, task: binary, label: bought, algorithm: logistic, fallback: \(fallback) }
              kinds: { service: shop, task: multiclass, label: kind, algorithm: logistic }

            """
    }

    /// Users 0 to 39 are known, 100 to 139 are not; all buy by the amount.
    private static func store(unknown: Int = 0, fallback: String = "base") throws -> ServedStore {
        let store = try ServedStore(yaml(fallback: fallback))
        var random = SeededRandom(seed: 5)
        var rows = "user_id,event_time,clicks,noise\n"
        for user in 0..<40 { rows += "\(user),2026-01-01T00:00:00Z,\(random.int(0...50)),0.\(random.int(0...999))\n" }
        var output = try store.asof(["ingest", "stats", "-", "--format", "csv"], input: rows)
        try #require(output.status == 0, "\(output.error)")
        var clicks = "user_id,event_time,click,price\n"
        for click in 0..<2_000 {
            let (day, hour) = (random.int(1...6), random.int(0...23))
            let time = "2026-01-0\(day)T\(hour < 10 ? "0" : "")\(hour):00:00Z"
            clicks += "\(random.int(0...39)),\(time),\(click),\(random.int(0...90))\n"
        }
        output = try store.asof(["ingest", "clicks", "-", "--format", "csv"], input: clicks)
        try #require(output.status == 0, "\(output.error)")
        var labels = "user_id,at,amount,bought,kind\n"
        for row in 0..<1_000 {
            let (user, amount) = (random.int(0...39) + (row % 100 < unknown ? 100 : 0), random.int(0...100))
            let bought = random.int(0...99) < (amount > 50 ? 85 : 10) ? 1 : 0
            let time = "2026-01-0\(random.int(2...6))T\(random.int(10...23)):00:00Z"
            labels += "\(user),\(time),\(amount),\(bought),\(amount > 50 ? "high" : "low")\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        return store
    }

    private static func train(
        _ store: ServedStore,
        _ model: String = "buys",
        _ more: String...
    ) throws
        -> AsofBinary.Output
    {
        try store.asof(["train", model, "--spine", "labels.csv", "--label-time", "at"] + more)
    }

    private static func apply(_ store: ServedStore, _ yaml: String) throws {
        _ = try store.scratch.write("features.yaml", yaml)
        let output = try store.asof(["apply", "--yes"])
        try #require(output.status == 0, "\(output.error)\(output.out)")
    }

    /// A metric of one of the judged, from `--json`.
    private static func metric(_ output: AsofBinary.Output, _ judged: String, _ name: String = "auc") throws -> Double {
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any],
            "\(output)"
        )
        let metrics = try #require(object["metrics"] as? [String: [String: Any]])
        return try #require(metrics[judged]?[name] as? Double, "\(metrics)")
    }

    // MARK: The champion

    @Test(arguments: ["labels.csv", "-", "sql"])
    func `a champion of another version of the service is judged by its own, and stays where it is better`(
        spine: String
    ) throws {
        let store = try Self.store()
        let first = try Self.train(store, "buys", "--json")
        #expect(first.status == 0, "\(first)")
        try Self.apply(store, Self.yaml("[stats.noise]"))
        let labels = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
        var words = ["train", "buys", "--label-time", "at", "--json"]
        switch spine {
        case "sql":
            let session = try store.session()
            try session.execute(
                "CREATE TABLE labels (user_id int8, at timestamptz, amount float8, bought int8, kind text)"
            )
            for line in labels.split(separator: "\n").dropFirst() {
                let cells = line.split(separator: ",").map { "'\($0)'" }.joined(separator: ",")
                try session.execute("INSERT INTO labels VALUES (\(cells))")
            }
            words += ["--spine-sql", "SELECT * FROM labels"]
        case "-": words += ["--spine", "-", "--spine-format", "csv"]
        default: words += ["--spine", spine]
        }
        let second = try store.asof(words, input: spine == "-" ? labels : "")
        #expect(second.status == 10 && second.out.contains("\"champion\":false"), "\(second)")
        #expect(try Self.metric(second, "buys@1") > 0.75, "\(second)")
        #expect(try Self.metric(second, "new") < 0.65, "\(second)")
        #expect(second.out.contains("\"not_compared\":null"), "\(second)")
        if spine != "sql" {
            // The same rows: what it was judged by then.
            #expect(try Self.metric(second, "buys@1") == Self.metric(first, "new"))
        }
        #expect(try store.asof(["models", "show", "buys"]).out.contains("champion"), "no champion")
        #expect(try store.asof(["predict", "buys", "user_id=1", "amount=3", "--json"]).out.contains("\"version\":1"))
    }

    @Test func `a champion of before a rename is judged on the same rows`() throws {
        let store = try Self.store()
        let first = try Self.train(store, "buys", "--json")
        #expect(first.status == 0, "\(first)")
        try Self.apply(
            store,
            Self.yaml("[stats.din]").replacing("noise: float64", with: "din: { type: float64, was: noise }")
        )
        let second = try Self.train(store, "buys", "--json")
        #expect(second.status == 10, "\(second)")
        #expect(try Self.metric(second, "buys@1") == Self.metric(first, "new"))
    }

    @Test func `where the champion cannot be judged it stays, and the reason is told`() throws {
        let store = try Self.store()
        #expect(try Self.train(store, "kinds").status == 0)
        let labels = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
        _ = try store.scratch.write("labels.csv", labels.replacing(",low", with: ",small"))
        let page = "kinds.html"
        let other = try Self.train(store, "kinds", "--report", page)
        #expect(other.status == 10, "\(other)")
        let reason = "not compared with kinds@1: its classes are not those of the label now"
        #expect(other.out.contains(reason) && other.out.contains("so the champion stays"), "\(other)")
        #expect(other.out.contains("it does not know small; only it knows low"), "\(other)")
        let html = try String(contentsOfFile: store.scratch.path + "/" + page, encoding: .utf8)
        #expect(html.contains(reason))
        let json = try Self.train(store, "kinds", "--json")
        #expect(json.status == 10 && json.out.contains("\"not_compared\":\"\(reason)"), "\(json)")
        #expect(json.out.contains("\"better\":false"), "\(json)")
        // Whoever says so takes its place.
        let always = try Self.train(store, "kinds", "--promote", "always")
        #expect(always.status == 0 && always.out.contains("champion now (before: kinds@1)"), "\(always)")
        #expect(always.out.contains(reason), "\(always)")
    }

    @Test func `a champion whose columns cannot be had any more stays`() throws {
        let store = try Self.store()
        #expect(try Self.train(store).status == 0)
        try Self.apply(store, Self.yaml("[stats.*]"))
        // Its version of the service wants a request field that this spine lacks.
        let labels = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
        _ = try store.scratch.write("labels.csv", labels.replacing("amount", with: "price"))
        let output = try Self.train(store)
        #expect(output.status == 10, "\(output)")
        #expect(output.out.contains("not compared with buys@1: ") && output.out.contains("'amount'"), "\(output)")
    }

    // MARK: The fallback

    @Test func `rows of unknown entities are judged by what is served of them`() throws {
        let store = try Self.store(unknown: 58)
        let trained = try Self.train(store, "buys", "--json", "--promote", "always")
        #expect(trained.status == 0, "\(trained)")
        let auc = try Self.metric(trained, "new")
        // What the version that is served says of the same rows.
        let labels = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(trained.out.utf8)) as? [String: Any])
        let testRows = try #require(object["test"] as? Int)
        let rows = labels.split(separator: "\n").dropFirst().map { $0.split(separator: ",").map(String.init) }
        // Rows of one time stay together: the newest times that have as many rows.
        let test = Array(rows.sorted { $0[1] < $1[1] }.suffix(testRows))
        let server = try store.serve()
        defer { server.stop() }
        let client = try server.client()
        let words = ["ML.PREDICT", "buys", "KEYS", "2", "user_id", "amount", "ROWS", "\(testRows)"]
        #expect(client.send(RespClient.request(words + test.flatMap { [$0[0], $0[2]] })))
        let reply = try client.reply()
        let scores = (reply.items?.last?.items ?? []).compactMap { $0.items?.first?.text.flatMap { Double($0) } }
        try #require(scores.count == testRows, "\(reply)")
        #expect(abs(Self.auc(scores, test.map { $0[3] == "1" }) - auc) < 1e-9, "\(auc)")
        let unknown = test.count { (Int($0[0]) ?? 0) >= 100 }
        #expect(trained.out.contains("\"unknown_rows\":\(unknown)"), "\(unknown) \(trained)")
        #expect(trained.out.contains("\"fallback\":\"base\""))
        let shown = try Self.train(store, "buys", "--report", "buys.html", "--dry-run")
        let text = "\(unknown) of \(testRows) test rows"
        #expect(shown.out.contains(text) && shown.out.contains("of entities that no view knows"), "\(shown)")
        let html = try String(contentsOfFile: store.scratch.path + "/buys.html", encoding: .utf8)
        #expect(html.contains(text))
    }

    /// The share of pairs that are in order, ties by half.
    private static func auc(_ scores: [Double], _ labels: [Bool]) -> Double {
        let positives = zip(scores, labels).filter(\.1).map(\.0)
        let negatives = zip(scores, labels).filter { !$0.1 }.map(\.0)
        var sum = 0.0
        for positive in positives {
            for negative in negatives { sum += positive > negative ? 1 : positive == negative ? 0.5 : 0 }
        }
        return sum / Double(positives.count * negatives.count)
    }

    @Test func `where the fallback is the model or null, it is judged so, too`() throws {
        let model = try Self.store(unknown: 50, fallback: "model")
        let own = try Self.train(model, "buys", "--json")
        #expect(try Self.metric(own, "new") > 0.75 && own.out.contains("\"fallback\":\"model\""), "\(own)")
        let null = try Self.store(unknown: 50, fallback: "null")
        let some = try Self.train(null, "buys", "--json")
        #expect(some.status == 0, "\(some)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(some.out.utf8)) as? [String: Any])
        let unknown = try #require(object["unknown_rows"] as? Int)
        #expect(unknown > 0 && object["unanswered_rows"] as? Int == unknown, "\(some)")
        #expect(try Self.metric(some, "new") > 0.75)
    }

    @Test func `an entity without an event in any window is unknown, wherever it is asked for`() throws {
        let store = try Self.store()
        let trained = try Self.train(store, "clicked", "--promote", "always")
        #expect(trained.status == 0, "\(trained)")
        let server = try store.serve()
        defer { server.stop() }
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        let at = "2026-01-04T00:00:00Z"
        let reply = try client.line("ML.PREDICT clicked KEYS 1 user_id ROWS 2 7 7777 AT 1767484800000000 META")
        #expect(reply["status"] == .array([.bulk("known"), .bulk("fallback")]), "\(reply)")
        let score = try #require(reply["rows"]?.items?.last?.items?.first?.text)
        let alone = try store.asof(["predict", "clicked", "user_id=7777", "--at", at, "--json"])
        #expect(
            alone.out.contains("\"status\":\"fallback\"") && alone.out.contains("\"score\":\(score)}"),
            "\(score) \(alone)"
        )
        let known = try store.asof(["predict", "clicked", "user_id=7", "--at", at, "--json"])
        #expect(known.out.contains("\"status\":\"known\""), "\(known)")
        let earlier = try client.line("ML.PREDICT clicked KEYS 1 user_id ROWS 1 7 AT 1767312000000000 META")
        #expect(earlier["status"] == .array([.bulk("known")]), "\(earlier)")
        // By now nothing is in the windows.
        let now = try client.line("ML.PREDICT clicked KEYS 1 user_id ROWS 1 7 META")
        #expect(now["status"] == .array([.bulk("fallback")]), "\(now)")
    }

    // MARK: What cannot be learned from

    @Test(arguments: ["logistic", "xgboost"])
    func `an infinite value is told with its column, count and first row before anything is fitted`(
        algorithm: String
    ) throws {
        let store = try Self.store()
        var lines = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
            .split(separator: "\n").map(String.init)
        for row in [17, 18, 400] {
            var cells = lines[row].split(separator: ",").map(String.init)
            cells[2] = row == 400 ? "1e300" : "Infinity"
            lines[row] = cells.joined(separator: ",")
        }
        _ = try store.scratch.write("labels.csv", lines.joined(separator: "\n") + "\n")
        let output = try Self.train(store, "buys", "--algo", algorithm)
        #expect(output.status == 1, "\(output)")
        #expect(
            output.error.contains("the column 'request__amount' is infinite")
                && output.error.contains("in 3 of ") && output.error.contains("first in row 17 of the spine")
                && output.error.contains("expectation") && output.error.contains("derive")
                && output.error.contains("encode: { request__amount: \"clip(-1e6, 1e6)\" }"),
            "\(output.error)"
        )
        #expect(try store.asof(["models", "show", "buys"]).out.contains("no versions yet"))
        // An encoder that bounds it lets it pass.
        let bounded = Self.yaml().replacing(
            "buys: { service: shop,",
            with: "buys: { service: shop, encode: { request__amount: \"clip(-1e6, 1e6)\" },"
        )
        try Self.apply(store, bounded)
        let fitted = try Self.train(store, "buys", "--promote", "always")
        #expect(fitted.status == 0, "\(fitted)")
    }

    @Test func `labels that are null in all rows are told as that`() throws {
        let store = try Self.store()
        _ = try store.scratch.write("labels.csv", "user_id,at,amount,bought\n1,2026-01-02T00:00:00Z,5,\n")
        let output = try Self.train(store)
        #expect(output.status == 1 && output.error.contains("'bought' is null in all 1 rows"), "\(output)")
        #expect(output.error.contains("0 labelled rows") && !output.error.contains("--split-random"), "\(output)")
    }

    @Test func `what pandas writes is trained and scored once its row labels are left out`() throws {
        let store = try Self.store()
        let labels = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
        let lines = labels.split(separator: "\n").enumerated().map { $0 == 0 ? ",\($1)" : "\($0 - 1),\($1)" }
        _ = try store.scratch.write("labels.csv", lines.joined(separator: "\n") + "\n")
        let refused = try Self.train(store)
        #expect(refused.status == 1 && refused.error.contains("--drop ''"), "\(refused)")
        #expect(try Self.train(store, "buys", "--drop", "").status == 0)
        try Self.apply(
            store,
            Self.yaml().replacing(
                "  recent:",
                with: "  picks: { entities: [user], scores: { model: buys } }\n  recent:"
            )
        )
        let scored = try store.asof(["score", "buys", "--into", "picks", "--spine", "labels.csv"])
        #expect(scored.status == 0, "\(scored)")
    }

    @Test func `a parameter that there is not is told with the known ones once`() throws {
        let store = try Self.store()
        let output = try Self.train(store, "buys", "--algo", "xgboost", "--set", "nonsense=9")
        #expect(output.status == 2, "\(output)")
        #expect(output.error.components(separatedBy: "known: ").count == 2, "\(output.error)")
    }

    @Test func `the importances of a linear model are not called shares of gain`() throws {
        let store = try Self.store()
        #expect(try Self.train(store, "buys", "--report", "buys.html").status == 0)
        let html = try String(contentsOfFile: store.scratch.path + "/buys.html", encoding: .utf8)
        #expect(html.contains("share of the weights of scaled columns") && !html.contains("share of gain"))
    }
}
