import Postgres
import Store

/// By what a server tells that PostgreSQL still holds the store that it loaded: one row of the ledger, as it was then.
///
/// Position and uid name a state, and a dump that is restored has both again. What it does not have is the number of the
/// transaction that wrote the row, `xmin`, which stays as long as the row does: through vacuum, a crash, a failover to a
/// standby and a base backup. Whoever writes the row again, as pg_restore or a subscription, gives it another one.
struct LedgerMark: Sendable, Hashable {
    /// Of the state that was loaded.
    let position: Int64
    /// Uid, transaction and store, as ``sql(position:)`` spells them.
    let text: String

    /// SQL without parameters, one value: the mark of a position; null where the ledger does not have it.
    ///
    /// Names are qualified, since it runs outside a transaction of ours, too.
    /// - Complexity: one look-up in an index, about 20 µs.
    static func sql(position: Int64) -> String {
        """
        (SELECT pg_catalog.concat(b.uid, ' ', b.xmin, ' ', (SELECT id FROM asof.store)) FROM asof.batches b
            WHERE b.position OPERATOR(pg_catalog.=) \(position)::pg_catalog.int8 LIMIT 1)
        """
    }

    /// - Returns: `nil` for position 0, which no row of the ledger tells from any other empty store.
    static func read(_ state: LedgerState, _ session: Session) throws(StoreError) -> LedgerMark? {
        guard state.position > 0 else { return nil }
        guard let text = try session.query("SELECT \(sql(position: state.position))").text(0, 0) else { return nil }
        return LedgerMark(position: state.position, text: text)
    }
}
