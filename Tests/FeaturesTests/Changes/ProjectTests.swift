import Features
import Foundation
import TestSupport
import Testing

/// Names belong to the project that first applied them: the rules, without a store.
@Suite struct ProjectTests {
    /// What several projects have applied, one after the other.
    struct Applied {
        var definitions = Definitions()
        var retired = RetiredDefinitions()

        /// The lines of the plan; applies it where nothing is refused.
        @discardableResult
        mutating func apply(_ yaml: String, adopts: Bool = false) throws -> [String] {
            let changes = try plan(yaml, adopts: adopts)
            guard !changes.contains(where: { $0.severity == .refused }) else { return changes.map(\.line) }
            let file = try file(yaml, adopts: adopts)
            let merged = file.merged(into: definitions, retired: retired)
            #expect(file.definitions.isResolved(in: merged))
            for old in definitions.views where merged.view(named: old.name) == nil { retired.views.append(old) }
            retired.views.removeAll { merged.view(named: $0.name) != nil }
            retired.services.formUnion(definitions.services.map(\.name))
            retired.services.subtract(merged.services.map(\.name))
            definitions = merged
            return changes.map(\.line)
        }

        func file(_ yaml: String, adopts: Bool = false) throws -> ProjectDefinitions {
            let source = try DefinitionsText(yaml: yaml, file: "f.yaml", from: MemoryFiles([:]))
            var file = try source.resolved(against: definitions)
            file.adopts = adopts
            return file
        }

        func plan(_ yaml: String, adopts: Bool = false) throws -> [DefinitionChange] {
            try file(yaml, adopts: adopts).changes(from: definitions, retired: retired)
        }

        /// What is wrong with a file before there is a plan.
        func faults(_ yaml: String) -> String {
            do { _ = try file(yaml) } catch { return "\(error)" }
            return ""
        }
    }

    static let base = """
        project: team_a
        entities: { user: { key: user_id, type: int64, description: Registered }, spare: { key: s, type: string } }
        views:
          stats: { entities: [user], features: { clicks: int64, ctr: float64 } }
          other: { entities: [user], features: { x: int64 } }
        services: { rank: [stats.*], extra: [other.x] }

        """
    static let user = """
        project: team_b
        views: { mine: { entities: [user], features: { y: int64 } } }
        services: { best: [mine.y, stats.clicks] }

        """

    private func both() throws -> Applied {
        var applied = Applied()
        try applied.apply(Self.base)
        try applied.apply(Self.user)
        return applied
    }

    @Test func `a view on another project's entity and a service over its view resolve against what is applied`() throws
    {
        let applied = try both()
        let service = try #require(applied.definitions.service(named: "best"))
        #expect(service.columns.map(\.outputName) == ["mine__y", "stats__clicks"])
        #expect(service.columns.compactMap(\.feature).map { $0.keys.map(\.from) } == [["user_id"], ["user_id"]])
        #expect(applied.definitions.view(named: "mine")?.keys == [KeyColumn(name: "user_id", type: .int64)])
        let projects = applied.definitions.projects
        #expect(projects[.view("mine")] == "team_b" && projects[.service("best")] == "team_b")
        #expect(projects[.view("stats")] == "team_a" && projects[.entity("user")] == "team_a")
        #expect(projects[.feature(view: "stats", name: "ctr")] == "team_a")
    }

    @Test func `a file that a store has already is no change, whoever applied meanwhile`() throws {
        var applied = try both()
        let before = applied.definitions
        for yaml in [Self.base, Self.user] {
            #expect(try applied.apply(yaml) == [])
            #expect(applied.definitions == before)
        }
        // The order of projects makes no difference, nor does the order in which they came.
        try applied.apply("project: aa\nviews: { first: { entities: [], features: { x: int64 } } }\n")
        try applied.apply(Self.base)
        #expect(applied.definitions.views.map(\.name) == ["first", "stats", "other", "mine"])
    }

    @Test func `what another project has is neither retired nor shown`() throws {
        var applied = try both()
        let lines = try applied.apply("project: team_b\nservices: { best: [stats.ctr] }\n")
        #expect(
            lines.count == 2 && lines[0].hasPrefix("- view     mine  retired") && lines[1].hasPrefix("~ service  best")
        )
        #expect(applied.definitions.views.map(\.name) == ["stats", "other"])
        // Without a project there is nothing to retire either.
        #expect(try applied.apply("views: { plain: { entities: [], features: { x: int64 } } }\n").count == 1)
        #expect(applied.definitions.views.map(\.name) == ["plain", "stats", "other"])
    }

    @Test func `a refused change says where the file has it`() throws {
        var applied = Applied()
        try applied.apply(Self.base)
        let feature = try applied.apply(Self.base.replacing("clicks: int64", with: "clicks: string"))
        #expect(
            feature.contains(
                "! feature  stats.clicks  f.yaml:4:42: int64 -> string; its data has the old type: add a feature under another "
                    + "name"
            ),
            "\(feature)"
        )
        let view = try applied.apply(Self.base.replacing("other: { ent", with: "other: { partition: day, ent"))
        #expect(view.contains { $0.hasPrefix("! view     other  f.yaml:5:3: partition month -> day") }, "\(view)")
        let entity = try applied.apply(Self.base.replacing("key: s, type: string", with: "key: s, type: int64"))
        #expect(entity.filter { $0.hasPrefix("!") }.allSatisfy { $0.contains("  f.yaml:2:") }, "\(entity)")
        // What is not refused needs no place.
        let safe = try applied.apply(Self.base.replacing("ctr: float64", with: "ctr: float64, more: int64"))
        #expect(!safe.isEmpty && !safe.contains { $0.contains("f.yaml") }, "\(safe)")
    }

    /// A file of team_b, and the refusals that its plan has.
    struct Refused: CustomTestStringConvertible {
        var yaml: String
        var lines: [String]
        var testDescription: String { yaml }
    }

    static let refused: [Refused] = [
        Refused(
            yaml: "views: { stats: { entities: [user], features: { clicks: int64, ctr: float64 } } }",
            lines: [
                "! view     stats  belongs to the project 'team_a', which alone changes or retires it; take it out at "
                    + "f.yaml:3:10 and use it as it is, or choose another name"
            ]
        ),
        Refused(
            yaml:
                "views: { stats: { entities: [user], ttl: 1d, features: { z: int64 } } }\nservices: { rank: [stats.z] }",
            lines: [
                "! view     stats  belongs to the project 'team_a'", "! service  rank  belongs to the project 'team_a'",
            ]
        ),
        Refused(
            yaml: "entities: { user: { key: id, type: int64 } }",
            lines: [
                "! entity   user  belongs to the project 'team_a', which alone changes or retires it; take it out at f"
            ]
        ),
        Refused(
            yaml: "entities: { user: { key: user_id, type: string } }",
            lines: ["! entity   user  belongs to the project 'team_a'"]
        ),
        Refused(
            yaml: "entities: { user: { key: user_id, type: int64, description: Mine } }",
            lines: ["! entity   user  belongs to the project 'team_a'"]
        ),
    ]

    @Test(arguments: refused, ["team_b", ""])
    func `a name of another project cannot be defined`(refused: Refused, project: String) throws {
        var applied = try both()
        let before = applied.definitions
        let head = project.isEmpty ? "# none\n" : "project: \(project)\n"
        let yaml = head + "# team_b has more\n" + refused.yaml
        let lines = try applied.plan(yaml).filter { $0.severity == .refused && $0.kind == .changed }.map(\.line)
        #expect(lines.count == refused.lines.count, "\(lines)")
        for (line, expected) in zip(lines, refused.lines) { #expect(line.hasPrefix(expected)) }
        try applied.apply(yaml)
        #expect(applied.definitions == before)
    }

    @Test func `an entity said again as it is, or with less, is the other project's and is used`() throws {
        var applied = try both()
        for notes in ["", ", description: Registered"] {
            let yaml = Self.user + "entities: { user: { key: user_id, type: int64\(notes) } }\n"
            #expect(try applied.apply(yaml) == [])
            #expect(applied.definitions.projects[.entity("user")] == "team_a")
            #expect(applied.definitions.entity(named: "user")?.description == "Registered")
        }
    }

    @Test func `what another project computes with cannot be retired either`() throws {
        var applied = try both()
        try applied.apply("project: team_c\nservices: { calc: [{ derive: d, from: \"stats.ctr * 2\" }] }\n")
        let lines = try applied.apply(
            Self.base.replacing("clicks: int64, ctr: float64", with: "clicks: int64").replacing(
                "stats.*",
                with: "stats.clicks"
            )
        )
        #expect(
            lines.contains { $0.hasPrefix("! feature  stats.ctr  in use: service 'calc' of the project 'team_c'") },
            "\(lines)"
        )
    }

    @Test func `what another project uses cannot be retired, and the users are named`() throws {
        var applied = try both()
        let noView = Self.base.replacing(
            "  stats: { entities: [user], features: { clicks: int64, ctr: float64 } }\n",
            with: ""
        )
        .replacing("rank: [stats.*], ", with: "")
        #expect(
            try applied.apply(noView) == [
                "! view     stats  in use: service 'best' of the project 'team_b'; keep it in the file until it is not used "
                    + "any more",
                "- service  rank  retired; its versions are kept",
            ]
        )
        let noFeature = Self.base.replacing("clicks: int64, ", with: "")
        #expect(
            try applied.apply(noFeature)[0].hasPrefix("! feature  stats.clicks  in use: service 'best' of the project")
        )
        let noEntity = """
            project: team_a
            entities: { spare: { key: s, type: string } }
            views: { stats: { entities: [spare], features: { clicks: int64 } } }
            """
        let lines = try applied.apply(noEntity)
        #expect(
            lines.contains { $0.hasPrefix("! entity   user  in use: view 'mine' of the project 'team_b'; keep") },
            "\(lines)"
        )
        // A feature that nobody else names may go.
        let noRate = Self.base.replacing(", ctr: float64", with: "")
        #expect(try applied.apply(noRate)[0].hasPrefix("- feature  stats.ctr  retired"))
        // And so may all of it once it is not used any more.
        try applied.apply("project: team_b\nservices: { best: [other.x] }\n")
        #expect(try applied.apply(noView)[0].hasPrefix("- view     stats  retired"))
    }

    @Test func `a view that goes offline names who reads it`() throws {
        let yaml = Self.base.replacing("stats: { ", with: "stats: { online: false, ")
        let changes = try both().plan(yaml)
        #expect(changes.map(\.severity) == [.retires])
        #expect(
            changes[0].detail.contains("true -> false; used by service 'best' of the project 'team_b'"),
            "\(changes)"
        )
    }

    @Test func `a changed rule makes versions of other projects' services, too, and the plan says whose`() throws {
        var applied = try both()
        let yaml = Self.base.replacing("stats: { ", with: "stats: { ttl: 9d, ")
        let lines = try applied.apply(yaml)
        #expect(lines.count == 3 && lines[0].hasPrefix("~ view     stats  ttl none -> 9d"), "\(lines)")
        #expect(
            lines.contains { $0.hasPrefix("~ service  best") && $0.hasSuffix("; of the project 'team_b'") },
            "\(lines)"
        )
        #expect(lines.contains { $0.hasPrefix("~ service  rank") && !$0.contains("of the project") }, "\(lines)")
        for file in [yaml, Self.user] { #expect(try applied.apply(file) == []) }
    }

    @Test func `an entity's key cannot change under another project's view`() throws {
        var applied = Applied()
        try applied.apply("project: team_a\nentities: { user: { key: user_id, type: int64 } }\n")
        try applied.apply("project: team_b\nviews: { mine: { entities: [user], features: { y: int64 } } }\n")
        let lines = try applied.apply("project: team_a\nentities: { user: { key: id, type: int64 } }\n")
        #expect(
            lines.count == 1
                && lines[0].hasPrefix(
                    "! entity   user  f.yaml:2:13: key user_id int64 -> id int64; the data of mine has"
                )
        )
    }

    @Test func `what was applied without a project moves with --adopt, and only then`() throws {
        var applied = Applied()
        let plain = Self.base.replacing("project: team_a\n", with: "# none\n")
        try applied.apply(plain)
        try applied.apply(Self.user)
        let some = Self.base.replacing(", extra: [other.x]", with: "").replacing(
            "  other: { entities: [user], features: { x: int64 } }\n",
            with: ""
        )
        let refused = try applied.apply(some)
        #expect(refused.count == 2, "\(refused)")
        #expect(
            refused[0]
                == "! view     stats  was applied without a project; say --adopt to move it into the project 'team_a', or "
                + "take it out at f.yaml:4:3 and use it as it is, or choose another name"
        )
        #expect(applied.definitions.projects[.view("stats")] == "")
        #expect(
            try applied.apply(some, adopts: true) == [
                "~ entity   user  no project -> the project 'team_a'",
                "~ entity   spare  no project -> the project 'team_a'",
                "~ view     stats  no project -> the project 'team_a'",
                "~ service  rank  no project -> the project 'team_a'",
            ]
        )
        // What the file does not define stays where it was, in force.
        #expect(applied.definitions.projects[.view("other")] == "" && applied.definitions.view(named: "other") != nil)
        #expect(try applied.apply(some) == [])
        // What is another project's is not moved.
        let theirs = "project: team_c\nviews: { mine: { entities: [user], features: { y: int64 } } }\n"
        #expect(
            try applied.apply(theirs, adopts: true)[0].hasPrefix("! view     mine  belongs to the project 'team_b'")
        )
        // The old file, without a project, is told as well.
        #expect(try applied.apply(plain).contains { $0.hasPrefix("! view     stats  belongs to the project 'team_a'") })
    }

    @Test func `adopting applies what the file changes, too`() throws {
        var applied = Applied()
        try applied.apply("views: { v: { entities: [], features: { x: int64 } } }\n")
        let lines = try applied.apply(
            "project: a\nviews: { v: { entities: [], ttl: 1d, features: { x: int64, y: int64 } } }\n",
            adopts: true
        )
        #expect(
            lines == [
                "~ view     v  no project -> the project 'a'", "~ view     v  ttl none -> 1d", "+ feature  v.y  int64",
            ]
        )
    }

    @Test func `hidden names are still somebody's: views until they are pruned, services for ever, entities not`()
        throws
    {
        var applied = try both()
        try applied.apply("project: team_b\nservices: { next: [stats.ctr] }\n")
        let theirs = """
            project: team_c
            views: { mine: { entities: [], features: { y: int64 } } }
            services: { best: [stats.ctr] }
            """
        #expect(
            try applied.apply(theirs) == [
                "! view     mine  belongs to the project 'team_b', which alone changes or retires it; it is retired; choose "
                    + "another name at f.yaml:2:10",
                "! service  best  belongs to the project 'team_b', which alone changes or retires it; it is retired; choose "
                    + "another name at f.yaml:3:13",
            ]
        )
        // Its own project has it back.
        #expect(try applied.apply(Self.user)[0].hasSuffix("its data returns"))
        // An entity that is retired is anybody's.
        try applied.apply(Self.base.replacing(", spare: { key: s, type: string }", with: ""))
        #expect(try applied.apply("project: team_c\nentities: { spare: { key: other, type: int64 } }\n").count == 1)
        #expect(applied.definitions.projects[.entity("spare")] == "team_c")
    }

    @Test func `a file cannot name what it would retire itself, nor what nobody has`() throws {
        let applied = try both()
        #expect(applied.faults("project: team_a\nservices: { rank: [stats.ctr] }\n").contains("unknown view 'stats'"))
        #expect(
            applied.faults(Self.user.replacing("stats.clicks", with: "stats.click")).contains("did you mean 'clicks'?")
        )
        #expect(
            applied.faults(Self.user.replacing("stats.clicks", with: "stat.clicks")).contains("did you mean 'stats'?")
        )
    }

    @Test func `what a file was resolved against is looked at again when it is applied`() throws {
        let applied = try both()
        let file = try applied.file(Self.user)
        #expect(file.definitions.isResolved(in: file.merged(into: applied.definitions, retired: RetiredDefinitions())))
        var other = Applied()
        try other.apply(Self.base.replacing("clicks: int64", with: "clicks: float64"))
        #expect(!file.definitions.isResolved(in: file.merged(into: other.definitions, retired: RetiredDefinitions())))
        var renamed = Applied()
        try renamed.apply(Self.base.replacing("key: user_id", with: "key: id"))
        #expect(!file.definitions.isResolved(in: file.merged(into: renamed.definitions, retired: RetiredDefinitions())))
    }

    @Test func `documents keep whose the names are, and those from before are nobody's`() throws {
        let applied = try both()
        let document = try JSONEncoder().encode(applied.definitions)
        #expect(try JSONDecoder().decode(Definitions.self, from: document) == applied.definitions)
        var plain = applied.definitions
        plain.projects = NameProjects()
        let before = try JSONEncoder().encode(plain)
        #expect(!String(decoding: before, as: UTF8.self).contains("projects"))
        #expect(try JSONDecoder().decode(Definitions.self, from: before) == plain)
    }
}
