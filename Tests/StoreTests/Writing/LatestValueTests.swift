import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

/// The latest value of an entity: ages, and batches in any order.
@Suite struct LatestValueTests {
    @Test(arguments: [true, false], [false, true])
    func `a latest value older than the TTL is expired, online or not`(isOnline: Bool, isPinned: Bool) throws {
        let store = try TestStore(
            """
            entities:
              user: { key: user_id, type: int64 }
            views:
              stats: { entities: [user], ttl: 1h, delay: 1m, online: \(isOnline), features: { n: int64 } }
            """
        )
        let now = try #require(try store.session.query("SELECT clock_timestamp()").timestamp(0, 0))
        try store.ingest(
            "stats",
            [
                HistoryRow([.int64(1)], at: now - 3_700_000_000, [.int64(1)]),
                HistoryRow([.int64(2)], at: now - 3_000_000_000, [.int64(2)]),
                HistoryRow([.int64(3)], at: now - 1, [.null]),
                HistoryRow([.int64(4)], at: now - 1, isDeleted: true, [.int64(4)]),
            ]
        )
        let state = isPinned ? try store.head() : nil
        let expected: [(Value, ValueStatus)] = [
            (.null, .expired), (.int64(2), .present), (.null, .null), (.null, .missing), (.null, .missing),
        ]
        for (index, (value, status)) in expected.enumerated() {
            let row = try EntityLookup(store.session).read(
                ViewRole(try store.view("stats")),
                keys: [.int64(Int64(index + 1))],
                .latest,
                state: state
            )
            #expect(row.values == [value], "user \(index + 1)")
            #expect(row.statuses == [status], "user \(index + 1)")
        }
    }

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          word: { key: word, type: string }
        views:
          stats: { entities: [user, word], features: { n: int64, x: float64 } }
        """

    /// Batches in which no entity has two rows of one event time.
    private func batches(_ random: inout SeededRandom) -> [[HistoryRow]] {
        var seen: Set<[UInt8]> = []
        return (0..<6).map { _ in
            (0..<20).compactMap { _ in
                let keys: [Value] = [.int64(Int64(random.int(0...3))), .string(random.pick(RandomHistory.words))]
                let time = Int64(random.int(0...30)) * 1_000_000
                guard seen.insert(keys.flatMap(\.identity) + Value.int64(time).identity).inserted else { return nil }
                return HistoryRow(
                    keys,
                    at: time,
                    isDeleted: random.oneIn(6),
                    [random.value(.int64), random.value(.float64)]
                )
            }
        }
    }

    private func online(_ store: TestStore) throws -> [String] {
        let rows = try store.session.query(
            "SELECT o::text FROM online.stats o ORDER BY user_id, word COLLATE \"C\""
        )
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `without equal event times any order of batches gives one online table`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var batches = batches(&random)
        var tables: [[String]] = []
        for _ in 0..<3 {
            let store = try TestStore(Self.yaml)
            for batch in batches { try store.ingest("stats", batch) }
            #expect(try store.violations() == [])
            tables.append(try online(store))
            batches.shuffle(using: &random)
        }
        #expect(!tables[0].isEmpty)
        #expect(tables[1] == tables[0])
        #expect(tables[2] == tables[0])
    }

    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func `a source that is read again changes nothing`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let batches = batches(&random)
        for (index, batch) in batches.enumerated() { try store.ingest("stats", batch, source: "file\(index)") }
        let (before, table) = (try store.head(), try online(store))
        for (index, batch) in batches.enumerated().shuffled(using: &random) {
            let summary = try store.ingest("stats", batch, source: "file\(index)")
            #expect(summary.rows == 0)
            #expect(summary.resumedRows == batch.count)
            #expect(summary.state == nil)
        }
        #expect(try store.head() == before)
        #expect(try online(store) == table)
        #expect(try store.violations() == [])
    }

    /// Delivered twice without a name, rows are stored twice: history grows, what it says does not change.
    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func `batches that are stored twice give the same values`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let batches = batches(&random)
        for batch in batches { try store.ingest("stats", batch) }
        let table = try online(store)
        for batch in batches.shuffled(using: &random) { try store.ingest("stats", batch) }
        #expect(try online(store) == table)
        #expect(try store.violations() == [])
    }

    @Test func `a source that grew goes on where it ended, one that changed is refused`() throws {
        let store = try TestStore(Self.yaml)
        let rows = (0..<10).map {
            HistoryRow([.int64(1), .string("a")], at: Int64($0) * 1_000_000, [.int64(Int64($0)), .null])
        }
        var options = IngestionOptions()
        options.batchRowsMax = 3
        try store.ingest("stats", Array(rows[..<5]), source: "log", options: options)
        let summary = try store.ingest("stats", rows, source: "log", options: options)
        #expect(summary.rows == 5)
        #expect(summary.resumedRows == 5)
        var changed = rows
        changed[2].features[0] = .int64(99)
        #expect(throws: StoreError.self) { try store.ingest("stats", changed, source: "log") }
        #expect(throws: StoreError.self) { try store.ingest("stats", Array(rows[..<4]), source: "log") }
        #expect(try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 10)
        #expect(try store.violations() == [])
    }
}
