import Foundation
import TestSupport
import Testing

/// What people are told by commands about models works as it is told.
@Suite struct ModelAdviceTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          f: { entities: [user], backfilled: true, features: { x: float64, t: timestamp } }
        services:
          timed: [f.*, { request: asked, type: timestamp }]
          plain: [f.x]
          given: [{ request: z, type: float64 }]
        models:
          late: { service: timed, task: regression, label: y, algorithm: ridge }
          buys: { service: plain, task: regression, label: y, algorithm: ridge, log: 100% }
          free: { service: given, task: regression, label: y, algorithm: ridge }
        """

    private static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        var (rows, labels) = ("user_id,event_time,x,t\n", "user_id,at,asked,y,z\n")
        for user in 1...30 {
            rows += "\(user),2026-01-01T00:00:00Z,\(user * 7 % 11),2025-12-0\(user % 9 + 1)T00:00:00Z\n"
            labels += "\(user),2026-01-02T00:00:\(user + 10)Z,2026-01-02T00:00:00Z,"
            labels += "\(user * 7 % 11 * 2 + user % 2),\(user)\n"
        }
        let output = try store.asof(["ingest", "f", "-", "--format", "csv"], input: rows)
        try #require(output.status == 0, "\(output.error)")
        _ = try store.scratch.write("labels.csv", labels)
        return store
    }

    private static func train(_ store: ServedStore, _ model: String, _ more: String...) throws -> AsofBinary.Output {
        try store.asof(["train", model, "--spine", "labels.csv", "--label-time", "at"] + more)
    }

    @Test(arguments: ["timed: [f.*,", "timed: [f.x,"])
    func `the expression that is told for a timestamp is one that a service takes`(service: String) throws {
        let store = try Self.store()
        func apply(_ change: String) throws -> AsofBinary.Output {
            _ = try store.scratch.write("features.yaml", Self.yaml.replacing("timed: [f.*,", with: change))
            return try store.asof(["apply", "--yes"])
        }
        #expect(try apply(service).status == 0)
        let refused = try Self.train(store, "late")
        #expect(refused.status == 1, "\(refused)")
        let advice = try #require(refused.error.firstRange(of: "as in extract"))
        let told = refused.error[advice.lowerBound...].dropFirst("as in ".count).prefix { $0 != ")" } + ")"
        #expect(told.contains(service.contains("f.*") ? "f.t" : "asked"), "\(told)")
        let items = "[{ request: asked, type: timestamp }, { derive: age, from: \"\(told)\" }]"
        let derived = try apply("derived: \(items)\n  timed: [f.*,")
        #expect(derived.status == 0, "\(told): \(derived.error)")
    }

    @Test func `every name of a version is told where it cannot be retired`() throws {
        let store = try Self.store()
        #expect(try Self.train(store, "buys", "--promote", "always").status == 0)
        #expect(try store.asof(["models", "alias", "buys", "challenger", "1"]).status == 0)
        let refused = try store.asof(["models", "retire", "buys", "1"])
        #expect(refused.status == 1, "\(refused)")
        #expect(refused.error.contains("its 'challenger' and its 'champion'"), "\(refused)")
        #expect(refused.error.contains("`asof models alias buys champion VERSION`"), "\(refused)")
    }

    @Test func `a column that is given to predict is told to be one`() throws {
        let store = try Self.store()
        #expect(try Self.train(store, "buys", "--promote", "always").status == 0)
        for words in [["17", "f__x=3"], ["user_id=17", "f__x=3"]] {
            let refused = try store.asof(["predict", "buys"] + words)
            #expect(refused.status == 2, "\(refused)")
            #expect(!refused.error.contains("17,f__x"), "\(refused)")
        }
        let column = try store.asof(["predict", "buys", "user_id=17", "f__x=3"])
        #expect(column.error.contains("'f__x' is a column") && column.error.contains("ML.PREDICT"), "\(column)")
        #expect(try store.asof(["predict", "buys", "17"]).status == 0)
    }

    @Test func `replay of a model that logs and was not asked says that`() throws {
        let store = try Self.store()
        for model in ["buys", "free"] { #expect(try Self.train(store, model, "--promote", "always").status == 0) }
        let asked = try store.asof(["replay", "buys"])
        #expect(asked.status == 2 && asked.out.contains("nobody asked a server"), "\(asked)")
        #expect(!asked.out.contains("log: 100%"), "\(asked)")
        #expect(try store.asof(["replay", "free"]).out.contains("`log: 100%` in features.yaml"))
    }

    @Test func `backfilled is described, and an export says that it is not for it`() throws {
        let store = try Self.store()
        #expect(try store.asof(["describe", "f"]).out.contains("backfilled yes: `asof learn` takes rows as known"))
        let export = try store.asof([
            "export", "--spine", "labels.csv", "--label-time", "at", "--features", "f.x", "--known-at-label", "--out",
            "set.csv",
        ])
        #expect(export.error.contains("`backfilled: true` of the view is for `asof learn`"), "\(export)")
    }

    @Test func `no rows over HTTP have no answers, and KServe's rows may be lists of one`() throws {
        let store = try Self.store()
        for model in ["buys", "free"] { #expect(try Self.train(store, model, "--promote", "always").status == 0) }
        let served = try store.serve(["--http", "127.0.0.1:0"])
        defer { served.stop() }
        let running = served.running
        #expect(Patience.wait { running.outSoFar.contains("HTTP at ") && running.outSoFar.hasSuffix("\n") })
        let line = try #require(running.outSoFar.split(separator: "\n").first { $0.hasPrefix("HTTP at 127.0.0.1:") })
        let port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
        func post(_ path: String, _ body: String) throws -> HTTPAnswer {
            try HTTPProbe.ask(port, "POST", path, headers: [("Content-Type", "application/json")], body: body)
        }
        for model in ["buys", "free"] {
            let none = try post("/v1/predict/\(model)", "{\"rows\":[]}")
            #expect(none.status == 200 && none.body.contains("\"rows\":[]"), "\(none)")
        }
        func infer(_ shape: String, _ data: String) throws -> HTTPAnswer {
            let input = "{\"name\":\"z\",\"datatype\":\"FP64\",\"shape\":\(shape),\"data\":\(data)}"
            return try post("/v2/models/free/infer", "{\"inputs\":[\(input)]}")
        }
        let flat = try infer("[2]", "[5.5, 7]")
        #expect(flat.status == 200, "\(flat)")
        #expect(try infer("[2, 1]", "[5.5, 7]").body == flat.body)
        #expect(try infer("[2, 1]", "[[5.5], [ 7 ]]").body == flat.body)
        for (data, reason) in [("[[5.5], []]", "without a value"), ("[[5.5], [7, 8]]", "several values")] {
            let refused = try infer("[2, 1]", data)
            #expect(refused.status == 400 && refused.body.contains(reason), "\(refused)")
        }
    }
}
