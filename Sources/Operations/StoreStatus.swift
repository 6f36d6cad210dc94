package import Features
import PointInTime
import Postgres
package import Store

/// How a store and its views stand: one screen for whoever runs it.
///
/// Needs only SELECT. Rows and times come from the ledger's totals, so that it costs the same for any amount of history
/// and any number of commits.
package struct StoreStatus: Sendable {
    package struct View: Sendable {
        package let name: String
        /// Rows of history: stored, less those removed.
        package let rows: Int64
        /// The newest event time; `nil` = no rows.
        package let newest: Timestamp?
        /// PostgreSQL's clock minus ``newest``; negative where that lies ahead.
        package let ageUs: Int64?
        /// How late the newest event arrived: the commit that brought it minus its event time.
        package let lagUs: Int64?
        /// Up to where the view's source was asked; `nil` = never, or it has none.
        package let watermark: Timestamp?
        package let maxAge: Interval?
        package let historyBytes: Int64
        package let onlineBytes: Int64
        package let partitions: Int
        package let lastBatch: Batch?

        /// Whether the newest event is older than `max_age` allows; a view without rows is.
        package var isStale: Bool {
            guard let maxAge else { return false }
            return ageUs.map { $0 > maxAge.microseconds } ?? true
        }
    }

    package struct Batch: Sendable {
        package let position: Int64
        package let kind: String
        package let committedAt: Timestamp
        package let rows: Int64
    }

    package struct Denial: Sendable, Hashable {
        package let role: String
        package let view: String
    }

    package let storeID: String
    package let schema: Int
    package let serverVersion: Int
    package let isStandby: Bool
    package let now: Timestamp
    package let head: LedgerState
    package let databaseBytes: Int64
    package let ledgerBytes: Int64
    /// Over the last seven days, or since the store was made where that is less.
    package let commitsPerDay: Double
    package let ledgerBytesPerDay: Double
    /// By name.
    package let views: [View]
    /// Roles that are connected as asof is, and views whose tables they may not read: their servers answer nothing of these.
    package let denied: [Denial]
    /// Of the features that have expectations, by name.
    package let expectations: [ExpectationStatus]

    package static func read(_ session: Session) throws(StoreError) -> StoreStatus {
        var options = Connection.TransactionOptions.read
        options.isolation = .repeatableRead
        return try session.transaction(options) { () throws(StoreError) in try StoreStatus(session) }
    }

    private init(_ session: Session) throws(StoreError) {
        let store = try session.query(
            """
            SELECT clock_timestamp(), pg_is_in_recovery(), pg_database_size(current_database()),
                pg_total_relation_size('asof.batches') + pg_total_relation_size('asof.batch_details'),
                coalesce((SELECT position FROM asof.batches WHERE committed_at <= clock_timestamp() - interval '7 days'
                    ORDER BY committed_at DESC LIMIT 1), 0),
                least(7, greatest(1, (SELECT extract(epoch FROM clock_timestamp() - created_at) / 86400 FROM asof.store)))
                    ::float8
            """
        )
        now = Timestamp(microseconds: store.timestamp(0, 0) ?? 0)
        isStandby = store.bool(0, 1) == true
        databaseBytes = store.int64(0, 2) ?? 0
        head = try Ledger(session).head()
        ledgerBytes = store.int64(0, 3) ?? 0
        // Positions have no gaps, so that they count commits.
        commitsPerDay = Double(head.position - (store.int64(0, 4) ?? 0)) / max(store.double(0, 5) ?? 1, 1)
        ledgerBytesPerDay = commitsPerDay * Double(ledgerBytes) / Double(max(head.position, 1))
        storeID = try session.storeID()
        schema = try Migrator.schema(of: session)
        serverVersion = session.connection.serverVersion
        let totals = try Ledger(session).totals()
        let watermarks = try Self.watermarks(session)
        var views: [View] = []
        let stored = try Registry.load(session).views.sorted { $0.name < $1.name }
        expectations = try ExpectationStatus.read(stored, session)
        denied = try Self.denied(stored, session)
        for view in stored {
            views.append(try View(view, now, totals[view.id], watermarks[view.id], session))
        }
        self.views = views
    }

    private static func denied(_ views: [StoredView], _ session: Session) throws(StoreError) -> [Denial] {
        let rows = try session.query(
            """
            SELECT DISTINCT r.rolname::text, v.name FROM unnest($1::text[], $2::text[], $3::text[]) AS v (name, history, online)
            CROSS JOIN pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
            WHERE a.datname = current_database() AND (a.application_name LIKE 'asof%' OR a.pid = pg_backend_pid())
                AND \(StoredView.isDenied(to: "r.oid"))
            ORDER BY 1, 2
            """,
            [
                .textArray(views.map(\.name)), .textArray(views.map(\.historyTable)),
                .textArray(views.map(\.onlineTable)),
            ]
        )
        return (0..<rows.count).compactMap { row in
            guard let role = rows.text(row, 0), let view = rows.text(row, 1) else { return nil }
            return Denial(role: role, view: view)
        }
    }

    private static func watermarks(_ session: Session) throws(StoreError) -> [Int32: Timestamp] {
        guard try session.query("SELECT to_regclass('asof.watermarks') IS NOT NULL").bool(0, 0) == true else {
            return [:]
        }
        let rows = try session.query("SELECT view, watermark FROM asof.watermarks")
        var watermarks: [Int32: Timestamp] = [:]
        for row in 0..<rows.count {
            guard let view = rows.int32(row, 0), let time = rows.timestamp(row, 1) else { continue }
            watermarks[view] = Timestamp(microseconds: time)
        }
        return watermarks
    }
}

extension StoreStatus.View {
    fileprivate init(
        _ view: StoredView,
        _ now: Timestamp,
        _ totals: LedgerTotals?,
        _ watermark: Timestamp?,
        _ session: Session
    ) throws(StoreError) {
        rows = totals?.rows ?? 0
        let newest = try totals.flatMap { totals throws(StoreError) in
            totals.rows > 0 ? try Self.newest(view, totals, session) : nil
        }
        name = view.name
        self.newest = newest
        ageUs = newest.map { now.microseconds.subtractingSaturating($0.microseconds) }
        lagUs = try newest.flatMap { time throws(StoreError) in try Self.lag(view, time, totals, session) }
        self.watermark = watermark
        maxAge = view.definition.maxAge
        let sizes = try session.query(
            """
            SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint, count(*),
                coalesce(pg_total_relation_size(to_regclass($2)), 0)
            FROM pg_inherits WHERE inhparent = to_regclass($1)
            """,
            [.text(view.historyTable), .text(view.onlineTable)]
        )
        historyBytes = sizes.int64(0, 0) ?? 0
        partitions = Int(sizes.int64(0, 1) ?? 0)
        onlineBytes = sizes.int64(0, 2) ?? 0
        let last = try session.query(
            "SELECT position, kind, committed_at, rows FROM asof.batches WHERE position = $1 AND view = $2",
            [.int64(totals?.lastPosition ?? 0), .int32(view.id)]
        )
        lastBatch =
            last.count == 0
            ? nil
            : StoreStatus.Batch(
                position: last.int64(0, 0) ?? 0,
                kind: last.text(0, 1) ?? "",
                committedAt: Timestamp(microseconds: last.timestamp(0, 2) ?? 0),
                rows: last.int64(0, 3) ?? 0
            )
    }

    /// The ledger's newest event time, unless something was removed that may have had it: then history is asked.
    private static func newest(
        _ view: StoredView,
        _ totals: LedgerTotals,
        _ session: Session
    ) throws(StoreError) -> Timestamp? {
        guard let stored = totals.newest else { return nil }
        guard let removed = totals.newestRemoved, removed >= stored else { return stored }
        return try session.query("SELECT max(_event_time) FROM \(view.historyTable)").timestamp(0, 0)
            .map { Timestamp(microseconds: $0) }
    }

    private static func lag(
        _ view: StoredView,
        _ newest: Timestamp,
        _ totals: LedgerTotals?,
        _ session: Session
    ) throws(StoreError) -> Int64? {
        let committed: Rows
        if let totals, totals.newest == newest, let position = totals.newestPosition {
            committed = try session.query(
                "SELECT committed_at FROM asof.batches WHERE position = $1 AND view = $2",
                [.int64(position), .int32(view.id)]
            )
        } else {
            // Something newer was removed: who first came as far as what is left is known to the ledger's rows only.
            committed = try session.query(
                """
                SELECT min(committed_at) FROM asof.batches
                WHERE view = $1 AND kind IN ('data', 'materialize') AND max_event_time >= $2
                """,
                [.int32(view.id), .timestamp(microseconds: newest.microseconds)]
            )
        }
        guard committed.count > 0 else { return nil }
        return committed.timestamp(0, 0)?.subtractingSaturating(newest.microseconds)
    }
}
