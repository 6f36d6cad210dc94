package import Features
import Postgres
package import Store

/// How far a batch view was materialized: every event time before its watermark was asked for once.
package struct Watermark {
    let view: StoredView

    package init(_ view: StoredView) { self.view = view }

    /// - Returns: `nil` where the view was never materialized.
    package func read(_ session: Session) throws(StoreError) -> Timestamp? {
        try read(session, locking: "")
    }

    private func read(_ session: Session, locking: String) throws(StoreError) -> Timestamp? {
        let rows = try session.query(
            "SELECT watermark FROM asof.watermarks WHERE view = $1\(locking)",
            [.int32(view.id)]
        )
        return rows.count == 0 ? nil : rows.timestamp(0, 0).map { Timestamp(microseconds: $0) }
    }

    /// Locks the watermark for the transaction and compares it.
    ///
    /// Of two runs whose lock was lost with its connection, the second sees here that it is not alone.
    /// - Throws: ``StoreError/conflict(_:)`` where it is not `expected`.
    func lock(expecting expected: Timestamp?, _ session: Session) throws(StoreError) {
        // Nobody else can make the first row meanwhile: makers of it wait here.
        try session.lock(AdvisoryLock.watermark(view.id))
        let now = try read(session, locking: " FOR UPDATE")
        guard now == expected else {
            throw .conflict(
                """
                another run materializes view '\(view.name)': its watermark is \(now?.text ?? "unset"), this run left it at \
                \(expected?.text ?? "unset"). Run the command again
                """
            )
        }
    }

    /// Moves the locked watermark.
    /// - Parameter batch: the batch that stored rows; `nil` where none were new.
    func move(to time: Timestamp, batch: Int64?, _ session: Session) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.watermarks AS w (view, watermark, batch) VALUES ($1, $2, $3)
            ON CONFLICT (view) DO UPDATE SET watermark = excluded.watermark,
                batch = coalesce(excluded.batch, w.batch), updated_at = clock_timestamp()
            """,
            [.int32(view.id), .timestamp(microseconds: time.microseconds), .int64(batch)]
        )
    }
}
