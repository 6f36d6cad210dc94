import Features
import PointInTime
import Postgres
import Store
import TestSupport
import Testing

/// A source's checkpoint, from the second look at the same rows on.
@Suite struct CheckpointTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { id: int64 } }
        """

    private static func rows(_ ids: Range<Int64>, change: Int64? = nil) -> [HistoryRow] {
        ids.map { id in
            HistoryRow([.int64(id % 7)], at: 1_700_000_000_000_000 + id * 1_000, [.int64(id == change ? -1 : id)])
        }
    }

    /// Gives the rows to an ingest in pieces of `chunk`, stored in batches of `batch`.
    @discardableResult
    private static func ingest(
        _ rows: [HistoryRow],
        _ store: TestStore,
        chunk: Int = 10,
        batch: Int = 20,
        meaning: String = "",
        startsOver: Bool = false
    ) throws -> IngestionSummary {
        var options = IngestionOptions()
        options.batchRowsMax = batch
        options.meaning = meaning
        options.startsOver = startsOver
        let view = try store.view("stats")
        let ingestion = try TestStore.ingestion(
            view,
            like: TestStore.viewRows([], view),
            try Session(conninfo: store.conninfo),
            source: "s",
            options: options
        )
        for start in stride(from: 0, to: rows.count, by: chunk) {
            try ingestion.append(TestStore.viewRows(Array(rows[start..<min(start + chunk, rows.count)]), view))
        }
        return try ingestion.finish()
    }

    private static func stored(_ store: TestStore) throws -> [Int64] {
        let rows = try store.session.query("SELECT id FROM history.stats ORDER BY id")
        return (0..<rows.count).map { rows.int64($0, 0) ?? -2 }
    }

    private static func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "nothing was thrown"
    }

    @Test(arguments: [(10, 20), (1, 20), (7, 3), (100, 1_000), (64, 33)])
    func `a rerun stores nothing, whatever the sizes of its pieces and batches`(chunk: Int, batch: Int) throws {
        let store = try TestStore(Self.yaml)
        #expect(try Self.ingest(Self.rows(0..<95), store).rows == 95)
        let head = try store.head()
        let again = try Self.ingest(Self.rows(0..<95), store, chunk: chunk, batch: batch)
        #expect(again.rows == 0 && again.resumedRows == 95 && again.batches == 0)
        #expect(try store.head() == head)
        let longer = try Self.ingest(Self.rows(0..<140), store, chunk: chunk, batch: batch)
        #expect(longer.rows == 45 && longer.resumedRows == 95)
        #expect(try Self.stored(store) == Array(0..<140))
        #expect(try store.violations() == [])
    }

    @Test func `rows that changed behind the checkpoint, or are missing, are refused and nothing is stored`() throws {
        let store = try TestStore(Self.yaml)
        try Self.ingest(Self.rows(0..<50), store)
        let head = try store.head()
        for rows in [Self.rows(0..<80, change: 3), Self.rows(0..<50, change: 49), Self.rows(1..<80)] {
            #expect(Self.message { try Self.ingest(rows, store) }.contains("changed"))
        }
        #expect(Self.message { try Self.ingest(Self.rows(0..<49), store) }.contains("has only 49 rows"))
        #expect(Self.message { try Self.ingest([], store) }.contains("has only 0 rows"))
        #expect(try store.head() == head)
        #expect(try Self.ingest(Self.rows(0..<60), store).rows == 10)
    }

    @Test func `other options are refused, and starting over takes them`() throws {
        let store = try TestStore(Self.yaml)
        try Self.ingest(Self.rows(0..<50), store, meaning: "event_time=a")
        let refused = Self.message { try Self.ingest(Self.rows(0..<50), store, meaning: "event_time=b") }
        #expect(refused.contains("event_time=a") && refused.contains("event_time=b") && refused.contains("--again"))
        let over = try Self.ingest(Self.rows(0..<50), store, meaning: "event_time=b", startsOver: true)
        #expect(over.rows == 50 && over.resumedRows == 0)
        #expect(try Self.ingest(Self.rows(0..<50), store, meaning: "event_time=b").rows == 0)
        #expect(try Self.stored(store).count == 100)
        #expect(try store.violations() == [])
    }

    @Test func `a run that started over and was stopped is gone on with, not started over again`() throws {
        let store = try TestStore(Self.yaml)
        try Self.ingest(Self.rows(0..<60), store)
        try Self.ingest(Self.rows(0..<20), store, startsOver: true)
        #expect(try Self.ingest(Self.rows(0..<60), store).rows == 40)
        #expect(try Self.stored(store).count == 120)
    }

    @Test func `two ingests of one source at once store it once`() throws {
        let store = try TestStore(Self.yaml)
        let (view, conninfo) = (try store.view("stats"), store.conninfo)
        let failures = SideBySide.run(4) { _ in
            let rows = Self.rows(0..<400)
            let session = try Session(conninfo: conninfo)
            var options = IngestionOptions()
            options.batchRowsMax = 20
            for attempt in 0..<100 {
                let like = TestStore.viewRows([], view)
                let ingestion = try TestStore.ingestion(view, like: like, session, source: "s", options: options)
                do {
                    for start in stride(from: 0, to: rows.count, by: 20) {
                        try ingestion.append(TestStore.viewRows(Array(rows[start..<start + 20]), view))
                    }
                    _ = try ingestion.finish()
                    return
                } catch StoreError.conflict(let reason) where attempt < 99 && reason.contains("is under way") {
                    try? ingestion.settle()
                }
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        #expect(try Self.stored(store) == Array(0..<400))
        #expect(try store.head().position == 21)
        #expect(try store.violations() == [])
    }

    @Test func `a file and a named source of the same name are two sources`() throws {
        let store = try TestStore(Self.yaml)
        let view = try store.view("stats")
        try store.ingest("stats", Self.rows(0..<10), source: "data.csv")
        let columns = TestStore.viewRows(Self.rows(10..<30), view)
        let file = SourceIdentity(name: "data.csv", head: Array("user_id,event_time,id\n".utf8))
        let names: [(name: String, type: FeatureType)] = [
            ("user_id", .int64), ("_event_time", .timestamp), ("id", .int64),
        ]
        let ingestion = try Ingestion(
            session: store.session,
            source: file,
            form: .rows(of: view, columns: names),
            options: IngestionOptions()
        )
        try ingestion.append(columns)
        #expect(try ingestion.finish().rows == 20)
        #expect(try Self.stored(store) == Array(0..<30))
    }
}
