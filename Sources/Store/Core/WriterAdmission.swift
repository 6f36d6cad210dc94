import Glibc
import Postgres

/// Which binaries may write to a store, and how a migration keeps the others out.
///
/// A transaction that writes asks `asof.admit_writer` in its first message. That takes ``AdvisoryLock/migration``, shared,
/// until the transaction ends, and only then compares; a migration takes the same lock for itself alone. So whatever was
/// admitted has ended when a migration begins, and whatever asks later sees what the migration has made: nothing of an
/// older binary lands after it, with or without a row in the ledger.
package enum WriterAdmission {
    /// The number of the migration that made what is asked.
    static let firstSchema = 12
    /// By which the store refuses this binary.
    static let refusedState = "AS001"

    /// Refuses the transaction, with SQLSTATE ``refusedState``, where this binary may not write.
    static var statement: String { "SELECT asof.admit_writer(\(Migration.newest))" }

    /// The lowest schema whose binaries may write. To be asked where the store has schema ``firstSchema`` or a later one.
    package static func lowestSchema(_ session: Session) throws(StoreError) -> Int {
        let rows = try session.query("SELECT max(number) FROM asof.migrations WHERE NOT older_may_write")
        return Int(rows.int32(0, 0) ?? 0)
    }

    /// Waits until no transaction that writes is open, and lets none begin before the migration's has ended.
    ///
    /// New writers wait behind it, therefore it stands in their way for ``Limits/writersStallMs`` at a time only. Within
    /// the migration's transaction.
    /// - Parameter waitMs: how long to wait in all.
    /// - Throws: ``StoreError/conflict(_:)`` naming who writes.
    static func shutOut(_ session: Session, waitMs: Int) throws(StoreError) {
        let end = ContinuousClock.now + .milliseconds(waitMs)
        while true {
            do throws(StoreError) {
                try session.execute(
                    """
                    SAVEPOINT writers; SET LOCAL lock_timeout = \(Limits.writersStallMs);
                    SELECT pg_catalog.pg_advisory_xact_lock(\(AdvisoryLock.space), \(AdvisoryLock.migration));
                    SET LOCAL lock_timeout = \(Limits.lockTimeoutMs); RELEASE SAVEPOINT writers
                    """
                )
                return
            } catch {
                guard case .database(let cause) = error, cause.sqlState == SQLState.lockNotAvailable else {
                    throw error
                }
            }
            try session.execute("ROLLBACK TO SAVEPOINT writers")
            guard ContinuousClock.now < end else {
                throw .conflict(
                    """
                    somebody has been writing for longer than \(waitMs / 1_000) s (\(try writers(session))), and a migration \
                    needs a moment without; run `asof migrate` again when that is done
                    """
                )
            }
            usleep(UInt32(Limits.writersStallMs) * 1_000)
        }
    }

    /// Who holds the lock, as far as the role may see it.
    private static func writers(_ session: Session) throws(StoreError) -> String {
        let rows = try session.query(
            """
            SELECT string_agg(format('process %s, %s, since %s', l.pid, coalesce(nullif(a.application_name, ''), 'unnamed'),
                coalesce(a.xact_start::text, 'unknown')), '; ' ORDER BY l.pid)
            FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.classid = \(AdvisoryLock.space)
                AND l.objid = \(AdvisoryLock.migration) AND l.objsubid = 2
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """
        )
        return rows.text(0, 0) ?? "gone by now"
    }
}

extension StoreError {
    /// What PostgreSQL says; where it is the store that refuses this binary, that.
    init(_ error: PostgresError) {
        guard error.sqlState == WriterAdmission.refusedState else {
            self = .database(error)
            return
        }
        self = .newerSchema(store: error.detail.flatMap { Int($0) } ?? 0, binary: Migration.newest)
    }

    /// Why a transaction that asks to be admitted cannot begin: a store of before has nobody to ask.
    init(beginning error: PostgresError, _ session: Session) {
        guard error.sqlState == SQLState.undefinedFunction || error.sqlState == SQLState.undefinedSchema,
            let schema = try? Migrator.schema(of: session)
        else {
            self.init(error, on: session.connection)
            return
        }
        self = schema == 0 ? .noStore : .olderSchema(store: schema, binary: Migration.newest)
    }
}
