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
                  encode: { stats__city: onehot(20) }, owner: ann }
            """
        let definitions = try Definitions.parse(yaml: Self.yaml(model), file: "features.yaml")
        let read = try #require(definitions.model(named: "buys"))
        #expect(read.labelDelay == Interval(text: "7d"))
        #expect(read.fallback == .value(0.5) && read.algorithm == .ridge && read.owner == "ann")
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
        ("{ service: ranking, task: binary, label: b, encode: { stats__clicks: onehot } }", "is int64; only texts"),
        (
            "{ service: ranking, task: binary, label: b, encode: { stats__town: onehot } }",
            "no column of the service 'ranking'"
        ),
        ("{ service: ranking, task: binary, label: b, encode: { stats__city: hash } }", "expected categories, onehot"),
        ("{ service: ranking, task: binary, label: b, guard: {} }", "unknown key 'guard'"),
    ])
    func `what is wrong is said with its place`(model: String, expected: String) {
        let errors = Self.errors(model)
        #expect(errors.count == 1)
        #expect(errors.first?.contains(expected) == true, "\(errors)")
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
        let other = try definitions("{ service: ranking, task: multiclass, label: bought }")
        #expect(other.changes(from: old).map(\.severity) == [.refused])
    }
}
