import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Names that were pruned and are made anew, and old versions of services that read them.
@Suite struct ReplacedViewTests {
    private static func ours(_ stats: String?, _ columns: String?) -> String {
        """
        project: team_a
        entities: { user: { key: user_id, type: int64 } }
        views:
          other: { entities: [user], features: { n: int64 } }
        \(stats.map { "  stats: { entities: [user], features: { \($0) } }\n" } ?? "")
        \(columns.map { "services: { svc: [\($0)] }" } ?? "")
        """
    }

    private static let theirs = """
        project: team_b
        entities: { item: { key: item_id, type: int64 } }
        views: { stats: { entities: [item], features: { score: float64 } } }
        """

    @discardableResult
    private static func apply(_ yaml: String, to store: TestStore, prunes: Bool = false) throws -> Registry {
        let applied = try Registry.load(store.session)
        let source = try DefinitionsText(yaml: yaml, file: "f.yaml", from: MemoryFiles([:]))
        return try Registry.apply(try source.resolved(against: applied.definitions), prunes: prunes, store.session).0
    }

    private static func ingest(_ store: TestStore, _ view: String, _ features: [Value]) throws {
        let stored = try Registry.load(store.session).view(named: view)
        let rows = TestStore.viewRows([HistoryRow([.int64(1)], at: 5, features)], stored)
        let ingestion = try TestStore.ingestion(stored, like: rows, store.session)
        try ingestion.append(rows)
        _ = try ingestion.finish()
    }

    /// What a server and an export say of a version: its columns, or why not.
    private static func answers(_ store: TestStore, _ fixture: ServingFixture, version: Int?) throws -> [String] {
        try fixture.catchUp(store.session)
        let name = "svc" + (version.map { "@\($0)" } ?? "")
        func text(_ columns: () throws -> [String]) -> String {
            do { return try columns().joined(separator: " ") } catch { return "\(error)" }
        }
        let registry = try Registry.load(store.session)
        return [
            text { try fixture.serving.catalog.service(named: Array(name.utf8).span).columns.map(\.name) },
            text {
                try registry.plan(for: .service(name: "svc", version: version), store.session).plan.columns
                    .map(\.outputName)
            },
        ]
    }

    @Test func `a version whose expressions read a pruned view does not read another project's of that name`() throws {
        let store = try TestStore("")
        let derived = "{ derive: d, from: \"stats.score * 2\" }, other.n"
        try Self.apply(Self.ours("score: float64", derived), to: store)
        try Self.ingest(store, "stats", [.float64(1)])
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(Self.ours("score: float64", "other.n"), to: store)
        // A view that nothing else reads any more is kept for the version, and looked up.
        #expect(try Set(Self.answers(store, fixture, version: 1)) == ["derive__d other__n"])
        try Self.apply(Self.ours(nil, "other.n"), to: store, prunes: true)
        try Self.apply(Self.theirs, to: store)
        for answer in try Self.answers(store, fixture, version: 1) {
            #expect(answer.hasPrefix("no view 'stats' as svc@1 knew it: that one was pruned"), "\(answer)")
        }
    }

    @Test func `a version that read a pruned view does not read another project's of that name`() throws {
        let store = try TestStore("")
        try Self.apply(Self.ours("score: float64", "stats.score, other.n"), to: store)
        try Self.ingest(store, "stats", [.float64(1)])
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(Self.ours("score: float64", "other.n"), to: store)
        #expect(try Set(Self.answers(store, fixture, version: 1)) == ["stats__score other__n"])
        try Self.apply(Self.ours(nil, "other.n"), to: store, prunes: true)
        let position = try store.head().position
        for answer in try Self.answers(store, fixture, version: 1) {
            #expect(answer.hasPrefix("no view 'stats'"), "\(answer)")
        }
        try Self.apply(Self.theirs, to: store)
        try Self.ingest(store, "stats", [.float64(2)])
        for server in [fixture, try ServingFixture(store.conninfo)] {
            let refusals = try Self.answers(store, server, version: 1)
            #expect(Set(refusals).count == 1)
            #expect(
                refusals[0].hasPrefix(
                    "no view 'stats' as svc@1 knew it: that one was pruned, the last time at position \(position),"
                ),
                "\(refusals[0])"
            )
            #expect(try Set(Self.answers(store, server, version: 2)) == ["other__n"])
            #expect(try Set(Self.answers(store, server, version: nil)) == ["other__n"])
        }
        // Reading the other project's view on purpose is a version of its own.
        try Self.apply(Self.ours(nil, "stats.score, other.n"), to: store)
        #expect(try Registry.load(store.session).service(named: "svc")?.version == 3)
        #expect(try Set(Self.answers(store, fixture, version: 3)) == ["stats__score other__n"])
        #expect(try Self.answers(store, fixture, version: 1)[0].hasPrefix("no view"))
    }

    @Test func `a version that read a pruned feature does not read a new one of its name and type`() throws {
        let store = try TestStore("")
        try Self.apply(Self.ours("score: float64, x: int64", "stats.x, stats.score"), to: store)
        try Self.apply(Self.ours("score: float64, x: int64", "stats.score"), to: store)
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(Self.ours("score: float64", "stats.score"), to: store, prunes: true)
        let position = try store.head().position
        try Self.apply(Self.ours("score: float64, x: int64", "stats.score"), to: store)
        for refusal in try Self.answers(store, fixture, version: 1) {
            #expect(
                refusal.hasPrefix(
                    "view 'stats' has no feature 'x' as svc@1 knew it: that one was pruned, the last time at position \(position),"
                ),
                "\(refusal)"
            )
        }
        #expect(try Set(Self.answers(store, fixture, version: 2)) == ["stats__score"])
        // Its own project puts it in force again.
        try Self.apply(Self.ours("score: float64, x: int64", "stats.x, stats.score"), to: store)
        #expect(try Set(Self.answers(store, fixture, version: nil)) == ["stats__x stats__score"])
        #expect(try Set(Self.answers(store, fixture, version: 1)) == ["stats__x stats__score"])
    }

    @Test func `a version that read a pruned feature does not read one that was called otherwise and has its name now`()
        throws
    {
        let store = try TestStore("")
        let columns = "stats.x, { derive: d, from: \"stats.x + 1\" }"
        try Self.apply(Self.ours("score: float64, x: int64, y: int64", columns), to: store)
        try Self.apply(Self.ours("score: float64, x: int64, y: int64", "stats.y"), to: store)
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(Self.ours("score: float64, y: int64", "stats.y"), to: store, prunes: true)
        let position = try store.head().position
        let refusal =
            "view 'stats' has no feature 'x' as svc@1 knew it: that one was pruned, the last time at position \(position),"
        // The name leads to the other feature as its name now, and as one that it had.
        for (feature, was, version) in [("x", "y", 3), ("z", "x", 4)] {
            try Self.apply(
                Self.ours("score: float64, \(feature): { type: int64, was: \(was) }", "stats.\(feature)"),
                to: store
            )
            for answer in try Self.answers(store, fixture, version: 1) {
                #expect(answer.hasPrefix(refusal), "\(feature): \(answer)")
            }
            for other in 2...version {
                let column = ["stats__y", "stats__x", "stats__z"][other - 2]
                #expect(try Set(Self.answers(store, fixture, version: other)) == [column], "\(feature), \(other)")
            }
        }
        // A name that it had before, and has again, is its own.
        try Self.apply(Self.ours("score: float64, y: { type: int64, was: z }", "stats.y"), to: store)
        #expect(try Set(Self.answers(store, fixture, version: 2)) == ["stats__y"])
        #expect(try Self.answers(store, fixture, version: 1)[0].hasPrefix(refusal))
    }

    @Test func `a version whose windows read a pruned feature does not read one that has its name now`() throws {
        func yaml(_ features: String, _ window: String) -> String {
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              clicks: { entities: [user], events: { id: id }, features: { id: int64, \(features) } }
              w: { entities: [user], windows: { of: clicks, features: { a: \(window) over 1d } } }
            services: { svc: [w.a] }
            """
        }
        let store = try TestStore("")
        try Self.apply(yaml("x: int64, y: int64", "sum(x)"), to: store)
        try Self.apply(yaml("x: int64, y: int64", "sum(y)"), to: store)
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(yaml("y: int64", "sum(y)"), to: store, prunes: true)
        try Self.apply(yaml("x: { type: int64, was: y }", "max(x)"), to: store)
        for answer in try Self.answers(store, fixture, version: 1) {
            #expect(answer.hasPrefix("view 'clicks' has no feature 'x' as svc@1 knew it"), "\(answer)")
        }
        #expect(try Set(Self.answers(store, fixture, version: 2)).count == 1)
    }

    @Test func `a feature that gets the name of one that is pruned in the same step goes on with its history`() throws {
        let store = try TestStore("")
        try Self.apply(Self.ours("x: string, y: int64", "stats.x"), to: store)
        try Self.apply(Self.ours("y: int64", "stats.y"), to: store)
        try Self.ingest(store, "stats", [.int64(7)])
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(Self.ours("x: { type: int64, was: y }", "stats.x"), to: store, prunes: true)
        #expect(try store.session.query("SELECT x FROM online.stats").int64(0, 0) == 7)
        #expect(try Self.answers(store, fixture, version: 1)[1].hasPrefix("view 'stats' has no feature 'x' as svc@1"))
        #expect(try Set(Self.answers(store, fixture, version: 2)) == ["stats__y"])
    }

    @Test func `a service that was retired and is put in force again reads what its file says`() throws {
        let store = try TestStore("")
        try Self.apply(Self.ours("score: float64", "stats.score"), to: store)
        try Self.apply(Self.ours(nil, nil), to: store, prunes: true)
        let fixture = try ServingFixture(store.conninfo)
        try Self.apply(Self.ours("score: float64", nil), to: store)
        #expect(try Self.answers(store, fixture, version: 1)[1].hasPrefix("no view 'stats' as svc@1 knew it"))
        try Self.apply(Self.ours("score: float64", "stats.score"), to: store)
        #expect(try Registry.load(store.session).service(named: "svc")?.version == 1)
        #expect(try Set(Self.answers(store, fixture, version: nil)) == ["stats__score"])
        #expect(try Set(Self.answers(store, fixture, version: 1)) == ["stats__score"])
    }

    @Test func `retired data that comes back is what a version read`() throws {
        let store = try TestStore("")
        try Self.apply(Self.ours("score: float64, x: int64", "stats.x, stats.score"), to: store)
        try Self.apply(Self.ours("score: float64", "stats.score"), to: store)
        try Self.apply(Self.ours(nil, "other.n"), to: store)
        let fixture = try ServingFixture(store.conninfo)
        #expect(try Set(Self.answers(store, fixture, version: 1)) == ["stats__x stats__score"])
        try Self.apply(Self.ours("score: float64, x: int64", "other.n"), to: store)
        #expect(try Set(Self.answers(store, fixture, version: 1)) == ["stats__x stats__score"])
    }

    @Test func `a store from before tells what was made anew`() throws {
        let store = try TestStore("")
        try Self.apply(Self.ours("score: float64, x: int64", "stats.x, other.n"), to: store)
        try Self.apply(Self.ours("score: float64, x: int64", "stats.score, other.n"), to: store)
        try Self.apply(Self.ours("score: float64", "stats.score, other.n"), to: store, prunes: true)
        try Self.apply(Self.ours("score: float64, x: int64", "stats.score, other.n"), to: store)
        func since() throws -> [String?] {
            let rows = try store.session.query(
                """
                SELECT name || ' ' || since FROM asof.views WHERE name <> 'other'
                UNION ALL SELECT name || ' ' || since FROM asof.features WHERE name <> 'n' ORDER BY 1
                """
            )
            return (0..<rows.count).map { rows.text($0, 0) }
        }
        func takeBack() throws {
            try store.session.execute(
                """
                ALTER TABLE asof.views DROP COLUMN since; ALTER TABLE asof.features DROP COLUMN since;
                DELETE FROM asof.migrations WHERE number = 13
                """
            )
            #expect(try Migrator.migrate(store.session) == ["0013_since.sql"])
        }
        #expect(try since() == ["score 1", "stats 1", "x 4"])
        try takeBack()
        #expect(try since() == ["score 0", "stats 0", "x 4"])
        try Self.apply(Self.ours(nil, "other.n"), to: store, prunes: true)
        try Self.apply(Self.theirs, to: store)
        try takeBack()
        #expect(try since() == ["score 0", "stats 6"])
        let fixture = try ServingFixture(store.conninfo)
        #expect(try Self.answers(store, fixture, version: 2)[1].hasPrefix("no view 'stats' as svc@2 knew it"))
    }
}
