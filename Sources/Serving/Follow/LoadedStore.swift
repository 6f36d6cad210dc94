import Postgres
import Store
import Synchronization

/// Which store a server has loaded, for those who read beside its memories: what they find must be of that store.
package final class LoadedStore: Sendable {
    private let current = Mutex<LedgerMark?>(nil)
    private let doubted = Mutex<LedgerMark?>(nil)

    package init() {}

    /// `nil` before the first load, and of a store without commits, which has nothing to read.
    var mark: LedgerMark? {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Whether a read has shown since that PostgreSQL holds something else; it is asked once.
    ///
    /// A read that began before the last load doubts what was loaded before it, which nobody asks for any more.
    func takeDoubt() -> Bool {
        let doubted = doubted.withLock { doubted in
            defer { doubted = nil }
            return doubted
        }
        return doubted != nil && doubted == mark
    }

    /// What an error says of the store that is loaded.
    enum Absence {
        /// Nothing.
        case none
        /// It is there, and a table or a column is not: whoever changes the definitions drops these.
        case ofTables
        case ofStore
    }

    /// Outside a transaction.
    func absence(behind error: StoreError, _ session: Session) -> Absence {
        Self.absence(behind: error, mark, session)
    }

    private static func absence(behind error: StoreError, _ mark: LedgerMark?, _ session: Session) -> Absence {
        guard error.isOfMissingTables || error.isInternal else { return .none }
        guard let mark, isThere(mark, session) else { return .ofStore }
        return error.isOfMissingTables ? .ofTables : .none
    }

    /// Whether PostgreSQL still holds the store that is loaded, although tables were not there. Outside a transaction.
    ///
    /// - Returns: `false` also where that cannot be found out, and for a store without commits, which nothing tells from
    ///   another one.
    func isThere(_ session: Session) -> Bool {
        guard let mark else { return false }
        return Self.isThere(mark, session)
    }

    private static func isThere(_ mark: LedgerMark, _ session: Session) -> Bool {
        let found = try? session.execute("SELECT \(LedgerMark.sql(position: mark.position))")
        return found?.last?.text(0, 0) == mark.text
    }

    /// Reads what PostgreSQL holds, and makes sure that it is of the store that is loaded.
    ///
    /// The mark is looked up behind the read, in the message of its COMMIT: whoever emptied tables before it has taken the
    /// mark away by then, or has it changed; and no lock is held any more that whoever empties them may wait for.
    /// - Parameter body: all of it is one transaction; it begins none.
    /// - Throws: what `body` throws; ``StoreError/filling(_:)`` where the store is another one, or is not there;
    ///   ``StoreError/conflict(_:)`` where it is there, and what was to be read is not: whoever changes the definitions drops
    ///   online tables and columns, which is news for the follower and no other store.
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
            switch Self.absence(behind: error, mark, session) {
            case .none: throw error
            case .ofTables:
                throw .conflict(
                    "a table or column of the view is not there: the definitions have just changed, or `asof doctor` tells; "
                        + "try again"
                )
            case .ofStore:
                doubted.withLock { $0 = mark }
                throw .filling("a table of the store is not there")
            }
        }
        doubted.withLock { $0 = mark }
        throw .filling("PostgreSQL holds another store than was loaded")
    }
}

extension StoreError {
    /// Whether tables or columns that a store has are not there, or somebody changes them.
    var isOfMissingTables: Bool {
        guard case .database(let cause) = self, let state = cause.sqlState else { return false }
        return SQLState.ofMissingTables.contains(state)
    }

    /// What PostgreSQL says of a table that was dropped between two looks at the catalog, and of much else: a sign of another
    /// store only together with a mark that is not there.
    var isInternal: Bool {
        if case .database(let cause) = self { cause.sqlState == "XX000" } else { false }
    }
}

extension SQLState {
    /// No such table, schema, column or object.
    static let ofMissingTables: Set<String> = [undefinedTable, undefinedSchema, "42703", "42704"]
}
