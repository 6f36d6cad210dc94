import Features
import Testing

/// What Unicode calls equivalent is two texts in a database.
@Suite struct SpellingTests {
    /// é as one scalar, and as e with an accent behind it.
    private static let composed = "\u{E9}"
    private static let decomposed = "e\u{301}"

    private static func yaml(
        entity: String = composed,
        sql: String = composed,
        list: String = composed,
        description: String = composed,
        owner: String = composed,
        tag: String = composed
    ) -> String {
        """
        project: own
        entities: { user: { key: user_id, type: int64, description: \(entity) } }
        views:
          stats:
            entities: [user]
            owner: \(owner)
            tags: { kind: \(tag) }
            features: { s: { type: string, in: [\(list), x], description: \(description) } }
            source: { sql: "SELECT '\(sql)', :from, :to" }

        """
    }

    private static func lines(_ old: String, _ new: String) throws -> [String] {
        try Definitions.parse(yaml: new, file: "f").changes(from: Definitions.parse(yaml: old, file: "f")).map(\.line)
    }

    @Test(arguments: [
        (yaml(entity: decomposed), "~ entity   user  description"),
        (yaml(sql: decomposed), "~ view     stats  source changed"),
        (
            yaml(list: decomposed),
            "~ feature  stats.s  expectations one of \"é\", \"x\", action reject -> one of \"é\", \"x\", action reject "
                + "(what differs does not show here)"
        ),
        (yaml(description: decomposed), "~ feature  stats.s  description"),
        (yaml(owner: decomposed), "~ view     stats  owner é -> é"), (yaml(tag: decomposed), "~ view     stats  tags"),
    ])
    func `another spelling of an equivalent text is a change`(new: String, line: String) throws {
        #expect(try Self.lines(Self.yaml(), new) == [line])
        #expect(try Self.lines(new, Self.yaml()) == [line])
        #expect(try Self.lines(new, new) == [])
    }

    @Test func `an entity of another project that is spelled otherwise is not the same one said again`() throws {
        var applied = ProjectTests.Applied()
        try applied.apply(Self.yaml())
        func other(_ text: String) throws -> [String] {
            try applied.plan(
                """
                project: other
                entities: { user: { key: user_id, type: int64, description: \(text) } }

                """
            ).map(\.line)
        }
        #expect(try other(Self.composed) == [])
        #expect(try other(Self.decomposed).contains { $0.contains("belongs to the project 'own'") })
    }
}
