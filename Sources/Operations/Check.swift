import Features
import Postgres
package import Store

/// Proves in SQL that the store is what its rules say.
package struct StoreCheck {
    let session: Session

    /// The property that rebuilding the online table mends.
    package static let onlineProperty = "online is the latest of history"

    package init(_ session: Session) { self.session = session }

    /// One property and how many rows break it.
    package struct Finding: Sendable, Hashable {
        package let subject: String
        package let property: String
        package let violations: Int
        /// The first few of them, each on one line: entities, batches or positions, with what is wrong about each.
        package let examples: [String]
    }

    /// Checks the ledger and views, in one snapshot.
    ///
    /// A table that `apply` writes anew behind the snapshot has no rows for it; so where something is wrong and the definitions changed
    /// meanwhile, it is all looked at again.
    /// - Parameters:
    ///   - names: of the views, none = all; in bytewise order.
    ///   - began: called with each snapshot that is taken.
    /// - Returns: every property that was looked at; a store in order has no violations.
    /// - Throws: ``StoreError/conflict(_:)`` where they changed ``OperationsLimits/checksMax`` times.
    /// - Complexity: reads all of the views' history.
    package func run(named names: [String] = [], began: () -> Void = {}) throws(StoreError) -> [Finding] {
        for _ in 0..<OperationsLimits.checksMax {
            var version: Int64?
            let result: Result<[Finding], StoreError>
            do throws(StoreError) {
                let findings = try snapshot { () throws(StoreError) in
                    let registry = try Registry.load(session)
                    version = registry.version
                    let views = try registry.views(named: names)
                    began()
                    return views.sorted { $0.name < $1.name }
                }
                if findings.allSatisfy({ $0.violations == 0 }) { return findings }
                result = .success(findings)
            } catch { result = .failure(error) }
            guard let version else { return try result.get() }
            let now = try session.query("SELECT coalesce(max(version), 0) FROM asof.definitions").int64(0, 0)
            if now == version { return try result.get() }
        }
        throw .conflict(
            "definitions changed \(OperationsLimits.checksMax) times while the store was checked; run the command again"
        )
    }

    /// Checks the ledger and every view, in one snapshot, by definitions that do not change meanwhile.
    ///
    /// - Returns: every property that was looked at; a store in order has no violations.
    /// - Complexity: reads all of history.
    package func run(_ views: [StoredView]) throws(StoreError) -> [Finding] {
        try snapshot { () throws(StoreError) in views }
    }

    private func snapshot(_ views: () throws(StoreError) -> [StoredView]) throws(StoreError) -> [Finding] {
        var options = Connection.TransactionOptions.read
        options.isolation = .repeatableRead
        return try session.transaction(options) { () throws(StoreError) in
            // Partitions are grouped one by one, in memory, and by as many workers as the server lets us have.
            try session.execute(
                """
                SET LOCAL enable_partitionwise_aggregate = on; SET LOCAL work_mem = '\(OperationsLimits.checkSortMiB)MB';
                SET LOCAL max_parallel_workers_per_gather = \(OperationsLimits.checkWorkersMax)
                """
            )
            let views = try views()
            var findings = try ledger()
            for view in views { findings += try history(view) + online(view) }
            return findings
        }
    }

    /// - Parameters:
    ///   - rows: SQL of one row a violation, whose one column says which it is.
    ///   - count: SQL of how many there are, where that is not the number of rows.
    private func find(
        _ subject: String,
        _ property: String,
        _ rows: String,
        count: String? = nil
    ) throws(StoreError) -> Finding {
        let violations =
            Int(try session.query(count ?? "SELECT count(*) FROM (\(rows)) x").int64(0, 0) ?? -1)
        var examples: [String] = []
        if violations != 0 {
            let found = try session.query(
                """
                SELECT left(x.example, \(OperationsLimits.checkExampleCharacters)) FROM (\(rows)) x (example)
                ORDER BY 1 LIMIT \(OperationsLimits.checkExamplesMax)
                """
            )
            examples = (0..<found.count).map { (found.text($0, 0) ?? "").onOneLine }
        }
        return Finding(subject: subject, property: property, violations: violations, examples: examples)
    }

    private func ledger() throws(StoreError) -> [Finding] {
        [
            try find(
                "ledger",
                "positions have no gaps",
                """
                SELECT 'positions ' || before + 1 || ' to ' || position - 1 FROM (
                    SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS before
                    FROM (SELECT DISTINCT position FROM asof.batches) b) x WHERE position > before + 1
                """,
                count: "SELECT coalesce(max(position), 0) - count(DISTINCT position) FROM asof.batches"
            ),
            try find(
                "ledger",
                "commit times ascend with positions",
                """
                SELECT 'position ' || position FROM (
                    SELECT position, committed_at <= lag(committed_at) OVER (ORDER BY position) AS falls
                    FROM (SELECT DISTINCT position, committed_at FROM asof.batches) b) x WHERE falls
                """
            ),
            try find(
                "ledger",
                "a position is one batch with one uid",
                """
                SELECT 'position ' || position FROM asof.batches GROUP BY position
                HAVING count(DISTINCT (batch, uid, committed_at, batch_high)) > 1
                """
            ),
            try find(
                "ledger",
                "a batch has one position",
                "SELECT 'batch ' || batch FROM asof.batches GROUP BY batch HAVING count(DISTINCT position) > 1"
            ),
            try find(
                "ledger",
                "batch_high is the greatest batch so far",
                """
                SELECT 'position ' || position FROM (SELECT position, batch_high, max(batch) OVER (ORDER BY position) AS high
                    FROM asof.batches) x WHERE batch_high <> high
                """
            ),
            try find(
                "ledger",
                "kept totals are what its rows add up to",
                """
                SELECT 'view ' || coalesce((SELECT name FROM asof.views v WHERE v.id = t.view), t.view::text)
                    || ': kept ' || t.rows || ' rows, the ledger has ' || coalesce(l.rows, 0)
                FROM asof.ledger_totals t CROSS JOIN LATERAL (
                    SELECT sum(CASE WHEN kind IN ('data', 'materialize') THEN rows
                        WHEN kind IN ('forget', 'drop') THEN -rows ELSE 0 END)::bigint AS rows, max(position) AS last
                    FROM asof.batches b WHERE b.view = t.view AND b.position <= t.position) l
                WHERE t.rows IS DISTINCT FROM l.rows OR t.last_position IS DISTINCT FROM l.last
                """
            ),
        ]
    }

    private func history(_ view: StoredView) throws(StoreError) -> [Finding] {
        let identity = view.eventFeature == nil ? "h._event_time" : "h._event_time, h.\(StoredView.eventColumn)"
        return [
            try find(
                view.name,
                "history has the rows that the ledger says",
                """
                SELECT 'batch ' || batch || ': the ledger has ' || coalesce(l.rows, 0) || ' rows, history '
                    || coalesce(h.rows, 0) || coalesce(', of ' || (
                        SELECT string_agg(e.entity, ', ') FROM (SELECT DISTINCT \(view.entityText("k")) AS entity
                            FROM \(view.historyTable) k WHERE k._batch = batch ORDER BY 1
                            LIMIT \(OperationsLimits.checkEntitiesMax)) e), '')
                FROM (SELECT batch, sum(rows) AS rows FROM (
                        SELECT batch, rows FROM asof.batches
                        WHERE view = \(view.id) AND kind IN ('data', 'materialize')
                        UNION ALL SELECT batch, -rows FROM asof.removed_rows WHERE view = \(view.id)) b
                        GROUP BY batch HAVING sum(rows) <> 0) l
                    FULL JOIN (SELECT _batch AS batch, count(*) AS rows FROM \(view.historyTable) GROUP BY 1) h USING (batch)
                WHERE l.rows IS DISTINCT FROM h.rows
                """
            ),
            try find(
                view.name,
                "what forget and drop removed adds up",
                """
                SELECT 'removal ' || batch || ': the ledger has ' || coalesce(l.rows, 0) || ' rows, by batches '
                    || coalesce(r.rows, 0)
                FROM (SELECT batch, rows FROM asof.batches
                        WHERE view = \(view.id) AND kind IN ('forget', 'drop') AND rows > 0) l
                    FULL JOIN (SELECT removal AS batch, sum(rows) AS rows FROM asof.removed_rows
                        WHERE view = \(view.id) GROUP BY 1) r USING (batch)
                WHERE l.rows IS DISTINCT FROM r.rows
                """
            ),
            try find(
                view.name,
                view.eventFeature == nil
                    ? "a batch has one row for a key and event time"
                    : "a batch has one row for a key, event time and event",
                """
                SELECT \(view.entityText("h")) || ' at ' || h._event_time || ', batch ' || h._batch || ': ' || count(*)
                    || ' rows'
                FROM \(view.historyTable) h
                GROUP BY \(view.keyList("h")), \(identity), h._batch HAVING count(*) > 1
                """
            ),
        ]
    }

    private func online(_ view: StoredView) throws(StoreError) -> [Finding] {
        guard view.definition.isOnline else { return [] }
        let columns = ["_event_time", "_deleted"] + view.definition.features.map { SQLText.identifier($0.name) }
        let left = columns.map { "h.\($0)" }.joined(separator: ", ")
        let right = columns.map { "o.\($0)" }.joined(separator: ", ")
        let others =
            "FULL JOIN \(view.onlineTable) o ON \(view.keysEqual("h", "o")) WHERE (\(left)) IS DISTINCT FROM (\(right))"
        return [
            try find(
                view.name,
                Self.onlineProperty,
                """
                SELECT CASE WHEN h._event_time IS NULL THEN \(view.entityText("o")) ELSE \(view.entityText("h")) END
                    || CASE WHEN h._event_time = o._event_time THEN ' (other values)' ELSE
                        ' (history ' || coalesce(h._event_time::text, 'none') || ', online '
                        || coalesce(o._event_time::text, 'none') || ')' END
                FROM (\(view.latestQuery)) h \(others)
                """,
                count: "SELECT count(*) FROM (\(try latestQuery(view))) h \(others)"
            )
        ]
    }

    /// SQL: the latest row of each entity, as ``StoredView/latestQuery`` has it, where online is right; where it is not, at least
    /// another row than online has.
    ///
    /// One pass over history leaves out what is older than the entity's online row, which is nearly all of it, so that little is
    /// sorted and no value of the rest is looked at.
    private func latestQuery(_ view: StoredView) throws(StoreError) -> String {
        guard view.eventFeature == nil else { return view.latestQuery }
        return """
            SELECT DISTINCT ON (\(view.keyList("h"))) \(view.keyList("h")), h._event_time, h._deleted, \(view.featureList("h"))
            FROM \(view.historyTable) h LEFT JOIN \(view.onlineTable) x ON \(view.keysEqual("x", "h"))
            WHERE x._event_time IS NULL OR h._event_time >= x._event_time
            ORDER BY \(view.keyList("h")), h._event_time DESC, \(try view.tieOrder("h", session))
            """
    }
}

extension StoredView {
    /// SQL: a row's entity as `asof get` reads it: `key=value` with commas between.
    fileprivate func entityText(_ alias: String) -> String {
        guard !definition.keys.isEmpty else { return "'the one row'" }
        let keys = definition.keys.map { key in
            let value = "\(alias).\(SQLText.identifier(key.name))::text"
            let escaped = ["=", ",", " "].reduce(value) { "replace(\($0), '\($1)', E'\\\\\($1)')" }
            return "'\(key.name)=' || \(key.type == .string ? escaped : value)"
        }
        return "concat_ws(',', \(keys.joined(separator: ", ")))"
    }
}
