import Features
import Testing

@Suite struct OperationKeysTests {
    private static func yaml(_ keys: String) -> String {
        "entities: { user: { key: user_id, type: int64 } }\nviews:\n  stats:\n    entities: [user]\n    features: { n: int64 }\n"
            + keys
    }

    @Test func `retention and max_age are durations`() throws {
        let view = try Definitions.parse(yaml: Self.yaml("    retention: 400d\n    max_age: 2h\n"), file: "f").views[0]
        #expect(view.retention?.text == "400d" && view.maxAge?.text == "2h")
        let without = try Definitions.parse(yaml: Self.yaml(""), file: "f").views[0]
        #expect(without.retention == nil && without.maxAge == nil)
    }

    @Test(arguments: [
        ("    retention: 400\n", "6:16: the retention of view 'stats' is '400'"),
        ("    max_age: often\n", "6:14: the max_age of view 'stats' is 'often'"),
        (
            "    ttl: 30d\n    retention: 29d\n",
            "7:16: the retention of view 'stats', 29d, is shorter than its ttl, 30d"
        ),
        ("    partition: none\n    retention: 29d\n", "7:16: view 'stats' has a retention but partition none"),
    ])
    func `one that cannot be is a fault`(keys: String, message: String) throws {
        let error = #expect(throws: DefinitionsError.self) {
            try Definitions.parse(yaml: Self.yaml(keys), file: "f")
        }
        #expect("\(error!)".contains(message), "\(error!)")
    }

    @Test func `another retention or max_age is a safe change`() throws {
        let old = try Definitions.parse(yaml: Self.yaml("    retention: 400d\n"), file: "f")
        let new = try Definitions.parse(yaml: Self.yaml("    max_age: 2h\n"), file: "f")
        let changes = new.changes(from: old)
        #expect(changes.map(\.detail) == ["retention 400d -> none", "max_age none -> 2h"])
        #expect(changes.allSatisfy { $0.severity == .safe })
    }
}
