import Features
import Postgres
import Store

/// Whether ledger, definitions, history and online tables are a whole store, or one that is being filled.
///
/// A store that only Asof wrote is whole in every snapshot. One that is restored is not: pg_restore and a script of psql
/// commit each table by itself, in any order, and its keys and indexes later. Three signs, from cheap to dear:
/// 1. Each table has its key, history its indexes with a part for each partition. A restore makes them behind the rows.
/// 2. The ledger's totals of a view and its last commit against a row in history and one online; definitions against tables.
///    Where the tables were there before and only rows come (`--data-only`), this finds tables that are still empty.
/// 3. Row counts against the ledger, and each key of history against the online table: of views whose last commit was
///    not written together with its ledger row, where there was a sign that somebody fills the store.
///
/// Within the caller's transaction, whose snapshot it judges.
struct StoreAgreement {
    let session: Session

    init(_ session: Session) { self.session = session }

    /// The store's tables that a server reads or writes; each has a primary key.
    private static let tables = [
        "batch_details", "batches", "definitions", "features", "ledger_totals", "migrations", "model_aliases",
        "model_artifacts", "model_events", "model_golden", "model_versions", "partitions", "rejects",
        "removals", "removed_rows", "services", "sources", "store", "stream_batches", "stream_positions", "views",
        "watermarks", "write_sources",
    ]

    /// What does not agree, for the log; `nil` = nothing.
    ///
    /// - Parameter isSuspect: the store has changed in a way that only a restore explains, or has not agreed before.
    /// - Complexity: O(views) look-ups; where ``StoreAgreement`` 3 applies it reads history once.
    func gap(isSuspect: Bool) throws(StoreError) -> String? {
        if let gap = try tablesGap() { return gap }
        if let gap = try numbersGap() { return gap }
        if let gap = try definitionsGap(try Registry.load(session)) { return gap }
        let views = try StoredView.all(session).map(\.view)
        if let gap = try viewTablesGap(views) { return gap }
        let isThorough = isSuspect ? true : try isBeingRestored()
        let totals = try Ledger(session).totals()
        let last = try lastCommits(totals)
        var isCopied = false
        let denied = try DeniedViews.ids(of: views, session)
        for view in views where !denied.contains(view.id) {
            guard let total = totals[view.id] else { continue }
            let found = try lastRow(view, total, last[view.id])
            if let gap = found.gap { return gap }
            guard isThorough, !found.isNative else { continue }
            isCopied = true
            if let gap = try rowsGap(view, total) { return gap }
        }
        return isCopied ? try ledgerGap() : nil
    }

    /// pg_restore is at work in this database: parts of the store may look whole while others come.
    private func isBeingRestored() throws(StoreError) -> Bool {
        try session.query(
            """
            SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'pg_restore')
            """
        ).bool(0, 0) == true
    }

    // MARK: The store's tables

    private func tablesGap() throws(StoreError) -> String? {
        let rows = try session.query(
            """
            SELECT t.name, to_regclass('asof.' || t.name) IS NULL FROM unnest($1) AS t (name)
            WHERE NOT EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = to_regclass('asof.' || t.name) AND i.indisprimary AND i.indisvalid)
            ORDER BY 1 LIMIT 1
            """,
            [.textArray(Self.tables)]
        )
        if rows.count > 0, let name = rows.text(0, 0) {
            return "the table asof.\(name) \(rows.bool(0, 1) == true ? "is not there" : "has no primary key")"
        }
        let schema = try Migrator.schema(of: session)
        guard schema < Migration.newest else { return nil }
        return "the store has schema \(schema), this server needs \(Migration.newest) (`asof migrate`)"
    }

    private func numbersGap() throws(StoreError) -> String? {
        let rows = try session.query(
            """
            SELECT (SELECT count(*) FROM asof.store), b.position, b.batch_high, (SELECT max(position) FROM asof.ledger_totals),
                CASE WHEN has_sequence_privilege('asof.batch_numbers', 'SELECT')
                    THEN coalesce(pg_sequence_last_value('asof.batch_numbers'), 0) ELSE b.batch_high END
            FROM (VALUES (1)) one LEFT JOIN LATERAL (
                SELECT position, batch_high FROM asof.batches ORDER BY position DESC LIMIT 1) b ON true
            """
        )
        if rows.int64(0, 0) != 1 { return "asof.store has no row" }
        let (head, high) = (rows.int64(0, 1) ?? 0, rows.int64(0, 2) ?? 0)
        if let kept = rows.int64(0, 3), kept > head {
            return "the ledger ends at position \(head), its totals at \(kept)"
        }
        if let number = rows.int64(0, 4), number < high {
            return "the sequence asof.batch_numbers stands at \(number), the ledger at batch \(high)"
        }
        return nil
    }

    private func definitionsGap(_ registry: Registry) throws(StoreError) -> String? {
        let head = try Ledger(session).head().position
        // The first commit of a store is one of definitions, but that users may come before.
        let others = try session.query(
            "SELECT EXISTS (SELECT FROM asof.batches WHERE kind <> $1)",
            [.text(BatchKind.users.rawValue)]
        )
        if (others.bool(0, 0) == true) != (registry.version > 0) {
            return "the ledger ends at position \(head), the definitions at version \(registry.version)"
        }
        if head == 0,
            try session.query(
                "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('history'))"
            ).bool(0, 0) == true
        {
            return "the ledger has no commits, and history has tables"
        }
        let (defined, stored) = (
            Set(registry.definitions.views.filter { $0.windows == nil }.map(\.name)), Set(registry.views.map(\.name))
        )
        if let name = defined.symmetricDifference(stored).min() {
            return "view '\(name)' is in the definitions or in asof.views, and not in both"
        }
        for service in registry.definitions.services where registry.service(named: service.name) == nil {
            return "service '\(service.name)' is in the definitions and not in asof.services"
        }
        let rows = try session.query(
            "SELECT view, count(*) FROM asof.features WHERE retired_at IS NULL GROUP BY view"
        )
        var features: [Int32: Int] = [:]
        for row in 0..<rows.count { features[rows.int32(row, 0) ?? 0] = Int(rows.int64(row, 1) ?? 0) }
        for view in registry.views where features[view.id] ?? 0 < view.definition.features.count {
            return "features of view '\(view.name)' are not in asof.features"
        }
        return nil
    }

    // MARK: Views

    private func viewTablesGap(_ views: [StoredView]) throws(StoreError) -> String? {
        let rows = try session.query(
            """
            SELECT v.name, CASE
                WHEN v.history IS NULL THEN 'its history is not there'
                WHEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = v.history) THEN 'its history has no index'
                WHEN EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                    WHERE i.indrelid = v.history AND NOT i.indisvalid
                        AND c.relname IN ('_v' || v.id || '_key', '_v' || v.id || '_batch'))
                    THEN 'partitions of its history have no index'
                WHEN v.attached < v.registered THEN 'partitions of its history are not there'
                WHEN v.registered = 0 AND v.attached > 0 THEN 'partitions of its history are not in asof.partitions'
                WHEN v.is_online AND v.online IS NULL THEN 'its online table is not there'
                WHEN v.is_online AND NOT EXISTS (
                    SELECT FROM pg_index i WHERE i.indrelid = v.online AND i.indisprimary AND i.indisvalid)
                    THEN 'its online table has no primary key'
                END AS gap
            FROM (SELECT u.id, u.name, to_regclass(u.history) AS history, to_regclass(nullif(u.online, '')) AS online,
                    u.online <> '' AS is_online,
                    (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = to_regclass(u.history)) AS attached,
                    (SELECT count(*) FROM asof.partitions p WHERE p.view = u.id) AS registered
                FROM unnest($1, $2, $3, $4) AS u (id, name, history, online)) v
            """,
            [
                .int64Array(views.map { Int64($0.id) }), .textArray(views.map(\.name)),
                .textArray(views.map(\.historyTable)),
                .textArray(views.map { $0.definition.isOnline ? $0.onlineTable : "" }),
            ]
        )
        for row in 0..<rows.count {
            if let gap = rows.text(row, 1) { return "view '\(rows.text(row, 0) ?? "")': \(gap)" }
        }
        return nil
    }

    /// A view's last commit that stored rows.
    private struct LastCommit {
        let batch: Int64
        let rows: Int64
        /// Which transaction wrote its ledger row.
        let transaction: String
        let eventTimes: ClosedRange<Int64>
    }

    private func lastCommits(_ totals: [Int32: LedgerTotals]) throws(StoreError) -> [Int32: LastCommit] {
        let stored = totals.compactMap { id, total in total.storedPosition.map { (Int64(id), $0) } }
        let rows = try session.query(
            """
            SELECT b.view, b.batch, b.rows, b.xmin::text, b.min_event_time, b.max_event_time FROM asof.batches b
            JOIN unnest($1::bigint[], $2::bigint[]) AS t (view, position) ON b.position = t.position AND b.view = t.view
            """,
            [.int64Array(stored.map(\.0)), .int64Array(stored.map(\.1))]
        )
        var last: [Int32: LastCommit] = [:]
        for row in 0..<rows.count {
            guard let id = rows.int32(row, 0), let batch = rows.int64(row, 1), let transaction = rows.text(row, 3),
                let low = rows.timestamp(row, 4), let high = rows.timestamp(row, 5), low <= high
            else { continue }
            last[id] = LastCommit(
                batch: batch,
                rows: rows.int64(row, 2) ?? 0,
                transaction: transaction,
                eventTimes: low...high
            )
        }
        return last
    }

    /// Looks for a row of the view's last commit in history, and for any row online.
    ///
    /// - Returns: what does not agree; else whether the row was written by the transaction that wrote the commit's ledger
    ///   row, as Asof does: then all that came before is there, too.
    private func lastRow(
        _ view: StoredView,
        _ total: LedgerTotals,
        _ last: LastCommit?
    ) throws(StoreError) -> (gap: String?, isNative: Bool) {
        guard total.rows > 0 else { return (nil, false) }
        let online = view.definition.isOnline ? "EXISTS (SELECT FROM \(view.onlineTable))" : "true"
        var row = "NULL::text"
        if let last {
            // In words, so that only partitions that may have the row are looked at.
            let (low, high) = (last.eventTimes.lowerBound, last.eventTimes.upperBound)
            row = """
                (SELECT h.xmin::text FROM \(view.historyTable) h WHERE h._batch = \(last.batch)
                    AND h._event_time >= '\(Timestamp(microseconds: low).text)'::timestamptz
                    AND h._event_time <= '\(Timestamp(microseconds: high).text)'::timestamptz LIMIT 1)
                """
        }
        let found = try session.query("SELECT \(row), \(online)")
        if found.bool(0, 1) != true {
            return ("view '\(view.name)' has \(total.rows) rows by the ledger, and none online", false)
        }
        if let transaction = found.text(0, 0) { return (nil, transaction == last?.transaction) }
        if let last, try removedRows(view, last.batch) < last.rows {
            return ("view '\(view.name)': history has no row of batch \(last.batch)", false)
        }
        let isEmpty = try session.query("SELECT NOT EXISTS (SELECT FROM \(view.historyTable))").bool(0, 0) == true
        return (isEmpty ? "view '\(view.name)' has \(total.rows) rows by the ledger, and none in history" : nil, false)
    }

    private func removedRows(_ view: StoredView, _ batch: Int64) throws(StoreError) -> Int64 {
        try session.query(
            "SELECT coalesce(sum(rows), 0)::bigint FROM asof.removed_rows WHERE view = $1 AND batch = $2",
            [.int32(view.id), .int64(batch)]
        ).int64(0, 0) ?? 0
    }

    /// Counts the view's history, and looks for an entity of it that is not online.
    private func rowsGap(_ view: StoredView, _ total: LedgerTotals) throws(StoreError) -> String? {
        let count = try session.query("SELECT count(*) FROM \(view.historyTable)").int64(0, 0) ?? -1
        if count != total.rows {
            return "view '\(view.name)' has \(total.rows) rows by the ledger, and \(count) in history"
        }
        guard view.definition.isOnline, count > 0 else { return nil }
        let isMissing = try session.query(
            """
            SELECT EXISTS (SELECT FROM \(view.historyTable) h
                WHERE NOT EXISTS (SELECT FROM \(view.onlineTable) o WHERE \(view.keysEqual("o", "h"))))
            """
        )
        return isMissing.bool(0, 0) == true ? "view '\(view.name)' has entities in history that are not online" : nil
    }

    private func ledgerGap() throws(StoreError) -> String? {
        let rows = try session.query("SELECT coalesce(max(position), 0), count(DISTINCT position) FROM asof.batches")
        guard let head = rows.int64(0, 0), let count = rows.int64(0, 1), head != count else { return nil }
        return "the ledger ends at position \(head) and has \(count) positions"
    }
}
