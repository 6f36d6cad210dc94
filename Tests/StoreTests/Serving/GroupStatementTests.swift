import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// A server's ways to write a group against the way an ingest writes a batch.
@Suite struct GroupStatementTests {
    /// Rows of a view of ``RandomHistory`` with few keys and times, so that ties, late rows and tombstones meet.
    static func rows(_ count: Int, of view: StoredView, _ random: inout SeededRandom) -> [HistoryRow] {
        (0..<count).map { _ in
            var row = HistoryRow(
                view.definition.keys.map { key in
                    key.type == .int64
                        ? .int64(random.pick(RandomHistory.users)) : .string(random.pick(RandomHistory.words))
                },
                at: random.pick(RandomHistory.anchors) + Int64(random.int(0...3)) * RandomHistory.second,
                isDeleted: random.oneIn(6),
                view.definition.features.map { random.value($0.type) }
            )
            RandomHistory.setEvent(&row, view.definition, &random)
            return row
        }
    }

    /// All that is stored of a view but batch numbers, as text.
    static func contents(_ view: StoredView, _ session: Session) throws -> [String] {
        let columns = "\(view.keyList()), _event_time, _deleted, \(view.featureList())"
        var lines: [String] = []
        for table in [view.historyTable] + (view.definition.isOnline ? [view.onlineTable] : []) {
            let rows = try session.query(
                "SELECT ROW(\(columns))::text FROM \(table) ORDER BY \(view.keyList()), _event_time, 1"
            )
            lines += (0..<rows.count).map { "\(table) \(rows.text($0, 0) ?? "")" }
        }
        return lines
    }

    static func begun(_ views: [StoredView], _ session: Session) throws -> WriteTransaction {
        var none: WriteSources?
        guard case .begun(let transaction) = try WriteTransaction.begin(group: views, on: session, place: &none)
        else { throw StoreError.conflict("the views are held") }
        return transaction
    }

    @Test(arguments: [(1, 1...3), (2, 1...40), (3, 100...160)])
    func `a group is stored as an ingest's batch is`(seed: UInt64, sizes: ClosedRange<Int>) throws {
        var random = SeededRandom(seed: seed)
        let ours = try TestStore(RandomHistory.yaml)
        let twin = try TestStore(RandomHistory.yaml)
        for _ in 0..<6 {
            let views = ours.registry.views.filter { _ in !random.oneIn(3) }
            var written: [(StoredView, ViewRows)] = []
            for view in views {
                let rows = TestStore.viewRows(Self.rows(random.int(sizes), of: view, &random), view)
                for store in [ours, twin] { try KnownPartitions.prepare(view, rows.eventTimeValues, store.session) }
                written.append((view, rows))
            }
            guard !written.isEmpty else { continue }
            let group = try Self.begun(views, ours.session)
            let batch = try WriteTransaction(session: twin.session, views: views)
            for (view, rows) in written {
                let counts = try group.writeGroup(rows, to: view).counts
                #expect(try batch.write(rows, to: view) == counts, "view \(view.name), seed \(seed)")
            }
            #expect(try group.commit().position == batch.commit().position)
        }
        for view in ours.registry.views {
            #expect(
                try Self.contents(view, ours.session) == Self.contents(view, twin.session),
                "view \(view.name), seed \(seed)"
            )
        }
        #expect(try ours.violations() == [])
        #expect(try ours.head().position > 1)
    }

    @Test func `a group of more rows than a statement takes moves the online table from history`() throws {
        var random = SeededRandom(seed: 4)
        let store = try TestStore(RandomHistory.yaml)
        let view = try store.view("weather")
        let rows = TestStore.viewRows(Self.rows(1_500, of: view, &random), view)
        try KnownPartitions.prepare(view, rows.eventTimeValues, store.session)
        let transaction = try Self.begun([view], store.session)
        let (counts, newest) = try transaction.writeGroup(rows, to: view)
        _ = try transaction.commit()
        #expect(counts.stored + counts.duplicates == 1_500)
        #expect(newest.rowCount == RandomHistory.words.count)
        #expect(try store.violations() == [])
    }

    @Test func `a view that is being changed is not waited for, and one that was changed is told`() throws {
        let store = try TestStore(IngestionTests.yaml)
        let view = try store.view("stats")
        let other = try Session(conninfo: store.conninfo)
        try other.begin(.write)
        try other.lock(AdvisoryLock.view(view.id))
        var none: WriteSources?
        guard case .held(let held) = try WriteTransaction.begin(group: [view], on: store.session, place: &none)
        else {
            Issue.record("a locked view was written to")
            return
        }
        #expect(held.locked == [view.id] && held.changed.isEmpty)
        other.connection.rollBack()
        try store.apply(IngestionTests.yaml.replacing("ctr: float64", with: "ctr: float64, more: int64"))
        guard case .held(let stale) = try WriteTransaction.begin(group: [view], on: store.session, place: &none)
        else {
            Issue.record("a view of another shape was written to")
            return
        }
        #expect(stale.changed == [view.id] && stale.locked.isEmpty)
        #expect(!store.session.connection.isInTransaction)
    }
}
