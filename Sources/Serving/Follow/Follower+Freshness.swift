import Features
import Postgres
import Store

extension Follower {
    /// Newest events and last commits of the views that were loaded, from the ledger.
    func readFreshness(_ result: CatalogLoad.Result, _ session: Session) throws(StoreError) {
        let unknown = result.catalog.all.values.filter { $0.freshness.values.lastCommit == nil }
        guard !unknown.isEmpty else { return }
        let totals = try Ledger(session).totals()
        let stored = unknown.filter { totals[$0.stored.id]?.storedPosition != nil }
        let rows = try session.query(
            """
            SELECT b.view, b.position, b.uid, b.committed_at FROM asof.batches b
            JOIN unnest($1::bigint[], $2::bigint[]) AS t (view, position) ON b.position = t.position AND b.view = t.view
            """,
            [
                .int64Array(stored.map { Int64($0.stored.id) }),
                .int64Array(stored.map { totals[$0.stored.id]?.storedPosition ?? 0 }),
            ]
        )
        for row in 0..<rows.count {
            guard let id = rows.int32(row, 0), let view = result.catalog.all[id] else { continue }
            let commit = LedgerState(
                position: rows.int64(row, 1) ?? 0,
                uid: rows.uuid(row, 2),
                committedAt: rows.timestamp(row, 3)
            )
            view.freshness.add(commit, newest: totals[id]?.newest?.microseconds)
        }
    }
}
