import Features
import Postgres
package import Store

/// Which batch views' SQL reads which other views, as PostgreSQL understands it.
package struct ViewDependencies {
    private let session: Session
    private let registry: Registry

    package init(_ session: Session, _ registry: Registry) {
        self.session = session
        self.registry = registry
    }

    /// The store's batch views, each after those that its SQL reads; otherwise by name.
    ///
    /// - Throws: ``StoreError/request(_:)`` naming a cycle.
    package func order() throws(StoreError) -> [(view: StoredView, reads: Set<String>)] {
        let views = registry.views.filter { $0.definition.source != nil }.sorted { $0.name < $1.name }
        var reads: [String: Set<String>] = [:]
        for view in views { reads[view.name] = try self.reads(view) }
        var ordered: [(view: StoredView, reads: Set<String>)] = []
        var done: Set<String> = []
        while ordered.count < views.count {
            let names = Set(views.map(\.name)).subtracting(done)
            guard
                let next = views.first(where: {
                    names.contains($0.name) && names.isDisjoint(with: reads[$0.name] ?? [])
                })
            else { throw .request(Self.cycle(names, reads)) }
            ordered.append((next, reads[next.name] ?? []))
            done.insert(next.name)
        }
        return ordered
    }

    private static func cycle(_ names: Set<String>, _ reads: [String: Set<String>]) -> String {
        // Each of these reads one of these; so walking on comes back to where it was.
        var path: [String] = []
        var name = names.min() ?? ""
        while !path.contains(name) {
            path.append(name)
            name = names.intersection(reads[name] ?? []).min() ?? name
        }
        let loop = path.drop { $0 != name } + [name]
        return "the views' sql goes round in a circle: \(loop.joined(separator: " reads ")); materialize them by name"
    }

    /// The views whose history or online table a view's SQL reads, also through views of the database.
    ///
    /// PostgreSQL resolves the names: the SQL becomes a temporary view that is rolled back.
    func reads(_ view: StoredView) throws(StoreError) -> Set<String> {
        guard let source = view.definition.source else { return [] }
        // The check of columns comes first: its errors say where in the SQL something is wrong.
        _ = try MaterializationQuery(view, session)
        let null = "NULL::pg_catalog.timestamptz"
        let sql = WindowedStatement(source.sql).text(from: null, to: null)
        var options = Connection.TransactionOptions.write
        options.keepsSearchPath = true
        try session.begin(options, asksToWrite: false)
        defer { session.connection.rollBack() }
        try session.query("CREATE TEMPORARY VIEW \"_asof_reads\" AS\n\(sql)")
        try session.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        let rows = try session.query(
            """
            WITH RECURSIVE used AS (
                SELECT 'pg_temp."_asof_reads"'::regclass::oid AS id
                UNION
                SELECT d.refobjid FROM used u JOIN pg_rewrite r ON r.ev_class = u.id
                    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                        AND d.refclassid = 'pg_class'::regclass
            )
            SELECT DISTINCT coalesce(p.relname, c.relname)::text FROM used u JOIN pg_class c ON c.oid = u.id
                JOIN pg_namespace n ON n.oid = c.relnamespace
                LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
            WHERE n.nspname IN ('history', 'online') AND c.relkind IN ('r', 'p')
            """
        )
        return Set((0..<rows.count).compactMap { rows.text($0, 0) })
    }
}
