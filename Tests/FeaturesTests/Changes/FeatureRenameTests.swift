import Features
import TestSupport
import Testing

/// What a plan says of features that go on under another name or in a wider type, and what is refused.
@Suite struct FeatureRenameTests {
    private static func file(
        _ features: String,
        more: String = "services: { svc: [stats.*] }"
    ) throws(DefinitionsError)
        -> ProjectDefinitions
    {
        let yaml = """
            entities: { user: { key: user_id, type: int64 } }
            views:
              stats: { entities: [user], features: { \(features) } }
            \(more)
            """
        return try DefinitionsText(yaml: yaml, file: "f.yaml", from: MemoryFiles([:])).resolved(against: Definitions())
    }

    private static func faults(_ features: String) -> [String] {
        do { _ = try file(features) } catch { return error.issues.map { "\($0.line):\($0.column): \($0.message)" } }
        return []
    }

    /// - Parameters:
    ///   - retired: hidden features, with their types.
    ///   - names: what features were called, as `new was old`.
    private static func lines(
        _ before: String,
        _ after: String,
        retired: [String: FeatureType] = [:],
        names: [(String, String)] = []
    ) throws -> [String] {
        let retired = RetiredDefinitions(
            features: retired.map { .init(view: "stats", feature: $0.key, type: $0.value) },
            names: names.map { FeatureRename(view: "stats", name: $0.0, was: $0.1) }
        )
        return try file(after, more: "").changes(from: try file(before, more: "").definitions, retired: retired)
            .map(\.line)
    }

    @Test(arguments: [
        ("a: int32", "a: int64", "~ feature  stats.a  int32 -> int64, with its history"),
        ("a: int32", "a: float64", "~ feature  stats.a  int32 -> float64, with its history"),
        ("a: int64", "a: float64", "~ feature  stats.a  int64 -> float64, with its history"),
        ("a: float32", "a: float64", "~ feature  stats.a  float32 -> float64, with its history"),
        (
            "a: int64", "a: int32",
            "! feature  stats.a  f.yaml:3:42: int64 -> int32; its data has the old type: add a feature under another name"
        ),
        (
            "a: int32", "a: float32",
            "! feature  stats.a  f.yaml:3:42: int32 -> float32; its data has the old type: add a feature under another name"
        ),
        (
            "a: float64", "a: float32",
            "! feature  stats.a  f.yaml:3:42: float64 -> float32; its data has the old type: add a feature under another name"
        ),
        (
            "a: bool", "a: int64",
            "! feature  stats.a  f.yaml:3:42: bool -> int64; its data has the old type: add a feature under another name"
        ),
    ])
    func `types widen, and do not become others`(before: String, after: String, line: String) throws {
        #expect(try Self.lines(before, after) == [line])
    }

    @Test func `a feature that says what it was is neither new nor gone`() throws {
        #expect(
            try Self.lines("a: int32, b: bool", "c: { type: int32, was: a }, b: bool") == [
                "~ feature  stats.c  was 'a', which it is called no more"
            ]
        )
        #expect(
            try Self.lines("a: int32, b: bool", "b: bool, c: { type: int64, was: a, description: x }") == [
                "~ feature  stats.c  was 'a', which it is called no more",
                "~ feature  stats.c  int32 -> int64, with its history", "~ feature  stats.c  description",
                "~ view     stats  other order of features",
            ]
        )
        // Done before, or nothing to be done in a store that is new.
        #expect(try Self.lines("c: int32", "c: { type: int32, was: a }", names: [("c", "a")]) == [])
        let new = try Self.file("c: { type: int32, was: a }", more: "").changes(from: Definitions()).map(\.line)
        #expect(new == ["+ entity   user  key user_id int64", "+ view     stats  key user_id int64; 1 feature"])
        #expect(
            try Self.lines("b: bool", "c: { type: int64, was: a }, b: bool", retired: ["a": .int32]) == [
                "~ feature  stats.c  was 'a', which it is called no more; its data returns",
                "~ feature  stats.c  int32 -> int64, with its history",
            ]
        )
    }

    @Test func `what would make a name mean two things is refused`() throws {
        func expect(_ lines: [String], _ expected: String...) {
            #expect(lines.count == expected.count, "\(lines)")
            for (line, part) in zip(lines, expected) { #expect(line.contains(part), "\(line)") }
        }
        expect(
            try Self.lines("b: bool", "b: bool, c: { type: int64, was: a }"),
            "it says that it was 'a', which the view never had; leave `was:` away where it is a new feature"
        )
        expect(
            try Self.lines("b: bool", "d: { type: bool, was: a }", names: [("b", "a")]),
            "'a' is called 'b' now; say `was: b` to give it another name",
            "- feature  stats.b  retired bool; data kept"
        )
        expect(
            try Self.lines("b: bool", "b: bool, a: bool", names: [("b", "a")]),
            "'b' was called so, and old versions and manifests mean that by it; use another name, or say `was: b`"
        )
        expect(
            try Self.lines("b: bool, x: bool", "b: bool, a: { type: bool, was: x }", names: [("b", "a")]),
            "'b' was called so"
        )
        expect(
            try Self.lines("a: bool", "c: { type: bool, was: a }", retired: ["c": .bool]),
            "the view has a retired feature of its own name, bool"
        )
        expect(
            try Self.lines("a: bool, c: bool", "c: { type: bool, was: a }"),
            "it says that it was 'a', and the store has both",
            "- feature  stats.a"
        )
        expect(try Self.lines("a: bool", "SEQ: { type: bool, was: a }"), "its name is a word of the server's commands")
        expect(
            try Self.lines("a: string", "c: { type: int64, was: a }"),
            "was 'a', which it is called no more",
            "string -> int64; its data has the old type"
        )
    }

    @Test func `a file cannot say that two features were one, or what is none of its names`() {
        #expect(
            Self.faults("a: { type: bool, was: a }").first?.contains("was always called so; leave 'was' away") == true
        )
        #expect(
            Self.faults("a: { type: bool, was: b }, b: bool").first?.hasPrefix(
                "3:64: the feature 'a' of view 'stats' says that it was 'b', and the view has a feature of that name"
            ) == true
        )
        #expect(
            Self.faults("a: { type: bool, was: x }, b: { type: bool, was: x }").first?.contains(
                "the feature 'b' of view 'stats' says that it was 'x', and so does 'a'"
            ) == true
        )
        #expect(
            Self.faults("a: { type: bool, was: 7x }").first?.contains("'7x', which does not start with a letter")
                == true
        )
        #expect(Self.faults("a: { type: bool, was: [b] }").first?.contains("expected text") == true)
    }
}
