import Features
import PointInTime
import Postgres
import Store
import TestSupport
import Testing
import TrainingSets

/// Definitions that change in a store that is in use.
@Suite struct ApplyTests {
    private static func yaml(
        _ features: String,
        online: Bool = true,
        services: String = "",
        more: String = ""
    ) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], online: \(online), features: { \(features) } }
        \(more)\(services.isEmpty ? "" : "services:\n" + services)
        """
    }

    private static let base: Int64 = 1_700_000_000_000_000

    private static func row(_ key: Int64, at second: Int64, _ features: Value...) -> HistoryRow {
        HistoryRow([.int64(key)], at: base + second * 1_000_000, features)
    }

    private static func spine(_ count: Int) -> ColumnBatch {
        ColumnBatch(
            names: ["user_id", "t"],
            columns: [
                Column(type: .int64, (0..<count).map { .int64(Int64($0 % 10)) }),
                Column(type: .timestamp, values: .int64((0..<count).map { base + Int64($0 % 100) * 1_000_000 })),
            ],
            rowCount: count
        )
    }

    private static func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "nothing was thrown"
    }

    @Test func `a view that changes under a running ingest stops it with a conflict, and a rerun goes on`() throws {
        let store = try TestStore(Self.yaml("x: int64"))
        let view = try store.view("stats")
        var options = IngestionOptions()
        options.batchRowsMax = 2
        let first = [Self.row(1, at: 1, .int64(1)), Self.row(2, at: 1, .int64(2))]
        let second = [Self.row(1, at: 2, .int64(3)), Self.row(2, at: 2, .int64(4))]
        let session = try Session(conninfo: store.conninfo)
        let like = TestStore.viewRows([], view)
        let running = try TestStore.ingestion(view, like: like, session, source: "s", options: options)
        try running.append(TestStore.viewRows(first, view))
        try running.settle()
        try store.apply(Self.yaml("x: int64, y: float64"))
        let refused = Self.message {
            try running.append(TestStore.viewRows(second, view))
            _ = try running.finish()
        }
        #expect(refused.contains("changed meanwhile; run the command again"), "\(refused)")
        #expect(try store.violations() == [])
        // The rerun knows the new view, whose new feature the source does not have.
        let now = try store.view("stats")
        let rows = (first + second).map { row in
            HistoryRow(row.keys, at: row.eventTime, row.features + [.null])
        }
        let rerun = try TestStore.ingestion(now, like: like, session, source: "s", absent: ["y"], options: options)
        try rerun.append(TestStore.viewRows(rows, now))
        let summary = try rerun.finish()
        #expect(summary.rows == 2 && summary.resumedRows == 2)
        #expect(try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 4)
        #expect(try store.violations() == [])
    }

    @Test func `a feature that comes back has online what history says, not what it was when it went`() throws {
        let store = try TestStore(Self.yaml("x: int64, y: int64"))
        try store.ingest(
            "stats",
            [Self.row(1, at: 1, .int64(1), .int64(10)), Self.row(2, at: 1, .int64(2), .int64(20))]
        )
        try store.apply(Self.yaml("x: int64"))
        try store.ingest("stats", [Self.row(1, at: 2, .int64(3))])
        try store.apply(Self.yaml("x: int64, y: int64"))
        #expect(try store.violations() == [])
        let online = try store.session.query("SELECT y FROM online.stats ORDER BY user_id")
        #expect(online.isNull(0, 0) && online.int64(1, 0) == 20)
        let exported = try store.export("stats.y", spine: Self.spine(100), labelTime: "t")
        #expect(exported.batch.columns[2].value(91) == .null)
        #expect(exported.batch.columns[2].value(92) == .int64(20))
    }

    @Test func `a view that goes online is filled with the latest of history, tombstones and ties included`() throws {
        let store = try TestStore(Self.yaml("x: int64", online: false))
        for round in 0..<4 {
            let rows = (0..<10).map { key in
                HistoryRow(
                    [.int64(Int64(key))],
                    at: Self.base + Int64((key * 3 + round * 5) % 4),
                    isDeleted: (key + round) % 5 == 0,
                    [.int64(Int64(round))]
                )
            }
            try store.ingest("stats", rows)
        }
        #expect(try store.session.query("SELECT to_regclass('online.stats') IS NULL").bool(0, 0) == true)
        try store.apply(Self.yaml("x: int64", online: true))
        #expect(try store.session.query("SELECT count(*) FROM online.stats").int64(0, 0) == 10)
        #expect(try store.violations() == [])
        try store.ingest("stats", [Self.row(3, at: 100, .int64(9))])
        try store.apply(Self.yaml("x: int64", online: false))
        try store.ingest("stats", [Self.row(3, at: 101, .int64(10))])
        try store.apply(Self.yaml("x: int64", online: true))
        #expect(try store.violations() == [])
    }

    @Test func `a view that was retired comes back with its history and its online rows`() throws {
        let extra = "  other: { entities: [user], features: { z: int64 } }\n"
        let store = try TestStore(Self.yaml("x: int64", more: extra))
        let row = HistoryRow([.int64(1)], at: Self.base, [.int64(1)])
        try store.ingest("other", [row], source: "s")
        let view = try store.view("other")
        try store.apply(Self.yaml("x: int64"))
        #expect(throws: StoreError.self) { try store.view("other") }
        // A writer that knew it as it was is told.
        let refused = Self.message {
            _ = try WriteTransaction(session: try Session(conninfo: store.conninfo), views: [view])
        }
        #expect(refused.contains("changed meanwhile"), "\(refused)")
        try store.apply(Self.yaml("x: int64", more: extra))
        #expect(try store.ingest("other", [row], source: "s").rows == 0)
        #expect(try store.session.query("SELECT z FROM online.other").int64(0, 0) == 1)
        try store.ingest("other", [HistoryRow([.int64(1)], at: Self.base + 1, [.int64(2)])])
        #expect(try store.violations() == [])
    }

    @Test func `a service's version goes up when its columns change, and comes back with the columns`() throws {
        let (one, two) = ("  rank: [stats.x]\n", "  rank: [stats.x, stats.y]\n")
        let store = try TestStore(Self.yaml("x: int64, y: float64", services: one))
        func version() -> Int? { store.registry.service(named: "rank")?.version }
        let fingerprint = store.registry.service(named: "rank")?.definition.fingerprint
        #expect(version() == 1)
        try store.apply(Self.yaml("x: int64, y: float64", services: two))
        #expect(version() == 2)
        #expect(store.registry.service(named: "rank")?.definition.fingerprint != fingerprint)
        // Removed, then back as it was: the same version.
        try store.apply(Self.yaml("x: int64, y: float64"))
        #expect(version() == nil)
        try store.apply(Self.yaml("x: int64, y: float64", services: two))
        #expect(version() == 2)
        // A list that there was before is that version again, and one that was not there the next.
        try store.apply(Self.yaml("x: int64, y: float64", services: one))
        #expect(version() == 1)
        #expect(store.registry.service(named: "rank")?.definition.fingerprint == fingerprint)
        #expect(try Registry.load(store.session).service(named: "rank")?.version == 1)
        try store.apply(Self.yaml("x: int64, y: float64", services: "  rank: [stats.y]\n"))
        #expect(version() == 3)
        // After the return, too, a number is taken once.
        try store.apply(Self.yaml("x: int64, y: float64", services: two))
        #expect(version() == 2)
        #expect(try Registry.StoredService.named("rank", version: 2, store.session).definition.columns.count == 2)
    }

    @Test func `refused changes apply nothing, not even what would be fine by itself`() throws {
        let store = try TestStore(Self.yaml("x: int64"))
        let head = try store.head()
        let refused = Self.message {
            try store.apply(
                Self.yaml("x: string", more: "  other: { entities: [user], features: { z: int64 } }\n")
            )
        }
        #expect(refused.contains("x"), "\(refused)")
        #expect(try store.head() == head)
        #expect(try store.session.query("SELECT to_regclass('history.other') IS NULL").bool(0, 0) == true)
        #expect(try Registry.load(store.session).version == 1)
    }

    @Test func `an apply that waits behind a writer gives up in time, changes nothing and lets writers go on`() throws {
        let store = try TestStore(Self.yaml("x: int64"))
        try store.ingest("stats", [Self.row(1, at: 0, .int64(0))])
        let view = try store.view("stats")
        let writer = try Session(conninfo: store.conninfo)
        let open = try WriteTransaction(session: writer, views: [view])
        _ = try open.write(TestStore.viewRows([Self.row(1, at: 1, .int64(1))], view), to: view)
        let new = try Definitions.parse(yaml: Self.yaml("x: int64, y: float64"), file: "features.yaml")
        let refused = Self.message { _ = try Registry.apply(new, store.session, lockTimeoutMs: 50) }
        #expect(refused.contains("nothing was applied") && refused.contains("run the command again"), "\(refused)")
        try store.ingest("stats", [Self.row(2, at: 1, .int64(2))])
        _ = try open.commit()
        #expect(try Registry.apply(new, store.session, lockTimeoutMs: 50).0.version == 2)
        #expect(try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 3)
    }

    @Test func `features are added and writers write while exports run, and the exports do not change`() throws {
        let store = try TestStore(Self.yaml("x: int64"))
        try store.ingest("stats", (0..<1_000).map { Self.row($0 % 10, at: $0 / 10, .int64($0)) })
        let state = try store.head()
        let spine = Self.spine(20_000)
        let columns = try FeatureSelection(text: "stats.x").columns(in: store.registry.definitions)
        let registry = store.registry
        let spec = try TrainingSetSpec(
            plan: try FeaturePlan(columns) { name throws(StoreError) in try registry.view(named: name) },
            labelTime: "t",
            spine: zip(spine.names, spine.columns).map { ColumnSchema(name: $0, type: $1.type) },
            state: state,
            options: JoinOptions()
        )
        let before = try store.export("stats.x", spine: spine, labelTime: "t", state: state).digest
        let conninfo = store.conninfo
        let failures = SideBySide.run(2) { thread in
            let session = try Session(conninfo: conninfo)
            if thread == 1 {
                let other = try Session(conninfo: conninfo)
                for _ in 0..<4 {
                    let join = try TrainingSetJoin(spec, sessions: [session, other])
                    _ = try join.join(spine)
                    try join.finish()
                    #expect(join.contentDigest.text == before)
                }
                return
            }
            for version in 0..<6 {
                let yaml = Self.yaml("x: int64, y\(version): float64")
                let (registry, _) = try Registry.apply(try Definitions.parse(yaml: yaml, file: "f.yaml"), session)
                let view = try registry.view(named: "stats")
                let rows = TestStore.viewRows([Self.row(1, at: 51, .int64(-1), .float64(1))], view)
                let ingestion = try TestStore.ingestion(view, like: rows, session)
                try ingestion.append(rows)
                _ = try ingestion.finish()
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        #expect(try store.export("stats.x", spine: spine, labelTime: "t", state: state).digest == before)
        #expect(try store.export("stats.x", spine: spine, labelTime: "t").digest != before)
    }

    /// Equivalent strings are equal in Swift, and others in PostgreSQL.
    @Test(arguments: [0, 1, 2])
    func `a text of other bytes is applied although Unicode calls it equivalent`(place: Int) throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        func yaml(_ places: Set<Int>) -> String {
            func text(_ place: Int) -> String { places.contains(place) ? composed : decomposed }
            return """
                entities: { user: { key: user_id, type: int64 } }
                views:
                  stats:
                    entities: [user]
                    features: { s: { type: string, in: [\(text(0))], description: \(text(1)) } }
                    source: { sql: "SELECT '\(text(2))', :from, :to" }
                """
        }
        let store = try TestStore(yaml([]))
        try store.apply(yaml([place]))
        #expect(store.registry.version == 2)
        for query in [
            "SELECT document::text FROM asof.definitions WHERE version = 2", "SELECT definition::text FROM asof.views",
        ] {
            let text = try #require(try store.session.query(query).text(0, 0))
            #expect(Array(text.unicodeScalars).count { $0 == "\u{E9}" } == 1, "\(text)")
        }
        try store.apply(yaml([place]))
        #expect(store.registry.version == 2)
        guard place == 0 else { return }
        try store.ingest("stats", [Self.row(1, at: 0, .string(composed))])
        #expect(throws: StoreError.self) { try store.ingest("stats", [Self.row(1, at: 0, .string(decomposed))]) }
    }
}
