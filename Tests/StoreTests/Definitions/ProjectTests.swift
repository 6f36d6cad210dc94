import Features
import Postgres
import TestSupport
import Testing

@testable import Store

/// Several projects in one store.
@Suite struct ProjectTests {
    private static let ours = """
        project: team_a
        entities: { user: { key: user_id, type: int64 } }
        views: { stats: { entities: [user], features: { clicks: int64, ctr: float64 } } }
        services: { rank: [stats.clicks, stats.ctr] }
        """
    private static let theirs = """
        project: team_b
        views: { mine: { entities: [user], features: { y: int64, z: int64 } } }
        services: { best: [mine.y, stats.clicks] }
        """

    private static func file(_ yaml: String, in store: TestStore, adopts: Bool = false) throws -> ProjectDefinitions {
        let applied = try Registry.load(store.session)
        let source = try DefinitionsText(yaml: yaml, file: "f.yaml", from: MemoryFiles([:]))
        var file = try source.resolved(against: applied.definitions)
        file.adopts = adopts
        return file
    }

    @discardableResult
    private static func apply(
        _ yaml: String,
        to store: TestStore,
        adopts: Bool = false,
        prunes: Bool = false
    ) throws -> Registry {
        try Registry.apply(try file(yaml, in: store, adopts: adopts), prunes: prunes, store.session).0
    }

    private static func refusal(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "nothing was thrown"
    }

    private static func store() throws -> TestStore {
        let store = try TestStore("")
        try apply(ours, to: store)
        try apply(theirs, to: store)
        return store
    }

    @Test func `versions say whose file made them, and documents whose the names are`() throws {
        let store = try Self.store()
        let rows = try store.session.query("SELECT project FROM asof.definitions ORDER BY version")
        #expect((0..<rows.count).map { rows.text($0, 0) } == ["team_a", "team_b"])
        let names = try store.session.query(
            "SELECT document->'projects'->'views'->>'mine' FROM asof.definitions ORDER BY version DESC LIMIT 1"
        )
        #expect(names.text(0, 0) == "team_b")
        #expect(try Registry.load(store.session).definitions.projects[.view("stats")] == "team_a")
        // The same again takes no version and no position.
        let head = try store.head()
        try Self.apply(Self.ours, to: store)
        try Self.apply(Self.theirs, to: store)
        #expect(try store.head() == head)
    }

    @Test func `applying a file leaves other projects' views and their writers alone`() throws {
        let store = try Self.store()
        let view = try Registry.load(store.session).view(named: "mine")
        let writer = try Session(conninfo: store.conninfo)
        try writer.begin(.write)
        try writer.lock(AdvisoryLock.view(view.id), isShared: true)
        // team_a's views change beside it, and all of them go.
        let more = Self.ours.replacing("ctr: float64", with: "ctr: float64, more: int64")
        let file = try Self.file(more, in: store)
        #expect(try Registry.apply(file, store.session, lockTimeoutMs: 50).0.version == 3)
        try writer.commit()
        let registry = try Self.apply("project: team_b\nservices: { best: [stats.clicks] }\n", to: store)
        #expect(registry.views.map(\.name) == ["stats"] && registry.retired.views.map(\.name) == ["mine"])
        #expect(registry.service(named: "rank")?.version == 1 && registry.service(named: "best")?.version == 2)
        #expect(try store.violations() == [])
    }

    @Test func `a name of another project is refused in the transaction as well`() throws {
        let store = try Self.store()
        let head = try store.head()
        let yaml = "project: team_b\nviews: { stats: { entities: [user], features: { clicks: int64 } } }\n"
        let refused = Self.refusal { try Self.apply(yaml, to: store) }
        #expect(refused.contains("! view     stats  belongs to the project 'team_a'"), "\(refused)")
        #expect(refused.contains("f.yaml:2:10"), "\(refused)")
        let retired = Self.refusal {
            try Self.apply("project: team_a\nentities: { user: { key: user_id, type: int64 } }", to: store)
        }
        #expect(retired.contains("! view     stats  in use: service 'best' of the project 'team_b'"), "\(retired)")
        #expect(try store.head() == head)
    }

    @Test(arguments: ["stats.clicks", "{ derive: d, from: \"stats.clicks * 2\" }", "over.n"])
    func `what another project reads by a name from before is in use, too`(column: String) throws {
        let store = try TestStore("entities: { spare: { key: s, type: string } }\n")
        let ours = """
            project: team_a
            entities: { user: { key: user_id, type: int64 } }
            views:
              stats: { entities: [user], events: { id: event }, features: { event: int64, clicks: int64 } }

            """
        try Self.apply(ours, to: store)
        let windows =
            column == "over.n"
            ? "views: { over: { entities: [user], windows: { of: stats, features: { n: sum(clicks) over 1d } } } }\n"
            : ""
        try Self.apply("project: team_b\n\(windows)services: { theirs: [\(column)] }\n", to: store)
        let renamed = ours.replacing("clicks: int64", with: "taps: { type: int64, was: clicks }")
        let plan = try Self.file(renamed, in: store).changes(from: try Registry.load(store.session).definitions)
        #expect(
            plan.map(\.line).contains { $0.contains("say 'taps' from the next time on: service 'theirs' of") },
            "\(plan)"
        )
        try Self.apply(renamed, to: store)
        let head = try store.head()
        let refused = Self.refusal {
            try Self.apply(ours.replacing(", clicks: int64", with: ", other: int64"), to: store)
        }
        #expect(
            refused.contains("! feature  stats.taps  in use: service 'theirs' of the project 'team_b'"),
            "\(refused)"
        )
        #expect(try store.head() == head)
    }

    @Test func `a file whose names changed after it was resolved is planned anew`() throws {
        let store = try Self.store()
        try Self.apply(
            "project: team_b\nviews: { mine: { entities: [user], features: { y: int64, z: int64 } } }\n",
            to: store
        )
        let file = try Self.file("project: team_c\nservices: { third: [stats.ctr] }\n", in: store)
        try Self.apply(Self.ours.replacing(", ctr: float64", with: "").replacing(", stats.ctr", with: ""), to: store)
        do {
            _ = try Registry.apply(file, store.session)
            Issue.record("a service of a retired feature was applied")
        } catch {
            guard case .stalePlan = error else { throw error }
        }
        #expect(try Registry.load(store.session).definitions.service(named: "third") == nil)
    }

    @Test func `a changed rule gives another project's service a version, and its old one keeps its rules`() throws {
        let store = try Self.store()
        let registry = try Self.apply(Self.ours.replacing("stats: { ", with: "stats: { ttl: 9d, "), to: store)
        #expect(registry.service(named: "best")?.version == 2 && registry.service(named: "rank")?.version == 2)
        #expect(registry.definitions.projects[.service("best")] == "team_b")
        let old = try Registry.StoredService.named("best", version: 1, store.session)
        #expect(old.rules != registry.service(named: "best")?.rules)
        #expect(try Self.apply(Self.theirs, to: store).version == registry.version)
    }

    @Test func `pruning deletes what the project retired, and nobody else's`() throws {
        let store = try Self.store()
        try store.apply("views: { plain: { entities: [], features: { x: int64 } } }\n")
        // Each project hides a view, team_b a feature as well.
        try Self.apply(
            Self.ours.replacing("views: {", with: "views: { old: { entities: [user], features: { x: int64 } },"),
            to: store
        )
        try Self.apply(Self.ours, to: store)
        try Self.apply(Self.theirs.replacing("y: int64, z: int64", with: "y: int64"), to: store)
        try store.apply("views: { other: { entities: [], features: { x: int64 } } }\n")
        #expect(try Registry.load(store.session).retired.views.map(\.name).sorted() == ["old", "plain"])
        let pruned = try Self.apply(Self.ours, to: store, prunes: true)
        #expect(pruned.retired.views.map(\.name) == ["plain"])
        #expect(pruned.retired.features.map(\.feature) == ["z"])
        #expect(pruned.definitions.projects[.view("old")] == "")
        // The name is free for anybody.
        let registry = try Self.apply(
            "project: team_c\nviews: { old: { entities: [], features: { x: string } } }\n",
            to: store
        )
        #expect(registry.definitions.projects[.view("old")] == "team_c")
        #expect(try store.violations() == [])
    }

    @Test func `a hidden view of no project is adopted with its data`() throws {
        let store = try TestStore(
            "views: { v: { entities: [], features: { x: int64 } }, w: { entities: [], features: { x: int64 } } }\n"
        )
        try store.ingest("v", [HistoryRow([], at: 1, [.int64(7)])])
        try store.apply("views: { w: { entities: [], features: { x: int64 } } }\n")
        let yaml = "project: team_a\nviews: { v: { entities: [], features: { x: int64 } } }\n"
        #expect(Self.refusal { try Self.apply(yaml, to: store) }.contains("say --adopt"))
        let registry = try Self.apply(yaml, to: store, adopts: true)
        #expect(registry.definitions.projects[.view("v")] == "team_a")
        #expect(registry.views.map(\.name).sorted() == ["v", "w"])
        #expect(try store.session.query("SELECT x FROM online.v").int64(0, 0) == 7)
        // Adopting alone makes a version, by which a plan that was made before is stale.
        let version = registry.version
        let more =
            "project: team_a\nviews: { v: { entities: [], features: { x: int64 } }, w: { entities: [], features: { x: int64 } } }\n"
        #expect(try Self.apply(more, to: store, adopts: true).version == version + 1)
    }

    @Test func `what was applied before the migration is of no project, and the same file is no change`() throws {
        let yaml = "views: { v: { entities: [], features: { x: int64 } } }\n"
        let store = try TestStore(yaml)
        // As the release before left it.
        _ = try store.session.transaction(.write) { () throws(StoreError) in
            try store.session.execute(
                "ALTER TABLE asof.definitions DROP COLUMN project; DELETE FROM asof.migrations WHERE name = '0009_projects.sql'"
            )
        }
        #expect(try Migrator.migrate(store.session) == ["0009_projects.sql"])
        #expect(try store.session.query("SELECT project FROM asof.definitions").text(0, 0) == "")
        let head = try store.head()
        try store.apply(yaml)
        #expect(try store.head() == head)
        let registry = try Self.apply("project: team_a\n" + yaml, to: store, adopts: true)
        #expect(registry.definitions.projects[.view("v")] == "team_a")
        let rows = try store.session.query("SELECT project FROM asof.definitions ORDER BY version")
        #expect((0..<rows.count).map { rows.text($0, 0) } == ["", "team_a"])
    }

    @Test func `an apply of the release before, asked before the migration, is refused after it`() throws {
        let store = try Self.store()
        let old = Self.refusal {
            _ = try store.session.transaction(.write) { () throws(StoreError) in
                try store.session.query(
                    "INSERT INTO asof.definitions (version, document) VALUES ($1, $2)",
                    [.int64(99), .jsonb("{}")]
                )
            }
        }
        #expect(old.contains("null value in column \"project\""), "\(old)")
    }

    @Test func `two projects that apply at once both land`() throws {
        let store = try TestStore("")
        let conninfo = store.conninfo
        let failures = SideBySide.run(3) { thread in
            let session = try Session(conninfo: conninfo)
            for round in 0..<8 {
                let features = (0...round).map { "x\($0): int64" }.joined(separator: ", ")
                let yaml = "project: p\(thread)\nviews: { v\(thread): { entities: [], features: { \(features) } } }\n"
                let source = try DefinitionsText(yaml: yaml, file: "f.yaml", from: MemoryFiles([:]))
                // As the command does: whoever was first makes the other plan again.
                var isApplied = false
                for _ in 0..<100 where !isApplied {
                    let registry = try Registry.load(session)
                    let file = try source.resolved(against: registry.definitions)
                    do throws(StoreError) {
                        _ = try Registry.apply(file, planned: registry.version, session)
                        isApplied = true
                    } catch {
                        guard case .stalePlan = error else { throw error }
                    }
                }
                #expect(isApplied)
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        let registry = try Registry.load(store.session)
        #expect(registry.version == 24 && registry.definitions.views.map(\.features.count) == [8, 8, 8])
        #expect(try store.violations() == [])
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `random applies of four projects do to a store what the model says`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var model = ProjectModel()
        let store = try TestStore("")
        for step in 0..<60 {
            let file = ProjectModel.File(&random, like: model)
            let place: Comment =
                "seed \(seed), step \(step), adopts \(file.adopts), prunes \(file.prunes)\n\(file.yaml)"
            let before = try store.head()
            let expected = model.apply(file)
            let applied = try Registry.load(store.session)
            guard let new = try? file.resolved(against: applied.definitions) else {
                try #require(expected == .fault, place)
                continue
            }
            do {
                _ = try Registry.apply(new, prunes: file.prunes, planned: applied.version, store.session)
                try #require(expected == .applied, place)
            } catch let error as StoreError {
                guard case .refusedChange = error else { throw error }
                try #require(expected == .refused, place)
                #expect(try store.head() == before, place)
            }
            let registry = try Registry.load(store.session)
            try #require(model.difference(to: registry.definitions) == nil, place)
            #expect(Set(registry.views.map(\.name)) == Set(model.views.keys), place)
            #expect(Set(registry.retired.views.map(\.name)) == model.hiddenViews, place)
        }
        #expect(try store.violations() == [], "seed \(seed)")
    }
}
