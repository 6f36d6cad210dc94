import Features
package import PointInTime
package import Postgres

/// One batch: rows of one or several views that become visible together, at one position.
///
/// Locks are taken in one order everywhere: sources, views by id, entities bytewise, ledger; so writers wait, but never
/// for one another in a circle.
package final class WriteTransaction {
    package let session: Session
    private let ledger: Ledger
    package let batch: Int64
    /// By which the outcome of an uncertain COMMIT is looked up, together with ``uid``.
    package let transactionID: String
    /// The state that the commit will make; see ``LedgerState/uid``.
    package let uid = Ledger.newUID()
    package var entries: [LedgerEntry] = []
    /// Retired features whose columns are still there, by view: what is written online has no values for them.
    package let hidden: [Int32: [String]]
    /// What the rows of each view were found to be like, for the ledger's side.
    private var tallies: [(view: Int32, tally: ExpectationTally)] = []

    /// Whether ``commit(moving:ledgerTimeoutMs:)`` has come to the COMMIT.
    private var isEnding = false

    /// Starts the transaction and takes the locks, the first of them that of the rows' source.
    ///
    /// - Parameter place: as far as it was locked and read also where something is thrown; `nil` = nobody could recognize
    ///   the source.
    /// - Throws: as ``SourcePlace/lock(_:)``; ``StoreError/conflict(_:)`` where a view is no longer as the caller knows it.
    package convenience init(
        session: Session,
        views: [StoredView],
        options: Connection.TransactionOptions,
        place: inout (some SourcePlace)?
    ) throws(StoreError) {
        try self.init(session: session, views: views, options: options) { session throws(StoreError) in
            try place?.lock(session)
        }
    }

    /// Starts the transaction and takes the locks.
    ///
    /// - Parameter lockSources: locks and checks what the rows come from, and may read them into temporary tables: no
    ///   view is locked yet, no batch number taken.
    /// - Throws: ``StoreError/conflict(_:)`` where a view is no longer as the caller knows it.
    package convenience init(
        session: Session,
        views: [StoredView],
        options: Connection.TransactionOptions = .write,
        lockSources: (Session) throws(StoreError) -> Void = { _ throws(StoreError) in }
    ) throws(StoreError) {
        try session.begin(options)
        do {
            try lockSources(session)
            for view in views.sorted(by: { $0.id < $1.id }) { try Self.lock(view, session) }
            // Under the locks, which who hides or prunes features takes as well.
            let hidden = Self.hidden(try session.execute(Self.hiddenQuery(views)).last)
            let (batch, transactionID) = try Ledger(session).takeBatch()
            self.init(session: session, batch: batch, transactionID: transactionID, hidden: hidden)
        } catch {
            session.connection.rollBack()
            throw error
        }
    }

    /// A transaction that has begun and has its locks.
    package init(session: Session, batch: Int64, transactionID: String, hidden: [Int32: [String]]) {
        self.session = session
        self.ledger = Ledger(session)
        self.batch = batch
        self.transactionID = transactionID
        self.hidden = hidden
    }

    /// SQL: ``hidden`` of these views.
    package static func hiddenQuery(_ views: [StoredView]) -> String {
        let ids = views.map { String($0.id) }.joined(separator: ",")
        return "SELECT view, name FROM asof.features WHERE view = ANY ('{\(ids)}') AND retired_at IS NOT NULL"
    }

    /// - Parameter rows: of ``hiddenQuery(_:)``, as text.
    package static func hidden(_ rows: Rows?) -> [Int32: [String]] {
        var hidden: [Int32: [String]] = [:]
        guard let rows else { return hidden }
        for row in 0..<rows.count {
            guard let view = rows.text(row, 0).flatMap({ Int32($0) }), let name = rows.text(row, 1) else { continue }
            hidden[view, default: []].append(name)
        }
        return hidden
    }

    private static func lock(_ view: StoredView, _ session: Session) throws(StoreError) {
        try session.lock(AdvisoryLock.view(view.id), isShared: true)
        try view.refuseIfChanged(session)
    }

    /// Has the commit keep what rows of a view were found to be like.
    package func keep(_ tally: ExpectationTally, of view: StoredView) { tallies.append((view.id, tally)) }

    /// Stores rows in history and moves the online table. Call once a view, in ascending order of ``StoredView/id``.
    package func write(_ rows: ViewRows, to view: StoredView, source: String? = nil) throws(StoreError) -> WriteCounts {
        let times = rows.eventTimeValues
        guard let low = times.min(), let high = times.max() else { return WriteCounts() }
        var order = HistoryOrder(rows, of: view)
        let newest = order.newest
        let (partitions, ranges) = KnownPartitions(view: view).partition(times)
        order.group(by: partitions, partitionCount: ranges.count)
        try copyHistory(rows, order.rows, to: view)
        var counts = WriteCounts(stored: order.rows.count, duplicates: order.duplicateCount)
        let range = Timestamp(microseconds: low)...Timestamp(microseconds: high)
        if view.definition.isOnline {
            counts.late =
                view.eventFeature == nil
                ? try upsertOnline(rows, newest, to: view)
                : newest.count - (try moveOnlineFromHistory(view, range, hasTombstones: rows.hasTombstones))
        }
        entries.append(LedgerEntry(view: view.id, kind: .data, rows: counts.stored, eventTimes: range))
        try session.query(
            """
            INSERT INTO asof.batch_details (batch, view, source, late_rows, duplicate_rows) VALUES ($1, $2, $3, $4, $5)
            """,
            [
                .int64(batch), .int32(view.id), .text(source), .int64(Int64(counts.late)),
                .int64(Int64(counts.duplicates)),
            ]
        )
        return counts
    }

    package func copyHistory(_ rows: ViewRows, _ order: [Int32], to view: StoredView) throws(StoreError) {
        let copy = CopyRows(
            fields: rows.keys.map { .column($0) } + [
                .column(rows.eventTimes),
                rows.knownAt.map { .column($0) } ?? .constant(nil),
                .constant(withUnsafeBytes(of: batch.bigEndian) { Array($0) }),
                rows.isDeleted.map { .column($0) } ?? .constant([0]),
            ] + (rows.features + rows.events(of: view)).map { .column($0) }
        )
        let columns =
            [view.keyList(), "_event_time, _known_at, _batch, _deleted", view.featureList()]
            + (view.eventFeature == nil ? [] : [StoredView.eventColumn])
        try runCopy(
            copy,
            order,
            "COPY \(view.historyTable) (\(columns.joined(separator: ", "))) FROM STDIN (FORMAT binary)"
        )
    }

    private func runCopy(_ copy: CopyRows, _ order: [Int32], _ statement: String) throws(StoreError) {
        do { try copy.copy(rows: order, into: statement, on: session.connection) } catch {
            throw StoreError(error, on: session.connection)
        }
    }

    /// Moves the online rows of the given rows' entities, one row an entity, ordered by keys.
    ///
    /// - Returns: how many were older than what is online.
    private func upsertOnline(_ rows: ViewRows, _ newest: [Int32], to view: StoredView) throws(StoreError) -> Int {
        let staging = "pg_temp.\"_newest_\(view.id)\""
        try session.execute(
            """
            CREATE TEMPORARY TABLE "_newest_\(view.id)" ON COMMIT DROP AS
                SELECT \(view.onlineColumns) FROM \(view.onlineTable) WITH NO DATA
            """
        )
        let copy = CopyRows(
            fields: rows.keys.map { .column($0) } + [
                .column(rows.eventTimes), rows.isDeleted.map { .column($0) } ?? .constant([0]),
            ] + rows.features.map { .column($0) }
        )
        try runCopy(copy, newest, "COPY \(staging) (\(view.onlineColumns)) FROM STDIN (FORMAT binary)")
        let upserted = try session.execute(view.onlineUpsert(from: staging, hidden: hidden[view.id]))
        return newest.count - (upserted.last?.affectedCount ?? 0)
    }

    /// Appends to the ledger and commits; the transaction object is done then.
    /// - Parameters:
    ///   - place: of the rows' source, locked at the start; it is moved with them.
    ///   - ledgerTimeoutMs: as in ``Ledger/commit(batch:_:tallies:uid:lockTimeoutMs:)``.
    package func commit(
        moving place: (any SourcePlace)? = nil,
        ledgerTimeoutMs: Int? = nil
    ) throws(StoreError) -> LedgerState {
        try place?.move(to: batch, session)
        isEnding = true
        return try ledger.commit(batch: batch, entries, uid: uid, lockTimeoutMs: ledgerTimeoutMs, tallies: tallies)
    }

    /// As ``commit(moving:ledgerTimeoutMs:)``; where it is not answered, the error says what became of it.
    /// - Parameter advice: what to do unless it was committed.
    package func commit(
        _ subject: String,
        advice: String,
        moving place: (any SourcePlace)? = nil
    ) throws(StoreError) -> LedgerState {
        do { return try commit(moving: place) } catch {
            guard isUncertain(error) else { throw error }
            throw inquiry.explaining(error, subject, on: session, advice: advice)
        }
    }

    /// Whether an error of ``commit(moving:ledgerTimeoutMs:)`` leaves open what became of it.
    package func isUncertain(_ error: StoreError) -> Bool {
        isEnding && CommitInquiry.isUncertain(error, on: session)
    }

    /// Finds out what became of ``commit()`` where it was not answered.
    package var inquiry: CommitInquiry { CommitInquiry(session, transactionID: transactionID, entry: (batch, uid)) }

    /// Ends a transaction that stored no rows: what it wrote beside them is committed without a position.
    package func commitWithoutRows(_ subject: String, advice: String) throws(StoreError) {
        try session.commit(subject, transactionID: transactionID, advice: advice)
    }

    package func rollBack() { session.connection.rollBack() }
}
