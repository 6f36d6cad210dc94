import Features
import Foundation
import TestSupport
import Testing

/// `min`, `max`, `in`, `max_null`, `action` and `pii` of features.yaml.
@Suite struct ExpectationDefinitionTests {
    /// A feature `x` of view `v`, whose mapping starts on line 3, column 7.
    private static func yaml(_ feature: String) -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views: { v: { entities: [user], features: {
           x: \(feature),
           y: int64 } } }
        """
    }

    private static func feature(_ text: String) throws -> FeatureDefinition? {
        try Definitions.parse(yaml: yaml(text), file: "f.yaml").views[0].feature(named: "x")
    }

    @Test(arguments: [
        (
            "{ type: float64, min: 0, max: 1 }",
            Expectations(min: .float64(0), max: .float64(1))
        ),
        ("{ type: float32, max: 0.1, action: warn }", Expectations(max: .float32(0.1), action: .warn)),
        ("{ type: int32, min: -5 }", Expectations(min: .int32(-5))),
        ("{ type: int64, max: 9223372036854775807 }", Expectations(max: .int64(.max))),
        (
            "{ type: timestamp, min: 2020-01-01T00:00:00Z }",
            Expectations(min: .timestamp(Timestamp(microseconds: 1_577_836_800_000_000)))
        ),
        (
            "{ type: string, in: [yes, no, '', \"null\"], action: stop }",
            Expectations(allowed: [.string("yes"), .string("no"), .string(""), .string("null")], action: .stop)
        ),
        ("{ type: bool, in: [true] }", Expectations(allowed: [.bool(true)])),
        ("{ type: int64, in: [3, -1], min: 0 }", Expectations(min: .int64(0), allowed: [.int64(3), .int64(-1)])),
        ("{ type: vector(3), max_null: 0.25% }", Expectations(nullsMax: Share(millionths: 2_500))),
        ("{ type: float64, min: -inf, max: inf }", Expectations(min: .float64(-.infinity), max: .float64(.infinity))),
    ])
    func `a feature's expectations are read in its type, and reject unless they say otherwise`(
        _ text: String,
        _ expected: Expectations
    ) throws {
        let feature = try #require(try Self.feature(text))
        #expect(feature.expectations == expected)
        #expect(!feature.isPII)
    }

    @Test func `a feature without them expects nothing, and pii is by itself`() throws {
        #expect(try Self.feature("float64")?.expectations == nil)
        #expect(try Self.feature("{ type: float64, min: }")?.expectations == nil)
        let feature = try #require(try Self.feature("{ type: string, pii: true }"))
        #expect(feature.isPII && feature.expectations == nil)
    }

    static let faults: [Fault] = [
        Fault(
            "min above max",
            yaml("{ type: float64, min: 1, max: 0.5 }"),
            "3:37: the max of the feature 'x' of view 'v', 0.5, is less than its min, 1.0"
        ),
        Fault("unknown action", yaml("{ type: int64, min: 1, action: drop }"), "3:38: the action of the feature 'x'"),
        Fault(
            "action of nothing",
            yaml("{ type: int64, action: warn }"),
            "3:22: the feature 'x' of view 'v' has an action and nothing that could fail"
        ),
        Fault(
            "bound of another type",
            yaml("{ type: int64, min: 0.5 }"),
            "3:27: the min of the feature 'x' of view 'v' is '0.5'; expected int64"
        ),
        Fault("bound out of range", yaml("{ type: int32, max: 3000000000 }"), "3:27: the max of the feature 'x'"),
        Fault(
            "bound of a string",
            yaml("{ type: string, min: a }"),
            "3:23: the feature 'x' of view 'v' is of type string"
        ),
        Fault("bound of a vector", yaml("{ type: vector(2), max: 1 }"), "3:26: the feature 'x' of view 'v' is of type"),
        Fault("bound of a bool", yaml("{ type: bool, max: 1 }"), "3:21: the feature 'x' of view 'v' is of type bool"),
        Fault(
            "NaN as a bound",
            yaml("{ type: float64, min: NaN }"),
            "3:29: the min of the feature 'x' of view 'v' is NaN"
        ),
        Fault(
            "a time in an integer",
            yaml("{ type: timestamp, min: 1577836800 }"),
            "3:31: the min of the feature 'x' of view 'v' is '1577836800'; expected timestamp"
        ),
        Fault("share without a sign", yaml("{ type: int64, max_null: 5 }"), "3:32: the max_null of the feature 'x'"),
        Fault("share above all", yaml("{ type: int64, max_null: 101% }"), "3:32: the max_null of the feature 'x'"),
        Fault("negative share", yaml("{ type: int64, max_null: -1% }"), "3:32: the max_null of the feature 'x'"),
        Fault("share too fine", yaml("{ type: int64, max_null: 0.00001% }"), "3:32: the max_null of the feature 'x'"),
        Fault("empty list", yaml("{ type: string, in: [] }"), "3:27: 'in' of the feature 'x' of view 'v' is empty"),
        Fault(
            "a word as a list",
            yaml("{ type: string, in: a }"),
            "3:27: 'in' of the feature 'x' of view 'v' is a single"
        ),
        Fault(
            "a list of another type",
            yaml("{ type: int32, in: [1, two] }"),
            "3:30: a value of 'in' of the feature 'x' of view 'v' is 'two'; expected int32"
        ),
        Fault("a null in the list", yaml("{ type: int32, in: [1, null] }"), "3:30: 'in' of the feature 'x'"),
        Fault(
            "twice in the list",
            yaml("{ type: int32, in: [1, +1] }"),
            "3:30: 'in' of the feature 'x' of view 'v' has '1' twice"
        ),
        Fault(
            "a list of floats",
            yaml("{ type: float64, in: [0.1] }"),
            "3:24: the feature 'x' of view 'v' is of type float64"
        ),
        Fault(
            "pii as a word",
            yaml("{ type: string, pii: maybe }"),
            "3:28: 'pii' of the feature 'x' of view 'v' is 'maybe'"
        ),
        Fault("unknown key", yaml("{ type: int64, minimum: 1 }"), "3:22: unknown key 'minimum' in the feature 'x'"),
    ]

    @Test(arguments: faults)
    func `what is wrong with them is named with its place`(_ fault: Fault) {
        let error = #expect(throws: DefinitionsError.self) { try Definitions.parse(yaml: fault.yaml, file: "f.yaml") }
        let issues = error?.issues.map { "\($0.line):\($0.column): \($0.message)" } ?? []
        #expect(issues.count == fault.expected.count, "\(issues)")
        for (issue, part) in zip(issues, fault.expected) { #expect(issue.hasPrefix(part), "\(issue)") }
    }

    @Test func `they come back from the stored form, and a form from before has none`() throws {
        let text = """
            { type: float32, min: 0.1, max: inf, max_null: 12.5%, action: stop, pii: true, description: d }
            """
        let feature = try #require(try Self.feature(text))
        let stored = try JSONEncoder().encode(feature)
        #expect(try JSONDecoder().decode(FeatureDefinition.self, from: stored) == feature)
        let list = try #require(try Self.feature("{ type: string, in: [a, 'b,c'] }"))
        #expect(try JSONDecoder().decode(FeatureDefinition.self, from: JSONEncoder().encode(list)) == list)
        let before = Data(#"{"name":"x","type":"int64"}"#.utf8)
        let plain = try JSONDecoder().decode(FeatureDefinition.self, from: before)
        #expect(plain == FeatureDefinition(name: "x", type: .int64))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(try encoder.encode(plain) == before)
    }

    @Test func `a plan shows their changes, which are safe and no new version of a service`() throws {
        func definitions(_ feature: String) throws -> Definitions {
            try Definitions.parse(yaml: Self.yaml(feature) + "\nservices: { s: [v.x] }", file: "f.yaml")
        }
        let plain = try definitions("float64")
        let checked = try definitions("{ type: float64, min: 0, max: 1, max_null: 5%, pii: true }")
        let changes = checked.changes(from: plain)
        #expect(
            changes.map(\.line) == [
                "~ feature  v.x  expectations none -> 0.0 to 1.0, max_null 5%, action reject",
                "~ feature  v.x  pii false -> true",
            ]
        )
        #expect(changes.allSatisfy { $0.severity == .safe })
        #expect(
            plain.changes(from: checked).map(\.detail) == [
                "expectations 0.0 to 1.0, max_null 5%, action reject -> none", "pii true -> false",
            ]
        )
        #expect(checked.services[0].fingerprint == plain.services[0].fingerprint)
    }

    @Test(arguments: [
        ("0%", 0), ("5%", 50_000), ("100%", 1_000_000), ("0.0001%", 1), ("12.5%", 125_000), ("100.0%", 1_000_000),
    ])
    func `a share is a number of percent`(_ text: String, _ millionths: Int) throws {
        let share = try #require(Share(text: text))
        #expect(share.millionths == millionths)
        #expect(Share(text: share.text) == share)
    }

    @Test func `no batch has too many nulls that is small, or has one, or no more than the share`() {
        let expectations = Expectations(nullsMax: Share(text: "5%"))
        #expect(!expectations.areTooMany(nulls: 99, of: 99))
        #expect(!expectations.areTooMany(nulls: 5, of: 100))
        #expect(expectations.areTooMany(nulls: 6, of: 100))
        #expect(!Expectations(nullsMax: Share(text: "0.1%")).areTooMany(nulls: 1, of: 100))
        #expect(Expectations(nullsMax: Share(text: "0.1%")).areTooMany(nulls: 2, of: 100))
        // Each null fails by itself there.
        #expect(!Expectations(nullsMax: .zero).areTooMany(nulls: 100, of: 100))
        #expect(!Expectations().areTooMany(nulls: 100, of: 100))
        #expect(expectations.areTooMany(nulls: .max, of: .max) && !expectations.areTooMany(nulls: .max / 100, of: .max))
    }
}
