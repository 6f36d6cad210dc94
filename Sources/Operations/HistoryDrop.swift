package import Features
import PointInTime
import Postgres
package import Store

/// Drops a view's old history in whole partitions: in a moment, and the disk has its space back.
///
/// A partition goes when all of it lies before the time. An entity of which no history is left goes from the online
/// table, too, so that online stays the latest of history.
package struct HistoryDrop {
    let session: Session
    package let view: StoredView

    package init(_ session: Session, _ view: StoredView) {
        self.session = session
        self.view = view
    }

    package struct Summary: Sendable, Hashable {
        package var partitions = 0
        package var historyRows: Int64 = 0
        package var onlineRows: Int64 = 0
        package var bytes: Int64 = 0
        /// No earlier event time is left; `nil` where no partition went.
        package var before: Timestamp?
        package var eventTimes: ClosedRange<Timestamp>?

        /// - Parameter later: of later partitions.
        mutating func add(_ later: Summary) {
            partitions += later.partitions
            historyRows += later.historyRows
            onlineRows += later.onlineRows
            bytes += later.bytes
            before = later.before ?? before
            eventTimes = eventTimes.map { $0.lowerBound...(later.eventTimes ?? $0).upperBound } ?? later.eventTimes
        }
    }

    /// The time before which history is dropped by the view's retention, by PostgreSQL's clock; `nil` without one.
    package func retentionBound() throws(StoreError) -> Timestamp? {
        guard let retention = view.definition.retention else { return nil }
        let now = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
        return Timestamp(
            microseconds: max(
                now.subtractingSaturating(retention.microseconds),
                Timestamp.earliest.microseconds
            )
        )
    }

    /// What ``run(before:)`` would drop.
    package func plan(before time: Timestamp) throws(StoreError) -> Summary {
        try session.transaction(.read) { () throws(StoreError) in
            try summary(of: try partitions(before: time, limit: .max))
        }
    }

    /// Drops, oldest first, and takes a position for every ``OperationsLimits/dropPartitionsMax`` partitions.
    ///
    /// Writers of the view wait; readers wait for the moment in which its partitions are detached.
    /// - Returns: what was dropped, and the state that this made; `nil` where there was no such partition.
    /// - Throws: ``StoreError/conflict(_:)`` where writers or readers keep the view for more than ten seconds.
    package func run(before time: Timestamp) throws(StoreError) -> (Summary, LedgerState?) {
        var (total, state) = try runOnce(before: time)
        while total.partitions > 0 {
            let (more, next) = try runOnce(before: time)
            guard let next else { break }
            total.add(more)
            state = next
        }
        return (total, state)
    }

    private func runOnce(before time: Timestamp) throws(StoreError) -> (Summary, LedgerState?) {
        try session.beginRemoval()
        do throws(StoreError) {
            try session.lock(AdvisoryLock.view(view.id))
            let partitions = try partitions(before: time, limit: OperationsLimits.dropPartitionsMax)
            var summary = try summary(of: partitions)
            guard let before = summary.before else {
                session.connection.rollBack()
                return (summary, nil)
            }
            let ledger = Ledger(session)
            let (batch, transactionID) = try ledger.takeBatch()
            try session.query(
                """
                INSERT INTO asof.removed_rows (removal, view, batch, rows)
                SELECT $1, $2, _batch, count(*) FROM \(view.historyTable) WHERE _event_time < $3 GROUP BY _batch
                """,
                [.int64(batch), .int32(view.id), .timestamp(microseconds: before.microseconds)]
            )
            if try view.hasOnlineTable(session) {
                let gone = "DELETE FROM \(view.onlineTable) WHERE _event_time < $1"
                summary.onlineRows = Int64(
                    try session.query(gone, [.timestamp(microseconds: before.microseconds)]).affectedCount
                )
            }
            try RemovalRecord(session).add(
                .init(
                    view: view.id,
                    viewName: view.name,
                    kind: .drop,
                    historyRows: summary.historyRows,
                    onlineRows: summary.onlineRows,
                    droppedBefore: before.microseconds
                ),
                batch: batch
            )
            for number in partitions.map(\.number) {
                try session.execute(
                    """
                    ALTER TABLE \(view.historyTable) DETACH PARTITION history."_p\(number)";
                    DROP TABLE history."_p\(number)";
                    DELETE FROM asof.partitions WHERE number = \(number);
                    """
                )
            }
            if view.eventFeature != nil, try view.hasOnlineTable(session) { try showOthers() }
            let entry = LedgerEntry(
                view: view.id,
                kind: .drop,
                rows: Int(summary.historyRows),
                eventTimes: summary.eventTimes
            )
            let subject = "the drop of view '\(view.name)' before \(before.text)"
            let state = try ledger.commit(subject, batch: batch, transactionID: transactionID, [entry])
            return (summary, state)
        } catch {
            session.connection.rollBack()
            throw error.explainingLocks
        }
    }

    /// Of an event view an entity may have rows left whose events were all deleted, later than the one that was dropped.
    private func showOthers() throws(StoreError) {
        let columns = view.onlineColumns
        try session.execute(
            """
            INSERT INTO \(view.onlineTable) (\(columns)) SELECT \(columns) FROM (\(view.latestQuery)) l
            WHERE NOT EXISTS (SELECT FROM \(view.onlineTable) o WHERE \(view.keysEqual("o", "l")))
            """
        )
    }

    private func summary(of partitions: [Partition]) throws(StoreError) -> Summary {
        var summary = Summary(partitions: partitions.count)
        guard let before = partitions.map(\.to).max() else { return summary }
        summary.before = Timestamp(microseconds: before)
        summary.bytes = partitions.reduce(0) { $0 + $1.bytes }
        // Every partition with such times is among those that go.
        let counts = try session.query(
            "SELECT count(*), min(_event_time), max(_event_time) FROM \(view.historyTable) WHERE _event_time < $1",
            [.timestamp(microseconds: before)]
        )
        summary.historyRows = counts.int64(0, 0) ?? 0
        summary.eventTimes = counts.timeRange(0, 1, 2)
        if try view.hasOnlineTable(session) {
            summary.onlineRows =
                try session.query(
                    "SELECT count(*) FROM \(view.onlineTable) WHERE _event_time < $1",
                    [.timestamp(microseconds: before)]
                ).int64(0, 0) ?? 0
        }
        return summary
    }

    private struct Partition {
        let number: Int32
        /// µs, exclusive.
        let to: Int64
        let bytes: Int64
    }

    /// Those that lie before a time altogether, oldest first.
    private func partitions(before time: Timestamp, limit: Int) throws(StoreError) -> [Partition] {
        let rows = try session.query(
            """
            SELECT number, range_to, coalesce(pg_total_relation_size(to_regclass('history."_p' || number || '"')), 0)
            FROM asof.partitions WHERE view = $1 AND range_to <= $2 ORDER BY range_to LIMIT $3
            """,
            [.int32(view.id), .timestamp(microseconds: time.microseconds), .int64(Int64(limit))]
        )
        return (0..<rows.count).compactMap { row in
            guard let number = rows.int32(row, 0), let to = rows.timestamp(row, 1) else { return nil }
            return Partition(number: number, to: to, bytes: rows.int64(row, 2) ?? 0)
        }
    }
}
