import Features
import Postgres
import TestSupport
import Testing

@testable import Segments
@testable import Store
@testable import TrainingSets

/// What a scan asks the ledger costs by what is behind the files, not by how long the ledger is.
@Suite struct LedgerLengthTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          a: { entities: [user], partition: day, features: { n: int64 } }
          b: { entities: [user], partition: day, features: { n: int64 } }
        """
    private static let day: Int64 = 86_400_000_000
    private static let start: Int64 = 1_704_067_200_000_000
    private static let ledgerRows = 200_000

    private static func row(day: Int64, _ n: Int64) -> HistoryRow {
        HistoryRow([.int64(1)], at: start + day * Self.day + n, [.int64(n)])
    }

    /// Commits of views a and b in turn, without rows of history.
    private static func lengthen(_ store: TestStore) throws {
        _ = try store.session.transaction(.write) { () throws(StoreError) in
            try store.session.execute(
                """
                INSERT INTO asof.batches (position, batch, view, kind, rows, committed_at, uid, min_event_time,
                    max_event_time, batch_high)
                SELECT l.position + n, l.batch_high + n, v.ids[1 + n % 2], 'data', 1,
                    l.committed_at + n * interval '1 microsecond', gen_random_uuid(),
                    l.committed_at, l.committed_at, l.batch_high + n
                FROM generate_series(1, \(ledgerRows)) n,
                    (SELECT * FROM asof.batches ORDER BY position DESC LIMIT 1) l,
                    (SELECT array_agg(id ORDER BY name) AS ids FROM asof.views) v;
                SELECT setval('asof.batch_numbers', max(batch)) FROM asof.batches
                """
            )
        }
        _ = try store.session.connection.execute("ANALYZE asof.batches")
    }

    private static func plan(
        _ sql: String,
        _ parameters: [Parameter],
        _ session: Session
    ) throws -> String {
        let rows = try session.query("EXPLAIN " + sql, parameters)
        return (0..<rows.count).compactMap { rows.text($0, 0) }.joined(separator: "\n")
    }

    /// How many of the ledger's rows were read so far.
    private static func rowsRead(_ session: Session) throws -> Int64 {
        // Others add what they have read when they end.
        let isAlone = try Patience.wait {
            try session.query(
                """
                SELECT count(*) = 1 FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend'
                """
            ).bool(0, 0) == true
        }
        #expect(isAlone)
        try session.query("SELECT pg_stat_force_next_flush()")
        let read = try session.query(
            """
            SELECT pg_stat_get_tuples_returned('asof.batches'::regclass) + pg_stat_get_tuples_fetched('asof.batches'::regclass)
            """
        )
        return read.int64(0, 0) ?? -1
    }

    @Test func `with 200,000 ledger rows, finding files and the rows behind them reads the ledger by its index`() throws
    {
        let store = try TestStore(Self.yaml)
        let view = try store.view("a")
        for day in 0..<3 as Range<Int64> { try store.ingest("a", [Self.row(day: day, 1)]) }
        try Self.lengthen(store)
        let fixture = try SegmentFixture(store)
        try fixture.build("a")
        let covered = try Ledger(store.session).head().position
        #expect(covered == Int64(Self.ledgerRows) + 4)
        try store.ingest("a", [Self.row(day: 0, 2)])
        try store.ingest("a", [Self.row(day: 2, 2)])
        let session = store.session
        let pinned = try Ledger(session).pin(try Ledger(session).head())

        let statements: [(String, [Parameter])] = [
            (SegmentValidity.statesQuery, [.int64Array([covered])]),
            (SegmentValidity.removalQuery, [.int32(view.id), .int64(covered)]),
            (TailQuery.batchesQuery, [.int32(view.id), .int64(pinned.state.position), .int64(covered)]),
            (BatchPositions.query, [.int32(view.id), .int64(pinned.state.position), .int64(covered)]),
        ]
        for (sql, parameters) in statements {
            let plan = try Self.plan(sql, parameters, session)
            #expect(plan.contains("batches_pkey") && !plan.contains("Seq Scan"), "\(sql)\n\(plan)")
        }

        let before = try Self.rowsRead(session)
        let found = try fixture.find("a")
        #expect(found.parts.map { $0.segment?.state.position } == [covered, covered, covered])
        let queries = try TailQuery.make(
            view,
            features: view.definition.features,
            parts: found.parts,
            pinned: pinned,
            sharedOutTo: 1,
            session
        )
        #expect(queries.count == 1)
        let positions = try BatchPositions(view, after: covered, upTo: pinned.state, session)
        #expect(positions.place(pinned.batchMax) == 1 && positions.place(1) == -1)
        let read = try Self.rowsRead(session) - before
        #expect(read < 1_000, "\(read) rows of the ledger were read")
    }

    @Test func `rows that a file lacks are looked for in the batches that may have them`() throws {
        let store = try TestStore(Self.yaml)
        let view = try store.view("a")
        for day in 0..<3 as Range<Int64> { try store.ingest("a", [Self.row(day: day, 1)]) }
        let fixture = try SegmentFixture(store)
        try fixture.build("a")
        var batches: [Int64] = []
        for day in [2, 0, 2, 1] as [Int64] {
            try store.ingest("a", [Self.row(day: day, 5 + Int64(batches.count))])
            batches.append(try Ledger(store.session).pin(try store.head()).batchMax)
        }
        let pinned = try Ledger(store.session).pin(try store.head())
        var parts = try fixture.find("a").parts
        // The files of later partitions have all rows.
        for index in 1..<3 {
            var segment = try #require(parts[index].segment)
            segment.state = pinned.state
            parts[index] = ViewSegments.Part(
                number: parts[index].number,
                range: parts[index].range,
                segment: segment,
                columns: parts[index].columns
            )
        }
        let queries = try TailQuery.make(
            view,
            features: view.definition.features,
            parts: parts,
            pinned: pinned,
            sharedOutTo: 2,
            store.session
        )
        #expect(queries.count == 1)
        #expect(queries.first?.sql.contains("h._batch = ANY ('{\(batches[1])}'::bigint[])") == true, "\(queries)")
    }
}
