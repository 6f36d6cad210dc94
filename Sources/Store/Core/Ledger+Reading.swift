package import Features
import Postgres

extension Ledger {
    /// One line of `asof log`.
    package struct Line: Sendable, Hashable {
        package let position: Int64
        package let batch: Int64
        package let committedAt: Timestamp
        package let uid: String
        package let kind: String
        /// `nil` = the whole store, or a view that is gone.
        package let view: String?
        package let rows: Int64
        package let earliest: Timestamp?
        package let latest: Timestamp?
        package let source: String?
        package let lateRows: Int64?
        /// Rows of a batch view that were left out beside these, within its tolerance; `nil` = not counted.
        package let suppressedRows: Int64?
        package let role: String?
    }

    /// The newest entries, newest first.
    package func lines(view: StoredView?, limit: Int) throws(StoreError) -> [Line] {
        let rows = try session.query(
            """
            SELECT b.position, b.batch, b.committed_at, b.uid, b.kind, v.name, b.rows, b.min_event_time, b.max_event_time,
                d.source, d.late_rows, d.role, d.suppressed_rows
            FROM asof.batches b LEFT JOIN asof.views v ON v.id = b.view
            LEFT JOIN asof.batch_details d ON d.batch = b.batch AND d.view = b.view
            WHERE $1::integer IS NULL OR b.view = $1 ORDER BY b.position DESC, b.view LIMIT $2
            """,
            [.int32(view?.id), .int64(Int64(limit))]
        )
        return (0..<rows.count).map { row in
            Line(
                position: rows.int64(row, 0) ?? 0,
                batch: rows.int64(row, 1) ?? 0,
                committedAt: Timestamp(microseconds: rows.timestamp(row, 2) ?? 0),
                uid: rows.uuid(row, 3) ?? "",
                kind: rows.text(row, 4) ?? "",
                view: rows.text(row, 5),
                rows: rows.int64(row, 6) ?? 0,
                earliest: rows.timestamp(row, 7).map { Timestamp(microseconds: $0) },
                latest: rows.timestamp(row, 8).map { Timestamp(microseconds: $0) },
                source: rows.text(row, 9),
                lateRows: rows.int64(row, 10),
                suppressedRows: rows.int64(row, 12),
                role: rows.text(row, 11)
            )
        }
    }
}
