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
    }

    /// Checks the ledger and every view, in one snapshot.
    ///
    /// - Returns: every property that was looked at; a store in order has no violations.
    /// - Complexity: reads all of history.
    package func run(_ views: [StoredView]) throws(StoreError) -> [Finding] {
        var options = Connection.TransactionOptions.read
        options.isolation = .repeatableRead
        return try session.transaction(options) { () throws(StoreError) in
            var findings = try ledger()
            for view in views { findings += try history(view) + online(view) }
            return findings
        }
    }

    private func count(_ subject: String, _ property: String, _ sql: String) throws(StoreError) -> Finding {
        Finding(subject: subject, property: property, violations: Int(try session.query(sql).int64(0, 0) ?? -1))
    }

    private func ledger() throws(StoreError) -> [Finding] {
        [
            try count(
                "ledger",
                "positions have no gaps",
                "SELECT coalesce(max(position), 0) - count(DISTINCT position) FROM asof.batches"
            ),
            try count(
                "ledger",
                "commit times ascend with positions",
                """
                SELECT count(*) FROM (
                    SELECT committed_at <= lag(committed_at) OVER (ORDER BY position) AS falls
                    FROM (SELECT DISTINCT position, committed_at FROM asof.batches) b) x WHERE falls
                """
            ),
            try count(
                "ledger",
                "a position is one batch with one uid",
                """
                SELECT count(*) FROM (SELECT position FROM asof.batches GROUP BY position
                    HAVING count(DISTINCT (batch, uid, committed_at, batch_high)) > 1) x
                """
            ),
            try count(
                "ledger",
                "a batch has one position",
                "SELECT count(*) FROM (SELECT batch FROM asof.batches GROUP BY batch HAVING count(DISTINCT position) > 1) x"
            ),
            try count(
                "ledger",
                "batch_high is the greatest batch so far",
                """
                SELECT count(*) FROM (SELECT batch_high, max(batch) OVER (ORDER BY position) AS high
                    FROM asof.batches) x WHERE batch_high <> high
                """
            ),
            try count(
                "ledger",
                "kept totals are what its rows add up to",
                """
                SELECT count(*) FROM asof.ledger_totals t CROSS JOIN LATERAL (
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
            try count(
                view.name,
                "history has the rows that the ledger says",
                """
                SELECT count(*) FROM (SELECT batch, sum(rows) AS rows FROM (
                        SELECT batch, rows FROM asof.batches
                        WHERE view = \(view.id) AND kind IN ('data', 'materialize')
                        UNION ALL SELECT batch, -rows FROM asof.removed_rows WHERE view = \(view.id)) b
                        GROUP BY batch HAVING sum(rows) <> 0) l
                    FULL JOIN (SELECT _batch AS batch, count(*) AS rows FROM \(view.historyTable) GROUP BY 1) h USING (batch)
                    WHERE l.rows IS DISTINCT FROM h.rows
                """
            ),
            try count(
                view.name,
                "what forget and drop removed adds up",
                """
                SELECT count(*) FROM (SELECT batch, rows FROM asof.batches
                        WHERE view = \(view.id) AND kind IN ('forget', 'drop') AND rows > 0) l
                    FULL JOIN (SELECT removal AS batch, sum(rows) AS rows FROM asof.removed_rows
                        WHERE view = \(view.id) GROUP BY 1) r USING (batch)
                WHERE l.rows IS DISTINCT FROM r.rows
                """
            ),
            try count(
                view.name,
                view.eventFeature == nil
                    ? "a batch has one row for a key and event time"
                    : "a batch has one row for a key, event time and event",
                """
                SELECT count(*) FROM (SELECT FROM \(view.historyTable) h
                    GROUP BY \(view.keyList("h")), \(identity), h._batch HAVING count(*) > 1) x
                """
            ),
        ]
    }

    private func online(_ view: StoredView) throws(StoreError) -> [Finding] {
        guard view.definition.isOnline else { return [] }
        let columns = ["_event_time", "_deleted"] + view.definition.features.map { SQLText.identifier($0.name) }
        let left = columns.map { "h.\($0)" }.joined(separator: ", ")
        let right = columns.map { "o.\($0)" }.joined(separator: ", ")
        return [
            try count(
                view.name,
                Self.onlineProperty,
                """
                SELECT count(*) FROM (\(view.latestQuery)) h FULL JOIN \(view.onlineTable) o
                    ON \(view.keysEqual("h", "o"))
                WHERE (\(left)) IS DISTINCT FROM (\(right))
                """
            )
        ]
    }
}
