import Features
package import Postgres

extension Session {
    /// The store's identity.
    package func storeID() throws(StoreError) -> String {
        let rows = try query("SELECT id FROM asof.store")
        guard let id = rows.uuid(0, 0) else { throw .noStore }
        return id
    }

    /// Connects to a store and checks that this binary may use it.
    ///
    /// - Parameters:
    ///   - forWriting: whether something is to be stored, which a standby does not take: so nothing is begun there, nor asked.
    ///   - onStandby: whether there is something to do there all the same.
    /// - Throws: ``StoreError/noStore``, ``StoreError/olderSchema(store:binary:)``; and, where `forWriting`,
    ///   ``StoreError/newerSchema(store:binary:)``, ``StoreError/standby``.
    package static func open(
        _ conninfo: String,
        forWriting: Bool,
        onStandby: Bool = false,
        interruption: Interruption? = nil
    ) throws(StoreError) -> Session {
        let session = try Session(conninfo: conninfo, interruption: interruption)
        let schema = try Migrator.schema(of: session)
        if schema == 0 { throw .noStore }
        if schema < Migration.newest { throw .olderSchema(store: schema, binary: Migration.newest) }
        if schema > Migration.newest, forWriting, try WriterAdmission.lowestSchema(session) > Migration.newest {
            throw .newerSchema(store: schema, binary: Migration.newest)
        }
        if forWriting, !onStandby, try session.query("SELECT pg_catalog.pg_is_in_recovery()").bool(0, 0) == true {
            throw .standby
        }
        return session
    }
}

extension StoreError {
    /// What PostgreSQL says, with what to do where it is a matter of rights or of the server.
    init(_ error: PostgresError, on connection: Connection) {
        var error = error
        switch error.sqlState {
        case SQLState.insufficientPrivilege? where error.hint == nil:
            let role = Self.shellWord(connection.role)
            error.hint =
                "what a role needs of the store its owner gives by: asof grant-sql \(role) reader | psql … (writer for what stores "
                + "rows, trainer for what stores models)"
        case SQLState.readOnlyTransaction? where error.hint == nil: error.hint = Self.standbyAdvice
        default: break
        }
        self.init(error)
    }

    /// A name as one word of a shell.
    package static func shellWord(_ name: String) -> String {
        let isWord = name.unicodeScalars.allSatisfy {
            $0 == "_" || $0.properties.isAlphabetic || ("0"..."9").contains($0)
        }
        return isWord ? name : name.shellQuoted.onOneLine
    }

    static let standbyAdvice =
        "name the primary by -d or ASOF_DATABASE, or all hosts, as in "
        + "postgresql://a,b/db?target_session_attrs=read-write"
}
