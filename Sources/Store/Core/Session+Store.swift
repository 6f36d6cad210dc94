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
    /// - Throws: ``StoreError/noStore``, ``StoreError/olderSchema(store:binary:)``; and, where `forWriting`,
    ///   ``StoreError/newerSchema(store:binary:)``.
    package static func open(
        _ conninfo: String,
        forWriting: Bool,
        interruption: Interruption? = nil
    ) throws(StoreError) -> Session {
        let session = try Session(conninfo: conninfo, interruption: interruption)
        let schema = try Migrator.schema(of: session)
        if schema == 0 { throw .noStore }
        if schema < Migration.newest { throw .olderSchema(store: schema, binary: Migration.newest) }
        if schema > Migration.newest, forWriting, try WriterAdmission.lowestSchema(session) > Migration.newest {
            throw .newerSchema(store: schema, binary: Migration.newest)
        }
        return session
    }
}
