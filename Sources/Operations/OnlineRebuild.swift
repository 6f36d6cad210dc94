import Features
import Postgres
package import Store

/// Makes a view's online table anew from its history, in one transaction.
///
/// Writers of the view wait meanwhile; readers see the old rows until the commit. Only rows that are wrong are written,
/// so that a table in order is not bloated.
package struct OnlineRebuild {
    private let session: Session

    package init(_ session: Session) { self.session = session }

    package struct Outcome: Sendable {
        /// Rows of the online table then: one an entity, tombstones too.
        package let entities: Int
        /// Rows that were missing or had other values.
        package let written: Int
        /// Rows of entities that history does not have.
        package let removed: Int
        package let state: LedgerState
    }

    /// - Throws: ``StoreError/request(_:)`` for a view without an online table.
    package func run(_ view: StoredView) throws(StoreError) -> Outcome {
        guard view.definition.isOnline else {
            throw .request("view '\(view.name)' has online: false; there is no online table to rebuild")
        }
        let ledger = Ledger(session)
        try session.begin(.write)
        do throws(StoreError) {
            try session.lock(AdvisoryLock.view(view.id))
            try view.refuseIfChanged(session)
            // Hidden features, too: old versions of services read them.
            let view = try StoredView.whole(view.name, session)
            let (batch, transactionID) = try ledger.takeBatch()
            try LatestRows(view, session).stage()
            let removed = try removeStrangers(view)
            let (entities, written) = try write(view)
            let state = try ledger.commit(
                "the rebuild of view '\(view.name)'",
                batch: batch,
                transactionID: transactionID,
                [LedgerEntry(view: view.id, kind: .rebuild, rows: written + removed)]
            )
            return Outcome(entities: entities, written: written, removed: removed, state: state)
        } catch {
            session.connection.rollBack()
            throw error
        }
    }

    private func removeStrangers(_ view: StoredView) throws(StoreError) -> Int {
        try session.query(
            """
            DELETE FROM \(view.onlineTable) o WHERE NOT EXISTS (
                SELECT FROM \(LatestRows.stage(view)) n WHERE \(view.keysEqual("n", "o")))
            """
        ).affectedCount
    }

    private func write(_ view: StoredView) throws(StoreError) -> (entities: Int, written: Int) {
        let columns = "\(view.keyList()), _event_time, _deleted, \(view.featureList())"
        let values = ["_event_time", "_deleted"] + view.definition.features.map { SQLText.identifier($0.name) }
        let online = values.map { "o.\($0)" }.joined(separator: ", ")
        let incoming = values.map { "excluded.\($0)" }.joined(separator: ", ")
        let written = try session.query(
            """
            INSERT INTO \(view.onlineTable) AS o (\(columns)) SELECT \(columns) FROM \(LatestRows.stage(view)) n
            ORDER BY \(view.keyList("n"))
            ON CONFLICT (\(view.keyList())) DO UPDATE SET \(view.onlineUpdates(hidden: nil))
            WHERE ROW(\(online)) IS DISTINCT FROM ROW(\(incoming))
            """
        ).affectedCount
        let entities = try session.query("SELECT count(*) FROM \(LatestRows.stage(view))").int64(0, 0)
        return (Int(entities ?? 0), written)
    }
}

/// The latest row of each entity of a view, collected from its history.
///
/// First the newest event time of each entity, then that row. The times come by leaping through the index from entity to
/// entity (a probe of every partition each), or by reading all of history, whichever is less work; both were measured
/// against `DISTINCT ON`, which sorts whole rows or reads them in the index's order.
struct LatestRows {
    let view: StoredView
    let session: Session

    init(_ view: StoredView, _ session: Session) {
        self.view = view
        self.session = session
    }

    /// A temporary table of the online table's columns; gone at the transaction's end.
    static func stage(_ view: StoredView) -> String { "pg_temp.\"_latest_\(view.id)\"" }

    private var newest: String { "\"_newest_times_\(view.id)\"" }

    /// Makes the temporary table. Nobody may write into the view meanwhile.
    func stage() throws(StoreError) {
        try session.execute("SET LOCAL jit = off")
        if view.eventFeature != nil {
            try session.execute("CREATE TEMPORARY TABLE \"_latest_\(view.id)\" ON COMMIT DROP AS \(view.latestQuery)")
            return
        }
        if try !leap() {
            try session.execute(
                """
                CREATE TEMPORARY TABLE \(newest) ON COMMIT DROP AS
                    SELECT \(view.keyList()), max(_event_time) AS _event_time FROM \(view.historyTable) GROUP BY \(view.keyList())
                """
            )
        }
        let columns = "\(view.keyList("h")), h._event_time, h._deleted, \(view.featureList("h"))"
        try session.execute(
            """
            CREATE TEMPORARY TABLE "_latest_\(view.id)" ON COMMIT DROP AS
                SELECT l.* FROM pg_temp.\(newest) n CROSS JOIN LATERAL (
                    SELECT \(columns) FROM \(view.historyTable) h
                    WHERE \(view.keysEqual("h", "n")) AND h._event_time = n._event_time
                    ORDER BY \(try view.tieOrder("h", session)) LIMIT 1) l
            """
        )
    }

    /// Collects the newest times by leaps, if that ends soon.
    /// - Returns: false where there are so many entities that reading all of history is less work.
    private func leap() throws(StoreError) -> Bool {
        let sizes = try session.query(
            """
            SELECT (SELECT count(*) FROM asof.partitions WHERE view = $1), (SELECT count(*) FROM \(view.onlineTable))
            """,
            [.int32(view.id)]
        )
        let rows = try Ledger(session).totals()[view.id]?.rows ?? 0
        let leapsMax = rows / OperationsLimits.rowsPerLeap / max(sizes.int64(0, 0) ?? 0, 1)
        guard leapsMax > 0, (sizes.int64(0, 1) ?? 0) <= leapsMax else { return false }
        let keys = view.keyList("h")
        let order = "ORDER BY \(keys), h._event_time DESC LIMIT 1"
        let made = try session.execute(
            """
            CREATE TEMPORARY TABLE \(newest) ON COMMIT DROP AS
                WITH RECURSIVE e AS (
                    (SELECT \(keys), h._event_time FROM \(view.historyTable) h \(order))
                    UNION ALL
                    SELECT n.* FROM e CROSS JOIN LATERAL (
                        SELECT \(keys), h._event_time FROM \(view.historyTable) h
                        WHERE ROW(\(keys)) > ROW(\(view.keyList("e"))) \(order)) n
                )
                SELECT * FROM e LIMIT \(leapsMax + 1)
            """
        )
        guard (made.last?.affectedCount ?? 0) > leapsMax else { return true }
        try session.execute("DROP TABLE pg_temp.\(newest)")
        return false
    }
}
