package import Features
import Postgres

/// What a view's ledger rows add up to.
package struct LedgerTotals: Sendable, Hashable {
    /// Rows of history: stored, less those removed since.
    package let rows: Int64
    /// The newest event time that was ever stored, removed since or not.
    package let newest: Timestamp?
    /// The commit that brought ``newest`` first.
    package let newestPosition: Int64?
    /// The newest event time of what was removed.
    package let newestRemoved: Timestamp?
    package let lastPosition: Int64
    /// The last commit that stored rows.
    package let storedPosition: Int64?
}

/// Totals are kept in `asof.ledger_totals` as of some position, and the ledger rows behind it are added when they are read.
///
/// A row that each commit moves would be a counter row: it decays under an open snapshot, and commits of one view would
/// wait for one another. What is kept instead never changes, since a snapshot always sees a prefix of the positions: a
/// batch now and then, whichever comes first, writes it down before it takes the ledger's lock.
extension Ledger {
    /// The ledger rows of each view behind what is kept, and what is kept, as one row a view.
    private static let sums = """
        WITH later AS (
            SELECT view,
                sum(CASE WHEN kind IN ('data', 'materialize') THEN rows WHEN kind IN ('forget', 'drop') THEN -rows
                    ELSE 0 END)::bigint AS rows,
                max(position) AS last_position,
                max(position) FILTER (WHERE kind IN ('data', 'materialize')) AS stored_position,
                max(max_event_time) FILTER (WHERE kind IN ('data', 'materialize')) AS event_time_high,
                (array_agg(position ORDER BY max_event_time DESC, position) FILTER (
                    WHERE kind IN ('data', 'materialize') AND max_event_time IS NOT NULL))[1] AS high_position,
                max(max_event_time) FILTER (WHERE kind IN ('forget', 'drop')) AS removed_time_high
            FROM asof.batches WHERE position > coalesce((SELECT max(position) FROM asof.ledger_totals), 0) GROUP BY view
        ), totals AS (
            SELECT view, coalesce(k.rows, 0) + coalesce(l.rows, 0) AS rows,
                coalesce(l.last_position, k.last_position) AS last_position,
                coalesce(l.stored_position, k.stored_position) AS stored_position,
                greatest(k.event_time_high, l.event_time_high) AS event_time_high,
                CASE WHEN k.event_time_high >= l.event_time_high OR l.event_time_high IS NULL THEN k.high_position
                    ELSE l.high_position END AS high_position,
                greatest(k.removed_time_high, l.removed_time_high) AS removed_time_high
            FROM asof.ledger_totals k FULL JOIN later l USING (view)
        )
        """

    /// The totals of each view that has ledger rows, by its id; 0 = the whole store.
    /// - Complexity: O(views + ``Limits/ledgerTotalsBatches``), however long the ledger is.
    package func totals() throws(StoreError) -> [Int32: LedgerTotals] {
        let rows = try session.query(
            """
            \(Self.sums)
            SELECT view, rows, last_position, stored_position, event_time_high, high_position, removed_time_high FROM totals
            """
        )
        var totals: [Int32: LedgerTotals] = [:]
        for row in 0..<rows.count {
            guard let view = rows.int32(row, 0) else { continue }
            totals[view] = LedgerTotals(
                rows: rows.int64(row, 1) ?? 0,
                newest: rows.timestamp(row, 4).map { Timestamp(microseconds: $0) },
                newestPosition: rows.int64(row, 5),
                newestRemoved: rows.timestamp(row, 6).map { Timestamp(microseconds: $0) },
                lastPosition: rows.int64(row, 2) ?? 0,
                storedPosition: rows.int64(row, 3)
            )
        }
        return totals
    }

    /// Writes down what the ledger adds up to as of the last position that is seen.
    ///
    /// Where several do so at once, the greater position stays: its views are those of the smaller one and more.
    func keepTotals() throws(StoreError) {
        try session.query(
            """
            \(Self.sums)
            INSERT INTO asof.ledger_totals AS kept (view, position, rows, last_position, stored_position, event_time_high,
                high_position, removed_time_high)
            SELECT t.view, (SELECT max(position) FROM asof.batches), t.rows, t.last_position, t.stored_position,
                t.event_time_high, t.high_position, t.removed_time_high
            FROM totals t JOIN later l ON l.view = t.view ORDER BY t.view
            ON CONFLICT (view) DO UPDATE SET position = excluded.position, rows = excluded.rows,
                last_position = excluded.last_position, stored_position = excluded.stored_position,
                event_time_high = excluded.event_time_high, high_position = excluded.high_position,
                removed_time_high = excluded.removed_time_high
            WHERE kept.position < excluded.position
            """
        )
    }
}
