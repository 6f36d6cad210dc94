import Foundation
import Glibc
import Store
import TestSupport
import Testing

/// A model that learns from labels as they are committed, as a user has it learn.
@Suite struct LearnTests {
    private static let yaml = """
        entities:
          flight: { key: flight_id, type: int64 }
          airport: { key: airport_id, type: string }
        views:
          weather: { entities: [airport], backfilled: true, ttl: 60d, features: { temp: float64, wind: float64 } }
          arrivals:
            entities: [flight]
            missing: 'null'
            features: { late: bool, prediction_time: timestamp, airport_id: string, carrier: string }
        services:
          delay_model:
            - weather.*
            - { request: carrier, type: string }
            - { request: airport_id, type: string }
        models:
          delay:
            service: delay_model
            algorithm: { ftrl: { alpha: 0.2, l2: 1 } }
            objective: logistic
            encode:
              request__carrier: { onehot: { min_count: 5 } }
              request__airport_id: hash(4096)
              request__carrier*request__airport_id: hash(4096)
            collisions: 40%
            labels: { view: arrivals, value: late, at: prediction_time }
            publish: { every: 1us }
        """

    /// Weather, and a labelled spine to fit the encoders on.
    private static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        var random = SeededRandom(seed: 21)
        var weather = "airport_id,event_time,temp,wind\n"
        for airport in 0..<12 {
            for day in 1...28 {
                weather +=
                    "A\(airport),2026-01-\(day < 10 ? "0" : "")\(day)T00:00:00Z,\(random.int(-20...35)),\(random.int(0...40))\n"
            }
        }
        let output = try store.asof(["ingest", "weather", "-", "--format", "csv"], input: weather)
        try #require(output.status == 0, "\(output.error)")
        let spine = labels(&random, 1..<1_201, days: 2...20).replacing("event_time,", with: "at,")
        _ = try store.scratch.write("spine.csv", spine)
        let trained = try store.asof([
            "train", "delay", "--spine", "spine.csv", "--label-time", "prediction_time", "--promote", "always",
        ])
        try #require(trained.status == 0, "\(trained.error)\(trained.out)")
        return store
    }

    private static func labels(_ random: inout SeededRandom, _ flights: Range<Int>, days: ClosedRange<Int>) -> String {
        var rows = "flight_id,event_time,late,prediction_time,airport_id,carrier\n"
        for flight in flights {
            let day = random.int(days)
            let text = "2026-01-\(day < 10 ? "0" : "")\(day)T\(random.int(10...19)):00:00Z"
            let (carrier, airport) = (random.int(0...5), random.int(0...11))
            let isLate = random.int(0...99) < 10 + carrier * 8 + airport * 3
            rows +=
                "\(flight),\(text.replacing(":00:00Z", with: ":30:00Z")),\(isLate),\(text),A\(airport),C\(carrier)\n"
        }
        return rows
    }

    private static func ingest(_ store: ServedStore, _ rows: String) throws {
        let output = try store.asof(
            ["ingest", "arrivals", "-", "--format", "csv", "--source", UUID().uuidString],
            input: rows
        )
        try #require(output.status == 0, "\(output.error)")
    }

    private static func start(_ store: ServedStore, _ arguments: [String]) throws -> AsofBinary.Running {
        try AsofBinary.start(arguments + ["-d", store.conninfo], in: store.scratch.path)
    }

    /// Digest by learned position, of what was published.
    private static func digests(_ store: ServedStore) throws -> [Int64: String] {
        let output = try store.asof(["models", "publishes", "delay", "--json", "--limit", "1000"])
        try #require(output.status == 0, "\(output.error)")
        var found: [Int64: String] = [:]
        for line in output.out.split(separator: "\n") {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let position = object?["learned_position"] as? Int64, let digest = object?["digest"] as? String else {
                continue
            }
            #expect(found[position] == nil || found[position] == digest, "two states of position \(position)")
            found[position] = digest
        }
        return found
    }

    @Test func `labels are learned, published, served, rolled back and verified`() throws {
        let store = try Self.store()
        var random = SeededRandom(seed: 5)
        for batch in 0..<6 { try Self.ingest(store, Self.labels(&random, batch * 50..<batch * 50 + 50, days: 21...27)) }
        let served = try store.serve(["--allow-flips"])
        defer { served.stop() }
        let client = try served.client()
        _ = try client.run("HELLO", "3")
        func predict(_ model: String) throws -> String {
            let request = [
                "ML.PREDICT", model, "KEYS", "2", "airport_id", "carrier", "ROWS", "1", "A3", "C4", "AT",
                "1769600000000000",
            ]
            #expect(client.send(RespClient.request(request)))
            return try client.reply()["rows"]?.items?.first?.items?.first?.text ?? ""
        }
        let before = try predict("delay")
        let learned = try store.asof(["learn", "delay", "--json"])
        #expect(learned.status == 0 && learned.out.contains("\"learned\":300"), "\(learned)")
        #expect(learned.out.contains("\"publishes\":[1,2,3,4,5,6]"), "\(learned.out)")
        // Nothing new: nothing is learned or published.
        let again = try store.asof(["learn", "delay", "--json"])
        #expect(again.out.contains("\"learned\":0") && again.out.contains("\"publishes\":[]"), "\(again.out)")
        // The server follows, and answers by the code and the weights of the command line.
        func shown(_ model: String) throws -> String {
            let output = try store.asof([
                "predict", model, "airport_id=A3", "carrier=C4", "--at", "2026-01-28T11:33:20Z", "--json",
            ])
            #expect(output.status == 0, "\(output.error)")
            let rest = output.out.split(separator: "\"score\":").last ?? ""
            return String(rest.prefix { $0 != "," && $0 != "}" })
        }
        try #require(try Patience.wait { try predict("delay@1") != before })
        let after = try shown("delay")
        try #require(try Patience.wait { try predict("delay") == after })
        #expect(try client.run("ML.MODEL", "delay")["publish"] == .integer(6))
        // Back to a publish, by the ledger; then the newest again.
        let back = try store.asof(["models", "rollback", "delay", "--to", "1.2", "--reason", "poisoned"])
        #expect(back.status == 0 && back.out.contains("version 1.2"), "\(back)")
        let pinned = try shown("delay@1.2")
        #expect(pinned != after)
        try #require(try Patience.wait { try predict("delay") == pinned })
        #expect(try shown("delay") == pinned)
        let log = try store.asof(["models", "log", "delay"])
        #expect(log.out.contains("poisoned") && log.out.contains("publish") && log.out.contains("1.2"), "\(log.out)")
        #expect(try store.asof(["models", "alias", "delay", "champion", "1"]).status == 0)
        try #require(try Patience.wait { try predict("delay") == after })
        // What is published can be learned again.
        for number in [1, 4, 6] {
            let verified = try store.asof(["verify", "delay@1.\(number)"])
            #expect(verified.status == 0 && verified.out.contains("to the bit"), "\(verified)")
        }
        let unknown = try store.asof(["verify", "delay@1.99"])
        #expect(unknown.status == 2 && unknown.error.contains("has no publish 99"), "\(unknown.error)")
        // Weights that somebody changed are found out.
        try store.session().execute("UPDATE asof.model_publishes SET digest = sha256('x') WHERE publish = 4")
        #expect(try store.asof(["verify", "delay@1.4"]).status == 1)
    }

    @Test func `a learner that is killed again and again ends in the bits of an unbroken one`() throws {
        let store = try Self.store()
        var random = SeededRandom(seed: 7)
        for batch in 0..<40 {
            try Self.ingest(store, Self.labels(&random, batch * 30..<batch * 30 + 30, days: 21...27))
        }
        // Corrections, labels that are none, values that are null.
        try Self.ingest(
            store,
            "flight_id,event_time,late,prediction_time,airport_id,carrier\n1,2026-01-28T00:00:00Z,,2026-01-27T00:00:00Z,A1,\n"
        )
        var kills = 0
        let seed = UInt64.random(in: 0...1_000_000)
        var chance = SeededRandom(seed: seed)
        while kills < 12 {
            let running = try Self.start(store, ["learn", "delay"])
            Patience.pass(microseconds: 20_000 + chance.int(0...600_000), "a run is killed wherever it is")
            guard running.process.isRunning else { break }
            kill(running.process.processIdentifier, SIGKILL)
            running.waitUntilExit()
            _ = running.output()
            kills += 1
        }
        let last = try store.asof(["learn", "delay", "--json"])
        #expect(last.status == 0, "seed \(seed): \(last.error)")
        #expect(
            last.out.contains("\"examples\":1200") && last.out.contains("\"without_label\":1"),
            "seed \(seed): \(last.out)"
        )
        let broken = try Self.digests(store)
        // Without a break, from the beginning.
        let session = try store.session()
        for table in ["learners", "learner_states", "model_publishes"] {
            try session.execute("DELETE FROM asof.\(table)")
        }
        #expect(try store.asof(["learn", "delay"]).status == 0)
        let whole = try Self.digests(store)
        #expect(whole.count >= 40)
        for (position, digest) in whole {
            #expect(broken[position] == digest, "seed \(seed), position \(position), \(kills) kills")
        }
    }

    @Test func `a learner that follows learns what others commit, and of two one gives up`() throws {
        let store = try Self.store()
        var random = SeededRandom(seed: 8)
        let running = try Self.start(store, ["learn", "delay", "--follow"])
        let following = running.process
        defer { if following.isRunning { kill(following.processIdentifier, SIGKILL) } }
        for batch in 0..<5 { try Self.ingest(store, Self.labels(&random, batch * 20..<batch * 20 + 20, days: 21...27)) }
        func examples() throws -> String { try store.asof(["models", "publishes", "delay"]).out }
        try #require(try Patience.wait { try examples().contains("has learned 100 labels") })
        // Another learner takes a step; the one that follows finds out with its next.
        kill(following.processIdentifier, SIGSTOP)
        try Self.ingest(store, Self.labels(&random, 500..<510, days: 21...27))
        #expect(try store.asof(["learn", "delay"]).status == 0)
        kill(following.processIdentifier, SIGCONT)
        try Self.ingest(store, Self.labels(&random, 600..<610, days: 21...27))
        try #require(Patience.wait { !following.isRunning })
        let output = running.output()
        #expect(output.status == 1 && output.error.contains("another learner of delay@1 has gone on"), "\(output)")
        // One that is asked to end does so between two commits.
        let last = try Self.start(store, ["learn", "delay", "--follow"])
        try #require(try Patience.wait { try examples().contains("has learned 120 labels") })
        kill(last.process.processIdentifier, SIGTERM)
        last.waitUntilExit()
        #expect(last.output().status == 128 + SIGTERM)
    }

    @Test func `what a learner cannot do is said`() throws {
        let store = try Self.store()
        func error(_ words: String...) throws -> String {
            let output = try store.asof(words)
            #expect(output.status != 0)
            return output.error
        }
        #expect(try error("learn", "dela").contains("did you mean 'delay'?"))
        #expect(try error("learn", "delay", "--until", "99999").contains("no position 99999 in this store"))
        #expect(try error("learn", "delay", "--until", "3", "--follow").contains("two ends"))
        #expect(try error("models", "alias", "delay", "champion", "1.3").contains("has published nothing"))
        let trained = try store.asof([
            "train", "delay", "--spine", "spine.csv", "--label-time", "prediction_time", "--algo", "logistic",
            "--promote", "never",
        ])
        #expect(trained.error.contains("takes more"), "\(trained.error)")
        // Labels whose features were all stored too late.
        let plain = Self.yaml.replacing("backfilled: true, ", with: "")
        _ = try store.scratch.write("features.yaml", plain)
        #expect(try store.asof(["apply", "--yes"]).status == 0)
        var random = SeededRandom(seed: 1)
        try Self.ingest(store, Self.labels(&random, 0..<50, days: 21...27))
        let late = try error("learn", "delay")
        #expect(
            late.contains("what was known when a label's prediction was made") && late.contains("backfilled: true"),
            "\(late)"
        )
    }
}
