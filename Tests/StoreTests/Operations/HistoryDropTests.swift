import Features
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store

@Suite struct HistoryDropTests {
    private static func drop(_ fixture: RemovalFixture, _ view: String = "stats") throws -> HistoryDrop {
        HistoryDrop(fixture.store.session, try fixture.store.view(view))
    }

    @Test(arguments: [
        (RemovalFixture.february2024 - 1, 0, 0), (RemovalFixture.february2024, 1, 6),
        (RemovalFixture.february2024 + RemovalFixture.month - 1, 2, 8), (Timestamp.latest.microseconds, 3, 10),
    ])
    func `only partitions that lie before the time altogether are dropped`(
        before: Int64,
        partitions: Int,
        rows: Int64
    ) throws {
        let fixture = try RemovalFixture()
        let drop = try Self.drop(fixture)
        let head = try fixture.store.head()
        let planned = try drop.plan(before: Timestamp(microseconds: before))
        #expect(planned.partitions == partitions && planned.historyRows == rows)
        #expect(try fixture.store.head() == head)
        #expect(try fixture.count("history.stats") == 10)
        let (summary, state) = try drop.run(before: Timestamp(microseconds: before))
        #expect(summary == planned)
        #expect((state != nil) == (partitions > 0))
        #expect(try fixture.count("history.stats") == 10 - rows)
        #expect(
            try fixture.count("pg_inherits", where: "inhparent = 'history.stats'::regclass") == 3 - Int64(partitions)
        )
        #expect(try fixture.store.violations() == [])
    }

    @Test func `an entity of which no history is left is not online either`() throws {
        let fixture = try RemovalFixture()
        #expect(try fixture.count("online.stats", where: "user_id = 3") == 1)
        let summary = try Self.drop(fixture).run(before: Timestamp(microseconds: RemovalFixture.february2024)).0
        #expect(summary.onlineRows == 1)
        #expect(try fixture.count("online.stats", where: "user_id = 3") == 0)
        #expect(try fixture.count("online.stats") == 2)
        #expect(try fixture.store.violations() == [])
    }

    @Test func `the ledger says what was dropped, and totals are those of what is left`() throws {
        let fixture = try RemovalFixture()
        let view = try fixture.store.view("stats")
        let state = try Self.drop(fixture).run(before: Timestamp(microseconds: RemovalFixture.february2024)).1
        let ledger = Ledger(fixture.store.session)
        let line = try ledger.lines(view: view, limit: 1)[0]
        #expect(line.kind == "drop" && line.rows == 6 && line.position == state?.position)
        #expect(line.earliest?.microseconds == RemovalFixture.january2024)
        #expect(line.latest?.microseconds == RemovalFixture.january2024 + 5)
        #expect(try ledger.totals()[view.id]?.rows == 4)
    }

    @Test func `old rows that come later open their partition again`() throws {
        let fixture = try RemovalFixture()
        _ = try Self.drop(fixture).run(before: Timestamp(microseconds: RemovalFixture.february2024))
        try fixture.store.ingest(
            "stats",
            [HistoryRow([.int64(3)], at: RemovalFixture.january2024, [.int64(1), .null])]
        )
        #expect(try fixture.count("history.stats", where: "user_id = 3") == 1)
        #expect(try fixture.count("online.stats", where: "user_id = 3") == 1)
        #expect(try fixture.store.violations() == [])
    }

    @Test func `an ingest under way opens a partition again that is dropped between its batches`() throws {
        let fixture = try RemovalFixture()
        let view = try fixture.store.view("stats")
        var options = IngestionOptions()
        options.batchRowsMax = 1
        let ingestion = try Ingestion(
            session: try Session(conninfo: fixture.store.conninfo),
            source: nil,
            form: .rows(
                of: view,
                columns: [("user_id", .int64), ("_event_time", .timestamp), ("n", .int64), ("x", .float64)]
            ),
            options: options
        )
        for row in 0..<2 {
            let time = RemovalFixture.january2024 + Int64(100 + row)
            try ingestion.append(TestStore.viewRows([HistoryRow([.int64(5)], at: time, [.null, .null])], view))
            try ingestion.settle()
            if row == 0 {
                _ = try Self.drop(fixture).run(before: Timestamp(microseconds: RemovalFixture.february2024))
            }
        }
        _ = try ingestion.finish()
        #expect(try fixture.count("history.stats", where: "user_id = 5") == 1)
        #expect(try fixture.store.violations() == [])
    }

    @Test func `many partitions are dropped in several transactions`() throws {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { days: { entities: [user], partition: day, retention: 30d, features: { n: int64 } } }
            """
        )
        let count = OperationsLimits.dropPartitionsMax + 5
        var options = IngestionOptions()
        options.newPartitionsMax = count
        let rows = (0..<count).map { HistoryRow([.int64(1)], at: Int64($0) * 86_400_000_000, [.int64(0)]) }
        try store.ingest("days", rows, options: options)
        let drop = HistoryDrop(store.session, try store.view("days"))
        let bound = try #require(try drop.retentionBound())
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        #expect(abs(now - 30 * 86_400_000_000 - bound.microseconds) < 60_000_000)
        let head = try store.head().position
        let (summary, state) = try drop.run(before: bound)
        #expect(summary.partitions == count && summary.historyRows == Int64(count) && summary.onlineRows == 1)
        #expect(summary.eventTimes?.upperBound.microseconds == Int64(count - 1) * 86_400_000_000)
        #expect(state?.position == head + 2)
        #expect(try store.violations() == [])
    }

    @Test func `a view of one partition for all times keeps its history`() throws {
        let store = try TestStore("views: { all: { entities: [], partition: none, features: { n: int64 } } }")
        try store.ingest("all", [HistoryRow([], at: 0, [.int64(1)])])
        let drop = HistoryDrop(store.session, try store.view("all"))
        #expect(try drop.run(before: .latest).1 == nil)
        #expect(try drop.retentionBound() == nil)
    }
}
