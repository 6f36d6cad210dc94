import Features
import Postgres
import Store

extension WriteTransaction {
    /// Stores the staged rows in history and moves the online table, all inside PostgreSQL.
    ///
    /// - Parameters:
    ///   - rows: how many rows the stage holds; at least one.
    ///   - suppressed: rows that were left out since they differ within the tolerance, for the ledger's details.
    ///   - source: what the rows come from, for the same.
    func write(_ staged: StagedRows, rows: Int, suppressed: Int, source: String) throws(StoreError) -> WriteCounts {
        let view = staged.query.view
        let stage = staged.query.stage
        let event =
            view.eventFeature.map {
                (column: ", \(StoredView.eventColumn)", value: ", s.\(SQLText.identifier($0.name))")
            } ?? (column: "", value: "")
        let inserted = try session.query(
            """
            INSERT INTO \(view.historyTable) (\(view.keyList()), _event_time, _batch, \(view.featureList())\(event.column))
            SELECT \(view.keyList("s")), s._event_time, \(batch), \(view.featureList("s"))\(event.value) FROM \(stage) s
            """
        )
        guard inserted.affectedCount == rows else {
            throw .conflict("history took \(inserted.affectedCount) rows of \(rows)")
        }
        var counts = WriteCounts(stored: rows)
        guard let times = rows == staged.rowCount ? staged.eventTimes : try staged.currentEventTimes() else {
            throw .conflict("the staged rows of view '\(view.name)' are gone")
        }
        if view.eventFeature != nil, view.definition.isOnline {
            let entities = try session.query("SELECT count(*) FROM (SELECT DISTINCT \(view.keyList()) FROM \(stage)) k")
            let moved = try moveOnlineFromHistory(view, times, hasTombstones: false)
            counts.late = Int(entities.int64(0, 0) ?? 0) - moved
        } else if view.definition.isOnline {
            counts.late = try upsertOnline(from: stage, view)
        }
        entries.append(
            LedgerEntry(
                view: view.id,
                kind: .materialize,
                rows: rows,
                eventTimes: times
            )
        )
        try session.query(
            """
            INSERT INTO asof.batch_details (batch, view, source, late_rows, duplicate_rows, suppressed_rows)
            VALUES ($1, $2, $3, $4, 0, $5)
            """,
            [
                .int64(batch), .int32(view.id), .text(source), .int64(Int64(counts.late)),
                .int64(Int64(suppressed)),
            ]
        )
        return counts
    }

    /// - Returns: how many entities' newest rows were older than what is online.
    private func upsertOnline(from stage: String, _ view: StoredView) throws(StoreError) -> Int {
        let result = try session.query(
            """
            WITH newest AS MATERIALIZED (
                SELECT DISTINCT ON (\(view.keyList("s"))) \(view.keyList("s")), s._event_time, false AS _deleted,
                    \(view.featureList("s"))
                FROM \(stage) s ORDER BY \(view.keyList("s")), s._event_time DESC
            ), upserted AS (
                \(view.onlineUpsert(from: "newest", hidden: hidden[view.id]))
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM newest) - (SELECT count(*) FROM upserted)
            """
        )
        return Int(result.int64(0, 0) ?? 0)
    }
}
