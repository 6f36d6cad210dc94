import Features
import PointInTime
import Postgres
import Store
import TestSupport
import Testing

/// Writers side by side, compared with a model that knows nothing but the ledger's positions.
@Suite struct ParallelIngestTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          a: { entities: [user], partition: day, features: { id: int64 } }
          b: { entities: [user], partition: none, features: { id: int64 } }
        """

    private static let keyCount = 10
    private static let base: Int64 = 1_700_000_000_000_000

    /// Rows whose `id` tells them apart, with few keys and few event times.
    private static func rows(writer: Int, batch: Int, count: Int, _ random: inout SeededRandom) -> [HistoryRow] {
        (0..<count).map { row in
            HistoryRow(
                [.int64(Int64(random.int(0...keyCount - 1)))],
                at: base + Int64(random.int(0...4)) * 3_600_000_000 * 12,
                [.int64(Int64(writer * 1_000_000 + batch * 1_000 + row))]
            )
        }
    }

    /// What a batch leaves of its rows: the last of each key and event time.
    private static func kept(_ rows: [HistoryRow]) -> Set<Int64> {
        var last: [[Value]: Int64] = [:]
        for row in rows {
            guard case .int64(let id) = row.features[0] else { continue }
            last[row.keys + [.int64(row.eventTime)]] = id
        }
        return Set(last.values)
    }

    private struct Stored {
        let key: Int64
        let eventTime: Int64
        let id: Int64
        let position: Int64
    }

    private static func history(_ view: String, _ session: Session) throws -> [Stored] {
        let rows = try session.query(
            """
            SELECT h.user_id, h._event_time, h.id, b.position FROM history."\(view)" h
            LEFT JOIN asof.batches b ON b.batch = h._batch GROUP BY 1, 2, 3, 4, h._batch
            """
        )
        return (0..<rows.count).map {
            Stored(
                key: rows.int64($0, 0) ?? -1,
                eventTime: rows.timestamp($0, 1) ?? -1,
                id: rows.int64($0, 2) ?? -1,
                position: rows.int64($0, 3) ?? -1
            )
        }
    }

    /// The id of each key's latest row, by the rule: greatest event time, then greatest position.
    private static func latest(_ rows: [Stored]) -> [Int64: Int64] {
        var best: [Int64: Stored] = [:]
        for row in rows {
            if let other = best[row.key], (other.eventTime, other.position) > (row.eventTime, row.position) { continue }
            best[row.key] = row
        }
        return best.mapValues(\.id)
    }

    private static func online(_ view: String, _ session: Session) throws -> [Int64: Int64] {
        let rows = try session.query("SELECT user_id, id FROM online.\"\(view)\"")
        return Dictionary(
            uniqueKeysWithValues: (0..<rows.count).map { (rows.int64($0, 0) ?? -1, rows.int64($0, 1) ?? -1) }
        )
    }

    private static func exported(_ view: String, at state: LedgerState, _ store: TestStore) throws -> [Int64: Int64] {
        let keys = (0..<keyCount).map { Value.int64(Int64($0)) }
        let spine = ColumnBatch(
            names: ["user_id", "t"],
            columns: [
                Column(type: .int64, keys),
                Column(type: .timestamp, values: .int64(keys.map { _ in base + 100 * 86_400_000_000 })),
            ],
            rowCount: keyCount
        )
        var found: [Int64: Int64] = [:]
        for (key, value) in zip(
            keys,
            try store.export("\(view).id", spine: spine, labelTime: "t", state: state).batch.columns[2].boxed
        ) {
            if case (.int64(let key), .int64(let id)) = (key, value) { found[key] = id }
        }
        return found
    }

    private func expectModel(_ view: String, _ store: TestStore, _ seed: UInt64) throws {
        let rows = try Self.history(view, store.session).filter { $0.key >= 0 }
        let online = try Self.online(view, store.session).filter { $0.key >= 0 }
        #expect(online == Self.latest(rows), "seed \(seed), online")
        let head = try store.head().position
        for position in [head, head / 2, head / 3] {
            let state = try Ledger(store.session).state(at: position)
            let model = Self.latest(rows.filter { $0.position <= position })
            #expect(try Self.exported(view, at: state, store) == model, "seed \(seed), position \(position)")
        }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `eight ingests of one view lose no row, and online, history and every position agree on ties`(
        seed: UInt64
    ) throws {
        let store = try TestStore(Self.yaml)
        let (view, conninfo) = (try store.view("a"), store.conninfo)
        let (writers, batches, count) = (8, 12, 20)
        @Sendable func input(_ writer: Int) -> [[HistoryRow]] {
            var random = SeededRandom(seed: seed &* 1_000 &+ UInt64(writer))
            return (0..<batches).map { Self.rows(writer: writer, batch: $0, count: count, &random) }
        }
        let failures = SideBySide.run(writers) { writer in
            var options = IngestionOptions()
            options.batchRowsMax = count
            let columns = input(writer).map { TestStore.viewRows($0, view) }
            let ingestion = try TestStore.ingestion(
                view,
                like: columns[0],
                try Session(conninfo: conninfo),
                source: writer % 2 == 0 ? "writer \(writer)" : nil,
                options: options
            )
            for rows in columns { try ingestion.append(rows) }
            _ = try ingestion.finish()
        }
        #expect(failures.isEmpty, "seed \(seed): \(failures)")
        let expected = (0..<writers).flatMap { input($0).map(Self.kept) }.reduce(into: Set<Int64>()) {
            $0.formUnion($1)
        }
        let stored = try Self.history("a", store.session)
        #expect(stored.count == expected.count, "seed \(seed)")
        #expect(Set(stored.map(\.id)) == expected, "seed \(seed)")
        // One position for the definitions, one for each batch, none left out.
        #expect(try store.head().position == Int64(1 + writers * batches))
        #expect(try store.violations() == [])
        try expectModel("a", store, seed)
    }

    @Test(arguments: [3, 4] as [UInt64])
    func `transactions over two views, named in any order, wait for one another but never in a circle`(
        seed: UInt64
    ) throws {
        let store = try TestStore(Self.yaml)
        // Makes every partition that the transactions need.
        let all = (0..<5).map { HistoryRow([.int64(-1)], at: Self.base + Int64($0) * 43_200_000_000, [.int64(-1)]) }
        for view in ["a", "b"] { try store.ingest(view, all) }
        let (a, b, conninfo) = (try store.view("a"), try store.view("b"), store.conninfo)
        let failures = SideBySide.run(8) { writer in
            var random = SeededRandom(seed: seed &* 1_000 &+ UInt64(writer))
            let session = try Session(conninfo: conninfo)
            for batch in 0..<12 {
                let rows = Self.rows(writer: writer, batch: batch, count: 8, &random)
                let transaction = try WriteTransaction(session: session, views: writer % 2 == 0 ? [a, b] : [b, a])
                for view in [a, b] { _ = try transaction.write(TestStore.viewRows(rows, view), to: view) }
                _ = try transaction.commit()
            }
        }
        #expect(failures.isEmpty, "seed \(seed): \(failures)")
        #expect(try store.head().position == 3 + 8 * 12)
        #expect(try store.violations() == [])
        let (left, right) = (try Self.history("a", store.session), try Self.history("b", store.session))
        #expect(Set(left.map(\.id)) == Set(right.map(\.id)))
        for view in ["a", "b"] { try expectModel(view, store, seed) }
        #expect(try Self.online("a", store.session) == Self.online("b", store.session))
    }

    @Test func `a writer that waits too long for a view says that it was locked, and stores nothing`() throws {
        let store = try TestStore(Self.yaml)
        let row = HistoryRow([.int64(1)], at: Self.base, [.int64(1)])
        try store.ingest("a", [row])
        let view = try store.view("a")
        let holder = try Session(conninfo: store.conninfo)
        try holder.begin(.write)
        try holder.lock(AdvisoryLock.view(view.id))
        var options = IngestionOptions()
        options.lockTimeoutMs = 50
        let refused = #expect(throws: StoreError.self) { try store.ingest("a", [row], options: options) }
        #expect("\(refused.map { "\($0)" } ?? "")".contains("view 'a' was locked"), "\(String(describing: refused))")
        // Another view's writers do not wait.
        try store.ingest("b", [row], options: options)
        holder.connection.rollBack()
        try store.ingest("a", [row], options: options)
        #expect(try store.violations() == [])
        #expect(try Self.history("a", store.session).count == 2)
    }
}
