import Postgres
import Store

/// Whether PostgreSQL can be written to is known only by trying: a connection to a server whose disk is full is like any other.
extension GroupCommitter {
    /// Of the ledger's lock, a statement, all of a probe: in ascending order.
    private static let (probeLockTimeoutMs, probeStatementTimeoutMs, probeDeadlineMs) = (500, 2_000, 5_000)

    /// Writes in a transaction that is rolled back.
    ///
    /// - Returns: why nothing can be written; `nil` = something can, or the store has another objection, which writes are told.
    func probe() -> StoreError? {
        do throws(StoreError) {
            try connect()
            guard let session else { return nil }
            session.connection.deadline = .now + .milliseconds(Self.probeDeadlineMs)
            let options = Connection.TransactionOptions(
                isReadOnly: false,
                lockTimeoutMs: Self.probeLockTimeoutMs,
                statementTimeoutMs: Self.probeStatementTimeoutMs
            )
            try session.begin(options)
            try Ledger(session).rehearse()
            trouble = nil
            return nil
        } catch {
            session?.connection.rollBack()
            // Another connection may lead to a server that can be written to.
            if GroupTrouble.isEnding(error) || session?.connection.isAlive != true { session = nil }
            let isTrouble = GroupTrouble.isEnding(error) || isHeldUp(error)
            trouble = isTrouble ? reason(error) : nil
            return isTrouble ? error : nil
        }
    }

    /// Whether the probe failed since PostgreSQL was slow: a write may be stored all the same.
    func isHeldUp(_ error: StoreError) -> Bool { GroupTrouble.isSlow(error) || GroupTrouble.isLockTimeout(error) }

    private func reason(_ error: StoreError) -> String {
        isHeldUp(error) ? GroupTrouble.slowReason : GroupTrouble.reason(error)
    }
}
