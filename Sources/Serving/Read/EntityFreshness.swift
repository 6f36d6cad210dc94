package import Features
import Postgres
package import Store

/// When an entity's latest row became true, and when it was committed.
package struct EntityFreshness: Sendable, Hashable {
    /// µs; `nil` = the entity has no row.
    package var eventTime: Int64?
    /// The commit that brought the row; `nil` where there is no row, or history no longer has it.
    package var commit: LedgerState?

    package init(eventTime: Int64? = nil, commit: LedgerState? = nil) {
        self.eventTime = eventTime
        self.commit = commit
    }

    /// Reads it from the view's online table and history.
    package static func read(
        _ view: StoredView,
        keys: [Value],
        _ session: Session
    ) throws(StoreError) -> EntityFreshness {
        let rows = try session.query(
            """
            SELECT o._event_time, h.position, h.uid, h.committed_at
            FROM \(view.onlineTable) o LEFT JOIN LATERAL (
                SELECT b.position, b.uid, b.committed_at
                FROM \(view.historyTable) h JOIN asof.batches b ON b.batch = h._batch AND b.view = \(view.id)
                WHERE \(view.keysEqual("h", "o")) AND h._event_time = o._event_time
                ORDER BY b.position DESC LIMIT 1) h ON true
            WHERE \(view.keyCondition("o"))
            """,
            view.keyParameters(keys)
        )
        guard rows.count > 0 else { return EntityFreshness() }
        let commit = rows.int64(0, 1).map {
            LedgerState(position: $0, uid: rows.uuid(0, 2), committedAt: rows.timestamp(0, 3))
        }
        return EntityFreshness(eventTime: rows.timestamp(0, 0), commit: commit)
    }
}
