import Foundation
import Store
import TestSupport
import Testing

/// `asof verify MODEL@VERSION`: the same bytes, others, or why nobody can tell.
@Suite struct VerifyModelTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], ttl: 30d, features: { clicks: int64, city: string } }
        services:
          shop:
            - stats.*
            - { request: amount, type: float64 }
            - { derive: per_click, from: "amount / (stats.clicks + 1)" }
        models:
          buys: { service: shop, task: binary, label: bought, label_delay: 1h }
          spends: { service: shop, task: regression, label: spent, algorithm: ridge }
        """

    private static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        try ingest(store, user: 0..<40)
        var random = SeededRandom(seed: 3)
        var labels = "user_id;when;amount;bought;spent\n"
        for _ in 0..<900 {
            let (user, amount) = (random.int(0...39), random.int(0...100))
            let time = 1_767_312_000 + random.int(0...400_000)
            labels += "\(user);\(time);\(amount);\(random.int(0...99) < amount ? 1 : 0);\(amount * 2 + user)\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        return store
    }

    private static func ingest(_ store: ServedStore, user users: Range<Int>) throws {
        var random = SeededRandom(seed: UInt64(users.lowerBound + 1))
        var rows = "user_id,event_time,clicks,city\n"
        for user in users {
            for day in 1...6 {
                rows += "\(user),2026-01-0\(day)T00:00:00Z,\(random.int(0...50)),\(random.pick(["NY", "LA", "SF"]))\n"
            }
        }
        let output = try store.asof(["ingest", "stats", "-", "--format", "csv"], input: rows)
        try #require(output.status == 0, "\(output.error)")
    }

    private static func train(_ store: ServedStore, _ model: String, _ more: String...) throws {
        let words = ["--spine", "labels.csv", "--label-time", "when", "--time-unit", "s", "--delimiter", ";"]
        let output = try store.asof(["train", model] + words + ["--promote", "always"] + more)
        try #require(output.status == 0, "\(output)")
    }

    @Test func `a version is fitted again to the same bytes, in another folder and by other threads`() throws {
        let store = try Self.store()
        try Self.train(store, "buys", "--quick", "--set", "subsample=0.7", "--threads", "2")
        try Self.train(store, "buys", "--algo", "logistic", "--split-random", "--seed", "9")
        try Self.train(store, "spends", "--split", "60,20,20")
        // What comes later is not in the set, and other definitions are not the version's.
        try Self.ingest(store, user: 0..<40)
        let changed = Self.yaml.replacing("ttl: 30d", with: "ttl: 1h")
            .replacing("label_delay: 1h", with: "label_delay: 9h, encode: { stats__city: onehot(1) }")
        _ = try store.scratch.write("features.yaml", changed)
        let applied = try store.asof(["apply", "--yes"])
        try #require(applied.status == 0, "\(applied)")
        let away = try Scratch()
        func verify(_ name: String, _ more: String...) throws -> AsofBinary.Output {
            let data = ["--data", store.scratch.path + "/labels.csv"]
            return try AsofBinary.run(["verify", name, "-d", store.conninfo] + data + more, in: away.path)
        }
        let trees = try verify("buys@1", "--threads", "1")
        #expect(trees.status == 0 && trees.out.contains("buys@1 is what xgboost 3."), "\(trees)")
        #expect(trees.out.contains("fits to 900 rows of sha256:") && trees.out.contains("to the byte"), "\(trees)")
        for name in ["buys@2", "spends@1"] {
            let output = try verify(name, "--quiet")
            #expect(output.status == 0 && output.out.isEmpty, "\(name): \(output)")
        }
        #expect(try store.number("SELECT count(*) FROM asof.training_sets") == 3, "a set was recorded by verify")
    }

    @Test func `another file is different, with what differs`() throws {
        let store = try Self.store()
        try Self.train(store, "buys", "--quick", "--set", "subsample=0.7")
        let session = try store.session()
        try session.execute(
            "UPDATE asof.model_versions SET manifest = jsonb_set(manifest, '{seed}', '2') WHERE model = 'buys'"
        )
        let output = try store.asof(["verify", "buys@1"])
        #expect(output.status == 1, "\(output)")
        #expect(
            output.error.contains("buys@1 is different: its file has ") && output.error.contains("golden rows"),
            "\(output)"
        )
    }

    @Test func `a base and golden rows that are not the model's are differences, too`() throws {
        let store = try Self.store()
        try Self.train(store, "buys", "--algo", "logistic")
        let session = try store.session()
        try session.execute("UPDATE asof.model_versions SET base = '{0.125}'")
        let base = try store.asof(["verify", "buys@1"])
        #expect(base.status == 1 && base.error.contains("its base is [0.125], fitting again gives [0."), "\(base)")
        try session.execute("UPDATE asof.model_golden SET margins = set_byte(margins, 0, get_byte(margins, 0) # 1)")
        let golden = try store.asof(["verify", "buys@1"])
        #expect(golden.status == 1 && golden.error.contains("its golden rows are others"), "\(golden)")
    }

    @Test func `what cannot be checked says why`() throws {
        let store = try Self.store()
        try Self.train(store, "buys", "--quick")
        func refusal(_ more: String...) throws -> String {
            let output = try store.asof(["verify", "buys@1"] + more)
            #expect(output.status == 2, "\(output)")
            return output.error
        }
        #expect(try refusal("--data", "nowhere.csv").contains("nowhere.csv"))
        let labels = try String(contentsOfFile: store.scratch.path + "/labels.csv", encoding: .utf8)
        _ = try store.scratch.write("more.csv", labels + "7;1767312000;50;1;9\n")
        #expect(try refusal("--data", "more.csv").contains("gives another training set by now"))
        let missing = try store.asof(["verify", "buys@2"])
        #expect(missing.status == 2 && missing.error.contains("buys has versions 1-1, not 2"), "\(missing)")

        let session = try store.session()
        func told(_ change: String, _ expected: String) throws {
            try session.execute("BEGIN; UPDATE asof.model_versions SET manifest = \(change); COMMIT")
            #expect(try refusal().contains(expected))
            try session.execute("UPDATE asof.model_versions SET manifest = (SELECT before FROM kept)")
        }
        try session.execute("CREATE TABLE kept AS SELECT manifest AS before FROM asof.model_versions")
        // Whether the other library would fit the same file is not asked where it does.
        try session.execute(
            "UPDATE asof.model_versions SET artifact = decode(repeat('00', 32), 'hex'), artifact_bytes = 1"
        )
        try session.execute("INSERT INTO asof.model_artifacts VALUES (decode(repeat('00', 32), 'hex'), 0, '\\x00')")
        try told(
            "jsonb_set(manifest, '{recipe,set,store,uid}', '\"\(UUID().uuidString.lowercased())\"')",
            "another timeline"
        )
        try told("manifest - 'recipe'", "does not tell how it was fitted")
        try told(
            "jsonb_set(manifest, '{valid}', '{\"rows\": 1}')",
            "the manifest contradicts itself: the cuts of buys@1"
        )
    }

    @Test func `another release of the library, or another build, cannot check`() throws {
        let store = try Self.store()
        try Self.train(store, "buys", "--quick", "--set", "subsample=0.7")
        let session = try store.session()
        // As if another one had fitted other trees.
        try session.execute(
            """
            UPDATE asof.model_versions SET manifest =
                jsonb_set(jsonb_set(manifest, '{seed}', '2'), '{library}', '"xgboost 3.2.0"')
            """
        )
        let release = try store.asof(["verify", "buys@1"])
        #expect(
            release.status == 2 && release.error.contains("xgboost 3.2.0 fitted it; here is xgboost 3."),
            "\(release)"
        )
        try session.execute(
            """
            UPDATE asof.model_versions SET manifest = jsonb_set(
                jsonb_set(manifest, '{library}', to_jsonb('\(try #require(release.error.firstMatch(of: /here is (xgboost [0-9.]+)/)?.1))'::text)),
                '{recipe,librarySHA256}', '"00"')
            """
        )
        let build = try store.asof(["verify", "buys@1"])
        #expect(build.status == 2 && build.error.contains("another build of xgboost 3."), "\(build)")
    }
}
