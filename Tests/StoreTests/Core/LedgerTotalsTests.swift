import Features
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store

@Suite struct LedgerTotalsTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          a: { entities: [user], partition: day, features: { n: int64 } }
          b: { entities: [user], partition: day, features: { n: int64 } }
          never: { entities: [user], partition: day, features: { n: int64 } }
        """
    private static let day: Int64 = 86_400_000_000
    private static let start: Int64 = 1_704_067_200_000_000

    /// The next batch is one of those that write totals down.
    private static func keepNext(_ store: TestStore) throws {
        let step = Limits.ledgerTotalsBatches
        try store.session.execute(
            "SELECT setval('asof.batch_numbers', (last_value / \(step) + 1) * \(step), false) FROM asof.batch_numbers"
        )
    }

    /// The totals by a plain sum over the whole ledger.
    private static func summed(_ store: TestStore) throws -> [Int32: LedgerTotals] {
        let rows = try store.session.query(
            """
            SELECT view, sum(CASE kind WHEN 'data' THEN rows WHEN 'materialize' THEN rows WHEN 'forget' THEN -rows
                    WHEN 'drop' THEN -rows ELSE 0 END)::bigint,
                max(max_event_time) FILTER (WHERE kind = 'data'), max(max_event_time) FILTER (WHERE kind IN ('forget', 'drop')),
                max(position), max(position) FILTER (WHERE kind = 'data')
            FROM asof.batches GROUP BY view
            """
        )
        var totals: [Int32: LedgerTotals] = [:]
        for row in 0..<rows.count {
            let view = try #require(rows.int32(row, 0))
            let newest = rows.timestamp(row, 2)
            let first = try store.session.query(
                "SELECT min(position) FROM asof.batches WHERE view = $1 AND kind = 'data' AND max_event_time = $2",
                [.int32(view), .timestamp(microseconds: newest)]
            )
            totals[view] = LedgerTotals(
                rows: rows.int64(row, 1) ?? 0,
                newest: newest.map { Timestamp(microseconds: $0) },
                newestPosition: first.int64(0, 0),
                newestRemoved: rows.timestamp(row, 3).map { Timestamp(microseconds: $0) },
                lastPosition: rows.int64(row, 4) ?? 0,
                storedPosition: rows.int64(row, 5)
            )
        }
        return totals
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `totals are what the ledger adds up to, kept at whatever positions`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        var kept = 0
        for step in 0..<30 {
            if random.oneIn(3) {
                try Self.keepNext(store)
                kept += 1
            }
            let view = random.pick(["a", "b"])
            switch random.int(0...7) {
            case 0:
                let time = Timestamp(microseconds: Self.start + Int64(random.int(0...5)) * Self.day)
                _ = try HistoryDrop(store.session, try store.view(view)).run(before: time)
            case 1:
                _ = try Forgetting(
                    store.session,
                    entity: "user",
                    key: "\(random.int(1...3))",
                    store.registry.definitions
                ).run()
            case 2: _ = try OnlineRebuild(store.session).run(try store.view(view))
            default:
                let rows = (0...random.int(0...3)).map { _ in
                    HistoryRow(
                        [.int64(Int64(random.int(1...3)))],
                        at: Self.start + Int64(random.int(0...9)) * Self.day + Int64(step),
                        [.int64(Int64(step))]
                    )
                }
                try store.ingest(view, rows)
            }
            #expect(try Ledger(store.session).totals() == Self.summed(store), "seed \(seed), step \(step)")
        }
        #expect(kept > 0)
        #expect(try store.violations() == [], "seed \(seed)")
    }

    @Test func `rows of the ledger before the kept position are not read`() throws {
        let store = try TestStore(Self.yaml)
        let view = try store.view("a")
        for day in 0..<5 as Range<Int64> {
            try store.ingest("a", [HistoryRow([.int64(1)], at: Self.start + day * Self.day, [.int64(day)])])
        }
        try Self.keepNext(store)
        try store.ingest("b", [HistoryRow([.int64(1)], at: Self.start, [.int64(1)])])
        let totals = try Ledger(store.session).totals()
        #expect(totals[view.id]?.rows == 5)
        #expect(totals[try store.view("b").id]?.rows == 1)
        // Whoever read them would see it.
        try store.session.execute("UPDATE asof.batches SET rows = 1000000 WHERE view = \(view.id)")
        #expect(try Ledger(store.session).totals() == totals)
        let status = try StoreStatus.read(store.session)
        #expect(status.views.map(\.rows) == [5, 1, 0])
        let first = try #require(status.views.first)
        #expect(first.newest?.microseconds == Self.start + 4 * Self.day)
        #expect(first.lastBatch?.kind == "data")
        #expect(first.lagUs != nil)
        #expect(status.commitsPerDay == Double(status.head.position))
    }

    @Test func `many writers that keep totals at once leave the newest, and none waits for ever`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("a", [HistoryRow([.int64(1)], at: Self.start, [.int64(1)])])
        try store.ingest("b", [HistoryRow([.int64(1)], at: Self.start, [.int64(1)])])
        // Each batch keeps totals.
        try store.session.execute(
            "ALTER SEQUENCE asof.batch_numbers INCREMENT BY \(Limits.ledgerTotalsBatches); "
                + "SELECT setval('asof.batch_numbers', \(Limits.ledgerTotalsBatches))"
        )
        let views = [try store.view("a"), try store.view("b")]
        let conninfo = store.conninfo
        let failures = SideBySide.run(4) { writer in
            let session = try Session(conninfo: conninfo)
            for step in 0..<25 as Range<Int64> {
                let view = views[(writer + Int(step)) % 2]
                let rows = TestStore.viewRows(
                    [HistoryRow([.int64(Int64(writer))], at: Self.start + step, [.int64(step)])],
                    view
                )
                let ingestion = try TestStore.ingestion(view, like: rows, session)
                try ingestion.append(rows)
                _ = try ingestion.finish()
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        #expect(try Ledger(store.session).totals() == Self.summed(store))
        let kept = try store.session.query("SELECT max(position) FROM asof.ledger_totals").int64(0, 0) ?? 0
        // All but the commits that were under way when the last totals were seen.
        #expect(kept >= (try store.head().position) - 5)
        #expect(try store.violations() == [])
    }

    @Test func `a store of before is summed once, by its migration`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        let (registry, _) = try Registry.apply(try Definitions.parse(yaml: Self.yaml, file: "features.yaml"), session)
        let view = try registry.view(named: "a")
        let rows = TestStore.viewRows([HistoryRow([.int64(1)], at: Self.start, [.int64(1)])], view)
        let ingestion = try TestStore.ingestion(view, like: rows, session)
        try ingestion.append(rows)
        _ = try ingestion.finish()
        let totals = try Ledger(session).totals()
        let migration = try #require(Migration.all.first { $0.name == "0007_ledger_totals.sql" })
        try session.execute(
            "DROP TABLE asof.ledger_totals; DELETE FROM asof.migrations WHERE number = \(migration.number)"
        )
        #expect(try Migrator.migrate(session) == [migration.name])
        try session.execute("UPDATE asof.batches SET rows = 99")
        #expect(try Ledger(session).totals() == totals)
    }
}
