package import Features
import Postgres

/// Online rows that are moved from history.
extension WriteTransaction {
    /// Moves the online rows of the entities of this batch, whose rows are in history: to their newest row, of events to the
    /// newest in force.
    ///
    /// A row that comes in is compared with the online one. The tombstone of an event may bring back the one before, which
    /// only history knows: the online rows are locked first, then history is read by a statement of its own, so that of
    /// concurrent writers the later one sees what the earlier one did.
    /// - Parameter times: of the batch's rows, so that other partitions are not looked at.
    /// - Returns: how many online rows it made or moved, those not counted that a tombstone moved back.
    package func moveOnlineFromHistory(
        _ view: StoredView,
        _ times: ClosedRange<Timestamp>,
        hasTombstones: Bool
    ) throws(StoreError) -> Int {
        let own = """
            h._batch = \(batch) AND h._event_time >= '\(times.lowerBound.text)'::timestamptz
                AND h._event_time <= '\(times.upperBound.text)'::timestamptz
            """
        let isOfEvents = view.eventFeature != nil
        // The batch is the newest in its index, and not in the table's statistics: an index scan is always right.
        let results = try session.execute(
            """
            SET LOCAL enable_seqscan = off;
            WITH newest AS MATERIALIZED (
                SELECT DISTINCT ON (\(view.keyList("h"))) \(view.keyList("h")), h._event_time, h._deleted,
                    \(view.featureList("h"))
                FROM \(view.historyTable) h WHERE \(own)
                ORDER BY \(view.keyList("h")), \(isOfEvents ? "h._deleted, " : "")\(view.historyOrder("h"))
            )
            \(view.onlineUpsert(from: "newest", hidden: hidden[view.id]));
            \(isOfEvents && hasTombstones ? bringBack(view, own) + ";" : "")
            SET LOCAL enable_seqscan = on
            """
        )
        guard results.count >= 3 else { throw .conflict("the online table did not say how many rows it took") }
        return results[1].affectedCount
    }

    /// SQL: the online rows of entities that this batch has tombstones of, read from history.
    private func bringBack(_ view: StoredView, _ own: String) -> String {
        let known = ["_event_time", "_deleted"] + view.definition.features.map(\.name)
        // Where definitions of a newer release hide what this one knows, it is there once.
        let names = known + (hidden[view.id] ?? []).filter { !known.contains($0) }
        let columns = names.map { "h.\(SQLText.identifier($0))" }.joined(separator: ", ")
        let values = names.map { "\(SQLText.identifier($0)) = n.\(SQLText.identifier($0))" }.joined(separator: ", ")
        func newest(_ condition: String, _ order: String) -> String {
            """
            (SELECT \(view.keyList("h")), \(columns) FROM \(view.historyTable) h
                WHERE \(view.keysEqual("h", "k")) AND \(condition) ORDER BY \(order) LIMIT 1)
            """
        }
        return """
            UPDATE \(view.onlineTable) o SET \(values)
            FROM (SELECT DISTINCT \(view.keyList("h")) FROM \(view.historyTable) h WHERE \(own) AND h._deleted) k
            CROSS JOIN LATERAL (SELECT u.* FROM (
                \(newest(view.isInForce("h"), view.historyOrder("h")))
                UNION ALL
                \(newest("h._deleted AND " + view.isLastVersion("h"), view.historyOrder("h")))) u
                ORDER BY u._deleted LIMIT 1) n
            WHERE \(view.keysEqual("o", "n"))
            """
    }
}
