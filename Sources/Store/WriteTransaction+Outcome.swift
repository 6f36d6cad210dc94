import Glibc
import Postgres

extension WriteTransaction {
    /// What became of a COMMIT that was not answered.
    package enum Outcome: Sendable, Hashable {
        case committed, aborted, unknown

        package var text: String {
            switch self {
            case .committed: "it is stored"
            case .aborted: "it is not stored"
            case .unknown: "whether it is stored could not be found out: `asof log` shows it if it is"
            }
        }
    }

    /// Asks PostgreSQL, on new connections, what became of this transaction after its connection was lost.
    ///
    /// The ledger's uid decides: it is ours alone, while a server that crashed before it wrote the transaction's id down
    /// may give the id to another one. The id's status only tells when the ledger can be asked.
    /// - Parameter waitMs: how long to wait for a server that does not answer or has not ended the transaction.
    package func outcome(waitMs: Int = 5_000) -> Outcome { found(waitMs: waitMs).outcome }

    /// As ``outcome(waitMs:)``, with the state that the commit made.
    func found(waitMs: Int) -> (outcome: Outcome, state: LedgerState?) {
        let end = ContinuousClock.now + .milliseconds(waitMs)
        repeat {
            if let other = try? Session(conninfo: session.conninfo), let found = try? found(other) { return found }
            usleep(20_000)
        } while ContinuousClock.now < end
        return (.unknown, nil)
    }

    /// - Returns: `nil` while the transaction has not ended.
    private func found(_ other: Session) throws(StoreError) -> (outcome: Outcome, state: LedgerState?)? {
        let status: String?
        do {
            status = try other.query("SELECT pg_xact_status($1::text::xid8)", [.text(transactionID)]).text(0, 0)
        } catch {
            // The server crashed and has forgotten the id: none of its transactions is left.
            guard case .database(let cause) = error, cause.sqlState == SQLState.invalidParameterValue else {
                throw error
            }
            status = nil
        }
        if status == "in progress" { return nil }
        let rows = try other.query(
            "SELECT position, committed_at FROM asof.batches WHERE batch = $1 AND uid = $2::text::uuid LIMIT 1",
            [.int64(batch), .text(uid)]
        )
        guard rows.count > 0, let position = rows.int64(0, 0) else { return (.aborted, nil) }
        return (.committed, LedgerState(position: position, uid: uid, committedAt: rows.timestamp(0, 1)))
    }
}
