import Foundation
import Testing

@testable import Features

@Suite struct ModelDefinitionTests {
    private static func yaml(_ model: String) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64, city: string } }
        services:
          ranking: [stats.*]
        models:
          buys: \(model)
        """
    }

    private static func errors(_ model: String) -> [String] {
        do {
            _ = try Definitions.parse(yaml: yaml(model), file: "features.yaml")
            return []
        } catch {
            return error.issues.map { "\($0.line):\($0.column) \($0.message)" }
        }
    }

    @Test func `a model is read with what it leaves out`() throws {
        let definitions = try Definitions.parse(
            yaml: Self.yaml("{ service: ranking, task: binary, label: bought }"),
            file: "features.yaml"
        )
        #expect(
            definitions.models == [ModelDefinition(name: "buys", service: "ranking", task: .binary, label: "bought")]
        )
        let data = try JSONEncoder().encode(definitions)
        #expect(try JSONDecoder().decode(Definitions.self, from: data) == definitions)
    }

    @Test func `a model is read whole`() throws {
        let model = """
            { service: ranking, task: regression, label: spent, label_delay: 7d, fallback: 0.5, algorithm: ridge,
                  encode: { stats__city: onehot(20) }, log: 12.5%, owner: ann }
            """
        let definitions = try Definitions.parse(yaml: Self.yaml(model), file: "features.yaml")
        let read = try #require(definitions.model(named: "buys"))
        #expect(read.labelDelay == Interval(text: "7d"))
        #expect(read.fallback == .value(0.5) && read.algorithm == .ridge && read.owner == "ann")
        #expect(read.log == 0.125 && read.logText == "12.5%")
        #expect(read.encode == ["stats__city": .onehot(minCount: 20)])
        #expect(try JSONDecoder().decode(ModelDefinition.self, from: JSONEncoder().encode(read)) == read)
    }

    @Test(arguments: [
        ("{ service: ranking, task: binary }", "8:3 model 'buys' has no label, as in label: late"),
        (
            "{ service: rankin, task: binary, label: b }",
            "reads the service 'rankin', which there is not; did you mean 'ranking'?"
        ),
        ("{ service: ranking, task: rank, label: b }", "expected one of binary, multiclass, regression"),
        (
            "{ service: ranking, task: binary, label: b, algorithm: ridge }",
            "ridge is for numbers, logistic for classes"
        ),
        ("{ service: ranking, task: regression, label: b, algorithm: logistic }", "ridge for numbers"),
        ("{ service: ranking, task: binary, label: b, fallback: zero }", "expected base, model, null or a number"),
        (
            "{ service: ranking, task: binary, label: b, encode: { stats__clicks: onehot } }",
            "is int64, and only texts have levels"
        ),
        (
            "{ service: ranking, task: binary, label: b, encode: { stats__town: onehot } }",
            "no column of the service 'ranking'"
        ),
        ("{ service: ranking, task: binary, label: b, encode: { stats__city: hash } }", "expected categories, onehot"),
        ("{ service: ranking, task: binary, label: b, log: 120% }", "expected a share of its predictions, as in 100%"),
        ("{ service: ranking, task: binary, label: b, log: 0.5 }", "expected a share of its predictions, as in 100%"),
        ("{ service: ranking, task: binary, label: b, guard: {} }", "unknown key 'guard'"),
    ])
    func `what is wrong is said with its place`(model: String, expected: String) {
        let errors = Self.errors(model)
        #expect(errors.count == 1)
        #expect(errors.first?.contains(expected) == true, "\(errors)")
    }

    /// A service of texts, numbers and flags, with attributes of a view.
    private static func encoded(_ encode: String, _ more: String = "") -> String {
        """
        entities:
          flight: { key: flight_id, type: int64 }
          airport: { key: dest, type: string }
        views:
          airports: { entities: [airport], backfilled: true, features: { lat: float64, lon: float64, name: string } }
          arrivals: { entities: [flight], features: { late: bool, at: timestamp, dest: string, note: string } }
        services:
          delays:
            - airports.*
            - { request: dest, type: string }
            - { request: seats, type: int32 }
            - { request: fare, type: float64 }
        models:
          delay:
            service: delays
            algorithm: { ftrl: { alpha: 0.5 } }
            objective: logistic
            label: late
            encode: \(encode)
            \(more)
        """
    }

    @Test func `encoders are read, and come back from JSON`() throws {
        let encode = """
            { request__dest: { map: "airports.[lat, lon]", nearest: 3, else: hash(64) }, request__seats: quantiles(16),
                          request__fare: "clip(-10, 10)", airports__name: { hash: 1024, with: [request__seats, airports.name], signed: true },
                          request__dest*request__seats: hash(65536), airports__lat: standard, airports__lon: log1p }
            """
        let definitions = try Definitions.parse(yaml: Self.encoded(encode), file: "features.yaml")
        let model = try #require(definitions.model(named: "delay"))
        #expect(model.algorithm == .ftrl && model.parameters == ["alpha": "0.5"] && model.task == .binary)
        #expect(
            model.encode.mapValues(\.text) == [
                "request__dest": "map(airports__lat, airports__lon) nearest 3 else hash(64)",
                "request__seats": "quantiles(16)", "request__fare": "clip(-10.0, 10.0)",
                "airports__name": "hash(1024, signed) with request__seats, airports__name",
                "request__dest*request__seats": "hash(65536)", "airports__lat": "standard", "airports__lon": "log1p",
            ]
        )
        #expect(definitions.views[0].isBackfilled == true && definitions.views[1].isBackfilled == nil)
        let data = try JSONEncoder().encode(definitions)
        #expect(try JSONDecoder().decode(Definitions.self, from: data) == definitions)
        for encoding in model.encode.values { #expect(ModelDefinition.Encoding(text: encoding.text) == encoding) }
    }

    @Test func `labels, publishing and collisions are read whole`() throws {
        let more = """
            collisions: 20%
                labels: { view: arrivals, value: late, at: at }
                publish: { every: 1m, keep: 7d }
            """
        let definitions = try Definitions.parse(yaml: Self.encoded("{}", more), file: "features.yaml")
        let model = try #require(definitions.model(named: "delay"))
        #expect(model.labels == .init(view: "arrivals", value: "late", at: "at") && model.collisions == 20)
        #expect(model.publish.every.text == "1m" && model.publish.keep.text == "7d")
        let data = try JSONEncoder().encode(model)
        #expect(try JSONDecoder().decode(ModelDefinition.self, from: data) == model)
        var plain = definitions
        plain.models[0].labels = nil
        #expect(
            definitions.changes(from: plain).map(\.line) == [
                "~ model    delay  labels none -> arrivals.late at at"
            ]
        )
    }

    @Test(arguments: [
        ("{ request__dest: hash(1000) }", "", "N of a hash is a power of two"),
        ("{ request__fare: hash(64) }", "", "is float64, and texts, whole numbers and flags are hashed"),
        ("{ request__dest: standard }", "", "is string, and only numbers are scaled"),
        ("{ request__dest*request__town: hash(64) }", "", "names 'request__town', which is no column"),
        ("{ request__dest*airports__name: onehot }", "", "is hashed, as in hash(65536)"),
        ("{ request__dest*request__dest: hash(64) }", "", "2 to 4 different columns"),
        ("{ request__dest: { map: \"airports.[name]\" } }", "", "is string; values are near each other by numbers"),
        ("{ request__dest: { map: \"airports\" } }", "", "expected a view and its features"),
        ("{ request__dest: { nearest: 3 } }", "", "without onehot, hash or map"),
        ("{ request__dest: { hash: 64, with: [airports.lat] } }", "", "the column 'airports__lat' is float64"),
        ("{ request__seats: \"clip(3, 1)\" }", "", "expected categories"),
        ("{}", "labels: { view: arrival, value: late }", "'arrival', which there is not; did you mean 'arrivals'?"),
        ("{}", "labels: { view: arrivals, value: lat }", "no feature of the view 'arrivals'"),
        ("{}", "labels: { view: arrivals, value: note }", "it must be a bool or a number"),
        ("{}", "labels: { view: arrivals, value: late, at: dest }", "it must be a timestamp"),
        ("{}", "publish: { every: 1m }", "has 'publish' and no 'labels'"),
        ("{}", "collisions: lots", "expected a share, as in 20%"),
        ("{}", "task: regression", "the objective logistic goes with the task binary"),
    ])
    func `what is wrong with encoders and labels is said`(encode: String, more: String, expected: String) {
        #expect {
            _ = try Definitions.parse(yaml: Self.encoded(encode, more), file: "features.yaml")
        } throws: { error in
            let issues = (error as? DefinitionsError)?.issues.map(\.message) ?? []
            return issues.count == 1 && issues[0].contains(expected)
        }
    }

    @Test func `plan says what is new, what changes, and refuses another task`() throws {
        func definitions(_ model: String) throws -> Definitions {
            try Definitions.parse(yaml: Self.yaml(model), file: "features.yaml")
        }
        let old = try definitions("{ service: ranking, task: binary, label: bought }")
        var without = old
        without.models = []
        #expect(old.changes(from: without).map(\.line) == ["+ model    buys  binary bought from ranking, xgboost"])
        #expect(without.changes(from: old).map(\.line) == ["- model    buys  retired; its versions are kept"])
        let slower = try definitions("{ service: ranking, task: binary, label: bought, label_delay: 1d }")
        #expect(slower.changes(from: old).map(\.line) == ["~ model    buys  label_delay 0s -> 1d"])
        let logged = try definitions("{ service: ranking, task: binary, label: bought, log: 100% }")
        #expect(logged.changes(from: old).map(\.line) == ["~ model    buys  log off -> 100%"])
        let off = try definitions("{ service: ranking, task: binary, label: bought, log: off }")
        #expect(off.changes(from: old).isEmpty)
        let other = try definitions("{ service: ranking, task: multiclass, label: bought }")
        #expect(other.changes(from: old).map(\.severity) == [.refused])
    }
}
