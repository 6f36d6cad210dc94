package import Features
import Postgres
package import Store

/// `asof.audit`, which triggers write: who changed what, when, from where, at which position.
package struct AuditLog {
    private let session: Session

    package init(_ session: Session) { self.session = session }

    package struct Entry: Sendable, Hashable {
        package let at: Timestamp
        package let action: String
        package let subject: String?
        package let detail: String?
        package let position: Int64?
        /// PostgreSQL's role.
        package let role: String
        /// The server's user; `nil` = not by a server.
        package let actor: String?
        /// The server's client, else where PostgreSQL was asked from; `nil` = its own machine.
        package let from: String?
        package let application: String?
    }

    /// Entries since a time, oldest first.
    /// - Parameter limit: of the newest ones.
    package func entries(since: Timestamp?, limit: Int) throws(StoreError) -> [Entry] {
        let rows = try session.query(
            """
            SELECT a.at, a.action, a.subject, a.detail,
                coalesce(a.position, (SELECT min(b.position) FROM asof.batches b WHERE b.batch = a.batch)),
                a.role, a.actor, coalesce(nullif(a.client, ''), host(a.address)), nullif(a.application, '')
            FROM asof.audit a WHERE $1::timestamptz IS NULL OR a.at >= $1 ORDER BY a.at DESC LIMIT $2
            """,
            [.timestamp(microseconds: since?.microseconds), .int64(Int64(limit))]
        )
        var entries: [Entry] = []
        for row in (0..<rows.count).reversed() {
            let at = Timestamp(microseconds: rows.timestamp(row, 0) ?? 0)
            entries.append(
                Entry(
                    at: at,
                    action: rows.text(row, 1) ?? "",
                    subject: rows.text(row, 2),
                    detail: rows.text(row, 3),
                    position: rows.int64(row, 4),
                    role: rows.text(row, 5) ?? "",
                    actor: rows.text(row, 6),
                    from: rows.text(row, 7),
                    application: rows.text(row, 8)
                )
            )
        }
        return entries
    }
}
