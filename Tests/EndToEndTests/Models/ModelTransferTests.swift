import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Versions that leave a store as a folder, come into another, and are set side by side.
@Suite struct ModelTransferTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64, city: string } }
        services:
          shop: [stats.*, { request: amount, type: float64 }]
          plain: [stats.clicks, { request: amount, type: float64 }]
        models:
          buys: { service: shop, task: binary, label: bought, fallback: 0.125 }
          simple: { service: plain, task: binary, label: bought, algorithm: logistic }
          kinds: { service: plain, task: multiclass, label: kind, algorithm: logistic }
        """

    private static func store(trains: Bool = true) throws -> ServedStore {
        let store = try ServedStore(yaml)
        var random = SeededRandom(seed: 8)
        var rows = "user_id,event_time,clicks,city\n"
        for user in 0..<40 {
            rows += "\(user),2026-01-01T00:00:00Z,\(random.int(0...50)),\(random.pick(["NY", "LA", "SF", ""]))\n"
        }
        let ingested = try store.asof(["ingest", "stats", "-", "--format", "csv"], input: rows)
        try #require(ingested.status == 0, "\(ingested)")
        var labels = "user_id,at,amount,bought,kind\n"
        for row in 0..<600 {
            let amount = random.int(0...100)
            labels += "\(row % 40),2026-01-0\(2 + row / 120)T\(10 + row % 13):00:00Z,\(amount),"
            labels += "\(random.int(0...99) < amount ? 1 : 0),\(amount > 50 ? "high" : "low")\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        guard trains else { return store }
        try train(store, "buys", "--quick", "--note", "the first")
        try train(store, "simple")
        try train(store, "kinds")
        return store
    }

    private static let categories = """
        {"learner":{"feature_names":["a","b"],"feature_types":["float","c"],"gradient_booster":{"name":"gbtree","model":{\
        "tree_info":[0],"trees":[{"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[0,0,0],\
        "split_conditions":[0.5,1,2],"default_left":[0,0,0],"tree_param":{"num_nodes":"3"}}]}},\
        "learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"2"},"objective":{"name":"binary:logistic"}}}
        """

    private static func train(_ store: ServedStore, _ model: String, _ more: String...) throws {
        let words = ["train", model, "--spine", "labels.csv", "--label-time", "at", "--promote", "always"]
        let output = try store.asof(words + more)
        try #require(output.status == 0, "\(output)")
    }

    private static func score(_ store: ServedStore, _ model: String, _ values: String...) throws -> String {
        let output = try store.asof(["predict", model] + values)
        try #require(output.status == 0, "\(output)")
        return String(output.out.prefix { $0 != "\n" })
    }

    @Test func `an exported version answers in another store as in its own`() throws {
        let (store, other) = (try Self.store(), try Self.store(trains: false))
        for (model, values) in [("buys", ["user_id=7", "amount=61"]), ("buys", ["user_id=777", "amount=61"])] {
            let folder = store.scratch.path + "/\(model)-\(values[0])"
            let exported = try store.asof(["models", "export", model, folder])
            #expect(exported.status == 0 && exported.out.hasPrefix("buys@1 is in "), "\(exported)")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                    == ["golden.csv", "model.ubj", "version.json"]
            )
            let imported = try other.asof(["models", "import", model, folder])
            #expect(
                imported.status == 0 && imported.out.contains("on shop@1, 256 golden rows reproduced, position "),
                "\(imported)"
            )
            let version = try #require(imported.out.firstMatch(of: /registered buys@([0-9]+)/)?.1)
            #expect(try other.asof(["models", "alias", model, "champion", String(version)]).status == 0)
            for value in [values, ["user_id=\(8 + values[0].count)", "amount=3"]] {
                let expected = try store.asof(["predict", model] + value)
                let found = try other.asof(["predict", model] + value)
                #expect(expected.status == 0 && found.status == 0)
                #expect(found.out.prefix { $0 != "\n" } == expected.out.prefix { $0 != "\n" }, "\(value)")
            }
        }
        // What it came from is told; what only its own store can do again is not tried.
        let log = try other.asof(["models", "log", "buys"])
        #expect(log.out.contains("imported: buys@1"), "\(log)")
        let verified = try other.asof(["verify", "buys@1"])
        #expect(verified.status == 2 && verified.error.contains("or it was imported"), "\(verified)")
        let server = try other.serve()
        defer { server.stop() }
        let told = try server.client().run("ML.MODEL", "buys")
        #expect(told["library"]?.text?.hasPrefix("xgboost 3.") == true && told["state"] == .bulk("ready"), "\(told)")
    }

    @Test func `a file alone is imported with golden rows, or unproven`() throws {
        let store = try Self.store()
        #expect(try store.asof(["models", "export", "simple", "simple-1"]).status == 0)
        #expect(try store.asof(["models", "export", "kinds", "kinds-1"]).status == 0)
        let proven = try store.asof(
            [
                "models", "import", "simple", "simple-1/model.json", "--service", "plain@1", "--golden",
                "simple-1/golden.csv",
            ]
        )
        #expect(
            proven.status == 0 && proven.out.contains("registered simple@2 on plain@1, 256 golden rows"),
            "\(proven)"
        )
        let values = ["user_id=7", "amount=61"]
        #expect(
            try Self.score(store, "simple@2", values[0], values[1])
                == Self.score(store, "simple@1", values[0], values[1])
        )
        let classes = try store.asof(
            [
                "models", "import", "kinds", "kinds-1/model.json", "--golden", "kinds-1/golden.csv", "--classes",
                "high,low", "--base", "0.5,0.5",
            ]
        )
        #expect(classes.status == 0, "\(classes)")
        #expect(
            try Self.score(store, "kinds@2", values[0], values[1]) == Self.score(store, "kinds@1", values[0], values[1])
        )
        let unproven = try store.asof(["models", "import", "simple", "simple-1/model.json"])
        #expect(unproven.status == 0 && unproven.out.contains("unproven"), "\(unproven)")
        let refused = try store.asof(["models", "alias", "simple", "champion", "3"])
        #expect(refused.status == 1 && refused.error.contains("--unproven takes it all the same"), "\(refused)")
        #expect(try store.asof(["models", "alias", "simple", "champion", "3", "--unproven"]).status == 0)
    }

    @Test func `what does not fit is named, and nothing is registered`() throws {
        let store = try Self.store()
        for model in ["buys", "simple", "kinds"] {
            #expect(try store.asof(["models", "export", model, model]).status == 0)
        }
        let before = try store.number("SELECT count(*) FROM asof.model_versions")
        func refusal(_ words: String...) throws -> String {
            let output = try store.asof(["models"] + words)
            #expect(output.status != 0, "\(output)")
            return output.error
        }
        #expect(try refusal("export", "buys", "buys").contains("is there and not empty"))
        #expect(try refusal("export", "buys", "labels.csv").contains("is a file"))
        #expect(try refusal("export", "buys", "no/such/folder").contains("cannot be written"))
        #expect(try refusal("export", "buyz", "new").contains("did you mean 'buys'?"))
        #expect(try refusal("import", "buyz", "buys").contains("did you mean 'buys'?"))
        #expect(try refusal("import", "buys", "nowhere").contains("no such file or folder: nowhere"))
        #expect(try refusal("import", "buys", ".").contains("has no version.json"))
        #expect(try refusal("import", "simple", "buys").contains("is no version of 'plain'"))
        #expect(
            try refusal("import", "simple", "buys", "--service", "plain").contains(
                "it reads other columns than plain@1 has"
            )
        )
        #expect(try refusal("import", "kinds", "simple").contains("it answers a binary label"))
        #expect(try refusal("import", "buys", "buys/model.ubj").contains("'stats__city' is string"))
        #expect(
            try refusal("import", "simple", "simple/model.json", "--classes", "a,b").contains("2 classes are named")
        )
        #expect(
            try refusal("import", "simple", "simple/model.json", "--base", "1,2").contains("2 base values for 1 output")
        )
        #expect(try refusal("import", "simple", "simple/model.json", "--base", "x").contains("--base 'x'"))
        #expect(try refusal("import", "simple", "labels.csv").contains("of a kind that is not known"))
        let names = try String(contentsOfFile: store.scratch.path + "/simple/model.json", encoding: .utf8)
        _ = try store.scratch.write("renamed.json", names.replacing("stats__clicks", with: "stats__views"))
        #expect(
            try refusal("import", "simple", "renamed.json").contains(
                "'stats__views' stands where the service has 'stats__clicks'"
            )
        )
        _ = try store.scratch.write("numbers.json", names.replacing("\"binary\"", with: "\"regression\""))
        #expect(
            try refusal("import", "simple", "numbers.json").contains(
                "the model gives a number without bounds, the task is binary"
            )
        )

        let golden = try String(contentsOfFile: store.scratch.path + "/simple/golden.csv", encoding: .utf8)
        var lines = golden.split(separator: "\n").map(String.init)
        let last = try #require(lines[3].split(separator: ",").last)
        lines[3] = lines[3].dropLast(last.count) + "\(try #require(Float(String(last))).nextUp)"
        _ = try store.scratch.write("golden.csv", lines.joined(separator: "\n") + "\n")
        #expect(
            try refusal("import", "simple", "simple/model.json", "--golden", "golden.csv").contains(
                "failed 1 of 256 golden rows on this server (first: row 2, "
            )
        )
        lines[3] = lines[3].split(separator: ",").dropLast().joined(separator: ",") + ","
        _ = try store.scratch.write("golden.csv", lines.joined(separator: "\n") + "\n")
        #expect(
            try refusal("import", "simple", "simple/model.json", "--golden", "golden.csv").contains(
                "row 3 has no margin"
            )
        )
        _ = try store.scratch.write("golden.csv", lines[0] + "\n")
        #expect(try refusal("import", "simple", "simple/model.json", "--golden", "golden.csv").contains("has no rows"))
        _ = try store.scratch.write("categories.json", Self.categories)
        #expect(
            try refusal("import", "simple", "categories.json").contains(
                "the column 'b' by categories, whose codes only"
            )
        )
        // A rule of the view makes another version of the service.
        _ = try store.scratch.write(
            "features.yaml",
            Self.yaml.replacing("stats: { entities", with: "stats: { ttl: 9d, entities")
        )
        #expect(try store.asof(["apply", "--yes"]).status == 0)
        #expect(
            try refusal("import", "simple", "simple", "--service", "plain@2").contains(
                "with other rules than plain@2 has"
            )
        )
        _ = try store.scratch.write("simple/model.json", names + " ")
        #expect(try refusal("import", "simple", "simple").contains("is not what was exported"))
        let version = try String(contentsOfFile: store.scratch.path + "/simple/version.json", encoding: .utf8)
        _ = try store.scratch.write("simple/version.json", version.replacing("asof-version/1", with: "asof-version/9"))
        #expect(try refusal("import", "simple", "simple").contains("of the format 'asof-version/9'"))
        _ = try store.scratch.write(
            "simple/version.json",
            version.replacing("\"model.json\"", with: "\"../buys/model.ubj\"")
        )
        #expect(try refusal("import", "simple", "simple").contains("which lies elsewhere"))
        _ = try store.scratch.write("simple/version.json", "{")
        #expect(try refusal("import", "simple", "simple").contains("or is damaged"))
        #expect(try store.number("SELECT count(*) FROM asof.model_versions") == before)
    }

    /// As they would stop a server that reads by them.
    @Test func `a folder whose encoders or histograms do not fit is refused`() throws {
        let store = try Self.store(trains: false)
        try Self.train(store, "simple")
        #expect(try store.asof(["models", "export", "simple", "simple"]).status == 0)
        let path = store.scratch.path + "/simple/version.json"
        let original = try Data(contentsOf: URL(fileURLWithPath: path))
        func refusal(_ change: (inout [String: Any]) throws -> Void) throws -> String {
            var version = try #require(try JSONSerialization.jsonObject(with: original) as? [String: Any])
            try change(&version)
            try JSONSerialization.data(withJSONObject: version).write(to: URL(fileURLWithPath: path))
            let output = try store.asof(["models", "import", "simple", "simple"])
            #expect(output.status == 1, "\(output)")
            return output.error
        }
        func encoded(_ encoder: [String: Any]) throws -> String {
            try refusal { version in
                var signature = try #require(version["signature"] as? [String: Any])
                var inputs = try #require(signature["inputs"] as? [[String: Any]])
                inputs[0]["encoder"] = encoder
                signature["inputs"] = inputs
                version["signature"] = signature
            }
        }
        #expect(
            try encoded(["elements": ["_0": 1]]).contains(
                "simple/version.json: its signature has the input 'stats__clicks': its encoder reads a vector of 1 elements, and there is int64"
            )
        )
        #expect(try encoded(["elements": ["_0": -1]]).contains("a vector of -1 elements"))
        #expect(try encoded(["elements": ["_0": Int.max]]).contains("and there is int64"))
        #expect(try encoded(["categories": ["_0": ["a"]]]).contains("its encoder reads a text"))
        #expect(
            try refusal { version in
                var reference = try #require(version["reference"] as? [String: Any])
                reference["outputs"] = []
                version["reference"] = reference
            }.contains("the histograms have 2 inputs and 0 outputs, the signature 2 and 1")
        )
        #expect(try refusal { $0["metrics"] = "[1]" }.contains("simple/version.json: its metrics are no numbers"))
        #expect(try store.number("SELECT count(*) FROM asof.model_versions") == 1)
        try original.write(to: URL(fileURLWithPath: path))
        #expect(try store.asof(["models", "import", "simple", "simple"]).status == 0)
    }

    @Test func `two versions differ in what was set otherwise`() throws {
        let store = try Self.store()
        try Self.train(store, "buys", "--quick", "--note", "the first", "--set", "eta=0.3")
        let shown = try store.asof(["models", "diff", "buys@1", "buys@2"])
        #expect(
            shown.status == 0 && shown.out.contains("parameter eta") && shown.out.contains("metric auc"),
            "\(shown)"
        )
        #expect(!shown.out.contains("the first") && !shown.out.contains("label delay"))
        #expect(try store.asof(["models", "diff", "buys@1", "buys@2", "--all"]).out.contains("the first"))
        let same = try store.asof(["models", "diff", "buys@1", "buys@1"])
        #expect(same.out == "buys@1 and buys@1 differ in nothing\n")
        let json = try store.asof(["models", "diff", "buys@1", "buys", "--json"])
        #expect(json.out.contains("\"parameter eta\":{\"left\":null,\"right\":\"0.3\"}"), "\(json)")
        #expect(try store.asof(["models", "diff", "buys@1", "buys@9"]).error.contains("buys has versions 1-2, not 9"))
    }
}
