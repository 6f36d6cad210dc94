import Glibc
import Postgres

/// The right to make online tables of some views beside them: two `apply` that make one table take turns.
///
/// Advisory locks of a transaction that stays open on a connection of its own: so they hold behind a proxy that pools
/// transactions, hold nothing back (the transaction has no snapshot), and end with the process, however that ends.
final class OnlineTableTurn {
    private let session: Session
    /// Whether another had one of the views first, and may have changed it.
    let hasWaited: Bool

    private static let retryUs: UInt32 = 100_000

    /// Takes the locks, in the order of the views' ids, and removes what killed builds have left.
    ///
    /// - Parameter willWait: called once before waiting for another.
    init(ofViews ids: [Int32], like other: Session, willWait: () -> Void) throws(StoreError) {
        session = try Session(conninfo: other.conninfo, interruption: other.interruption)
        // It writes nothing, and must not keep migrations out for as long as a build takes.
        try session.begin(.boundedRead, asksToWrite: false)
        try session.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        var hasWaited = false
        for id in ids.sorted() {
            let key = AdvisoryLock.onlineBuild(id)
            let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock(\(AdvisoryLock.space), \(key))"
            // Another's build may take long. Asking now and then, each statement is short, and one without an answer is noticed.
            while try session.query(sql).bool(0, 0) != true {
                if !hasWaited { willWait() }
                hasWaited = true
                usleep(Self.retryUs)
            }
        }
        self.hasWaited = hasWaited
        try other.transaction(.write, of: "the removal of what a killed build has left") { () throws(StoreError) in
            for id in ids { try OnlineTableBuild.discard(ofView: id, other) }
        }
    }

    deinit { session.connection.rollBack() }
}
