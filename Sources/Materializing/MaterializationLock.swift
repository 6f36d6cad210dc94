import Features
import Foundation
import Glibc
package import Postgres
package import Store

/// The right to materialize a view, for one run over all its transactions.
///
/// An advisory lock of a transaction that stays open on a connection of its own: so it holds behind a proxy that pools
/// transactions, holds nothing back (the transaction has no snapshot), and ends with the process, however that ends.
package final class MaterializationLock {
    private let session: Session

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - waits: whether to wait for a run that holds it.
    ///   - interruption: ends the waiting from another thread.
    ///   - willWait: called once with who holds it, before waiting.
    /// - Throws: ``StoreError/conflict(_:)`` naming the run that holds it.
    package init(
        _ view: StoredView,
        conninfo: String,
        waits: Bool,
        interruption: Interruption? = nil,
        willWait: (String) -> Void = { _ in }
    ) throws(StoreError) {
        session = try Session(conninfo: conninfo, interruption: interruption)
        var options = Connection.TransactionOptions.write
        options.statementTimeoutMs = MaterializingLimits.lockStatementMs
        // It writes nothing, and must not keep migrations out for as long as a run takes.
        try session.begin(options, asksToWrite: false)
        try session.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        if try !tryLock(view) {
            let other = try Session(conninfo: conninfo, interruption: interruption)
            let holder = try Self.holder(view, other)
            guard waits else {
                throw .conflict(
                    "view '\(view.name)' is being materialized by \(holder); wait for it with --wait, or try again later"
                )
            }
            willWait(holder)
            // A run may take days. Asking now and then, each statement is short, and one without an answer is noticed.
            while try !tryLock(view) { usleep(Self.retryUs) }
        }
        try Self.sign(view, try Session(conninfo: conninfo, interruption: interruption))
    }

    private static let retryUs: UInt32 = 100_000

    private func tryLock(_ view: StoredView) throws(StoreError) -> Bool {
        let key = AdvisoryLock.materialization(view.id)
        let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock(\(AdvisoryLock.space), \(key))"
        return try session.query(sql).bool(0, 0) == true
    }

    /// Lets the next run in.
    package func release() { session.connection.rollBack() }

    deinit { release() }

    private static func holder(_ view: StoredView, _ session: Session) throws(StoreError) -> String {
        let rows = try session.query(
            "SELECT holder, since FROM asof.materialize_runs WHERE view = $1",
            [.int32(view.id)]
        )
        guard rows.count > 0, let holder = rows.text(0, 0), let since = rows.timestamp(0, 1) else {
            return "another run"
        }
        return "\(holder) since \(Timestamp(microseconds: since).text)"
    }

    /// Leaves word who holds the lock, for others to read.
    private static func sign(_ view: StoredView, _ session: Session) throws(StoreError) {
        let process = ProcessInfo.processInfo
        let subject = "the sign of who materializes view '\(view.name)'"
        try session.transaction(.write, of: subject) { () throws(StoreError) in
            _ = try session.query(
                """
                INSERT INTO asof.materialize_runs (view, holder)
                VALUES ($1, format('process %s on %s, role %s (%s)', $2::text, $3::text, current_user,
                    current_setting('application_name')))
                ON CONFLICT (view) DO UPDATE SET holder = excluded.holder, since = clock_timestamp()
                """,
                [.int32(view.id), .text(String(process.processIdentifier)), .text(process.hostName)]
            )
        }
    }
}
