package import Features
import Hashing
package import PointInTime
import Postgres

/// Stores the records of one stream, batch by batch; each batch is one transaction that also moves the offsets.
package final class StreamIngestion {
    package let definition: StreamDefinition
    /// In the order of the stream's definition.
    package let views: [StoredView]
    private let session: Session
    private let transactions: BatchTransactions
    private let clock: ServerClock
    private let definitionsVersion: Int64

    package var stream: String { definition.name }

    /// Reads the definitions that hold until ``isCurrent()`` says otherwise.
    /// - Parameter session: not to be used by anybody else.
    /// - Throws: ``StoreError/request(_:)`` where there is no such stream.
    package init(
        session: Session,
        stream name: String,
        options: IngestionOptions = IngestionOptions()
    ) throws(StoreError) {
        self.session = session
        let registry = try Registry.load(session)
        definition = try registry.stream(named: name)
        var views: [StoredView] = []
        for name in definition.into { views.append(try registry.view(named: name)) }
        self.views = views
        definitionsVersion = registry.version
        transactions = BatchTransactions(
            session,
            options,
            partitionAdvice:
                "If the times are right, let the view have larger ones (partition: year); if not, check the unit in "
                + "event_time"
        )
        clock = try ServerClock(session)
    }

    /// Whether the definitions are still those that it goes by.
    package func isCurrent() throws(StoreError) -> Bool {
        try session.query("SELECT coalesce(max(version), 0) FROM asof.definitions").int64(0, 0) == definitionsVersion
    }

    /// Deletes what was set aside longer ago than ``Limits/rejectsDays``, at most so many at a time.
    package func deleteOldRejects() throws(StoreError) {
        try session.transaction(.write, of: "the end of old rejects") { () throws(StoreError) in
            _ = try session.query(
                """
                DELETE FROM asof.rejects WHERE ctid = ANY (ARRAY(SELECT ctid FROM asof.rejects
                    WHERE rejected_at < pg_catalog.clock_timestamp() - make_interval(days => $1) LIMIT $2))
                """,
                [.int32(Int32(Limits.rejectsDays)), .int64(Int64(Limits.rejectsDropped))]
            )
        }
    }

    /// Where each known partition goes on, by partition.
    package func positions() throws(StoreError) -> [Int32: StreamPosition] {
        try StreamPosition.all(of: stream, session)
    }

    /// Checks rows of one view as all rows are checked before they are stored.
    package func check(_ rows: ViewRows, of view: StoredView) -> CheckedRows {
        CheckedRows(
            rows,
            RowChecks(view: view, now: clock.now, futureAdvice: "check its unit and zone, and the producer's clock")
        )
    }

    /// Stores one batch.
    /// - Parameters:
    ///   - rows: of the views that have some, at most one of each; where there are none, the offsets alone move.
    ///   - moves: of the partitions that the batch has records of, ascending.
    /// - Returns: what was stored; no state where there were no rows.
    /// - Throws: ``StoreError/streamMoved(partition:expected:found:writer:)`` where somebody else took the records: nothing is
    ///   stored then. Where a COMMIT is not answered, ``positions()`` tells what became of it.
    package func write(
        _ rows: [(view: StoredView, rows: CheckedRows)],
        moving moves: [StreamMove],
        rejects: [RejectedRecord],
        origin: StreamOrigin
    ) throws(StoreError) -> (counts: WriteCounts, state: LedgerState?) {
        let sorted = rows.sorted { $0.view.id < $1.view.id }
        let parts = sorted.filter { $0.rows.rows.rowCount > 0 }.map { ViewPart(view: $0.view, rows: $0.rows.rows) }
        transactions.allowNewPartitions()
        let written = try transactions.write(
            parts,
            sorted.filter { !$0.rows.tally.features.isEmpty }.map { ($0.view, $0.rows.tally) },
            source: "stream \(stream)",
            advice: "The stream's positions tell: it goes on where they stand"
        ) {
            StreamPlace(stream: stream, origin: origin, moves: moves, rejects: rejects)
        }
        return (written.counts, written.state)
    }

    /// By which a record is known again: SHA-256 over its time, and over key and value with their lengths.
    package static func digest(key: Span<UInt8>?, value: Span<UInt8>?, timeUs: Int64?) -> [UInt8] {
        var hash = SHA256()
        func add(_ number: Int64) { withUnsafeBytes(of: number.littleEndian) { hash.update($0) } }
        add(timeUs ?? .min)
        add(Int64(key?.count ?? -1))
        // Safe: the pointers are used only within the closures.
        key?.withUnsafeBytes { hash.update($0) }
        add(Int64(value?.count ?? -1))
        value?.withUnsafeBytes { hash.update($0) }
        return hash.value()
    }
}
