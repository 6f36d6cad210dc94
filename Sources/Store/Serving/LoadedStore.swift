import Postgres
import Synchronization

/// Which store a server has loaded, for those who read beside its memories: what they find must be of that store.
package final class LoadedStore: Sendable {
    private let current = Mutex<LedgerMark?>(nil)
    private let doubt = Atomic(false)

    package init() {}

    /// `nil` before the first load, and of a store without commits, which has nothing to read.
    var mark: LedgerMark? {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Whether a read has shown since that PostgreSQL holds something else; it is asked once.
    func takeDoubt() -> Bool { doubt.exchange(false, ordering: .relaxed) }

    /// Reads what PostgreSQL holds, and makes sure that it is of the store that is loaded.
    ///
    /// The mark is looked up behind the read, in the message of its COMMIT: whoever emptied tables before it has taken the
    /// mark away by then, or has it changed; and no lock is held any more that whoever empties them may wait for.
    /// - Parameter body: all of it is one transaction; it begins none.
    /// - Throws: what `body` throws; ``StoreError/filling(_:)`` where the store is another one, or parts of it are not there.
    /// - Complexity: beside `body` no round trip more than a statement without a transaction has.
    func confirming<Value>(
        _ session: Session,
        _ body: (Session) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        guard let mark else { return try body(session) }
        do throws(StoreError) {
            try session.begin(.read)
            let value = try body(session)
            let found = try session.execute("COMMIT; SELECT \(LedgerMark.sql(position: mark.position))")
            if found.last?.text(0, 0) == mark.text { return value }
        } catch {
            session.connection.rollBack()
            guard error.isOfMissingTables else { throw error }
            doubt.store(true, ordering: .relaxed)
            throw .filling("a table of the store is not there")
        }
        doubt.store(true, ordering: .relaxed)
        throw .filling("PostgreSQL holds another store than was loaded")
    }
}

extension StoreError {
    /// Whether tables or columns that a store has are not there, or somebody changes them.
    var isOfMissingTables: Bool {
        guard case .database(let cause) = self, let state = cause.sqlState else { return false }
        return SQLState.ofMissingTables.contains(state)
    }
}

extension SQLState {
    /// No such table, schema, column or object; and a table that was dropped between two looks at the catalog.
    static let ofMissingTables: Set<String> = [undefinedTable, undefinedSchema, "42703", "42704", "XX000"]
}
