import Postgres

/// The schemas of a store, before there is one: which are there already, and whether this role can make the others.
///
/// A role that may make no schemas in the database can be given empty ones.
struct StoreSchemas {
    private struct Schema {
        let name: String
        let owner: String
        let canCreate: Bool
        /// What is in it that is not ours; `nil` = nothing.
        let occupant: String?
    }

    private static let names = ["asof", "history", "online"]
    private let found: [Schema]

    init(_ session: Session) throws(StoreError) {
        // A migrate that was killed leaves its empty table.
        let rows = try session.query(
            """
            SELECT n.nspname::text, pg_get_userbyid(n.nspowner)::text, has_schema_privilege(n.oid, 'CREATE'), coalesce(
                (SELECT 'the table ' || c.relname FROM pg_class c WHERE c.relnamespace = n.oid
                    AND NOT (n.nspname = 'asof' AND c.relname ~ '^migrations(_pkey)?$') ORDER BY c.relname LIMIT 1),
                (SELECT 'the function ' || p.proname FROM pg_proc p WHERE p.pronamespace = n.oid ORDER BY 1 LIMIT 1))
            FROM pg_namespace n WHERE n.nspname = ANY ($1) ORDER BY 1
            """,
            [.textArray(Self.names)]
        )
        found = (0..<rows.count).map { row in
            Schema(
                name: rows.text(row, 0) ?? "",
                owner: rows.text(row, 1) ?? "",
                canCreate: rows.bool(row, 2) == true,
                occupant: rows.text(row, 3)
            )
        }
    }

    func has(_ name: String) -> Bool { found.contains { $0.name == name } }

    /// - Throws: ``StoreError/unsuitableDatabase(reason:)`` where a schema is somebody else's, or cannot be made or used, with
    ///   what its owner can do.
    func check(_ session: Session) throws(StoreError) {
        let about = try session.query(
            "SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE')"
        )
        let (role, database) = (about.text(0, 0) ?? "", about.text(0, 1) ?? "")
        let (quotedRole, quotedDatabase) = (SQLText.identifier(role), SQLText.identifier(database))
        for schema in found {
            if let occupant = schema.occupant {
                throw .unsuitableDatabase(
                    reason: """
                        it has a schema \(schema.name) of '\(schema.owner)' with \(occupant.oneLine) in it, and a store needs \
                        the schemas \(Self.names.joined(separator: ", ")) for itself; use another database, or rename that schema
                        """
                )
            }
            guard schema.canCreate else {
                throw .unsuitableDatabase(
                    reason: """
                        the role '\(role)' may not make tables in its empty schema \(schema.name); as '\(schema.owner)': \
                        ALTER SCHEMA \(schema.name) OWNER TO \(quotedRole)
                        """
                )
            }
        }
        let missing = Self.names.filter { !has($0) }
        guard !missing.isEmpty, about.bool(0, 2) != true else { return }
        let made = missing.map { "CREATE SCHEMA \($0) AUTHORIZATION \(quotedRole)" }.joined(separator: "; ")
        throw .unsuitableDatabase(
            reason: """
                the role '\(role)' may not make schemas in it; as its owner: GRANT CREATE ON DATABASE \(quotedDatabase) TO \
                \(quotedRole), or only what is needed: \(made)
                """
        )
    }

    /// A migration's text without the making of schemas that are there.
    func withoutExisting(_ sql: String) -> String {
        found.reduce(sql) { $0.replacing("CREATE SCHEMA \($1.name);\n", with: "") }
    }
}

extension StoreSchemas {
    /// Gives what this transaction's role made to the store's owner, where that is somebody else, as where a superuser upgrades
    /// or applies: the owner could neither change nor drop it, and nobody else would read it.
    ///
    /// A role that is not a member of the owner keeps what it made.
    static func giveToOwner(_ session: Session) throws(StoreError) {
        try session.execute(
            """
            DO $$
            DECLARE
                owner oid := (SELECT relowner FROM pg_class WHERE oid = to_regclass('asof.batches'));
                own oid := (SELECT oid FROM pg_roles WHERE rolname = current_user);
                made record;
                given record;
            BEGIN
                IF owner IS NULL OR owner = own OR NOT pg_has_role(own, owner, 'MEMBER') THEN RETURN; END IF;
                FOR made IN
                    SELECT 'TABLE' AS kind, c.oid::regclass::text AS name, c.relnamespace AS space
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname IN ('asof', 'history', 'online') AND c.relowner = own AND c.relkind IN ('r', 'p', 'v')
                    UNION ALL
                    SELECT 'SEQUENCE', c.oid::regclass::text, 0::oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'asof' AND c.relowner = own AND c.relkind = 'S' AND NOT EXISTS (
                        SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
                    UNION ALL
                    SELECT 'ROUTINE', p.oid::regprocedure::text, 0::oid
                    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'asof' AND p.proowner = own
                LOOP
                    EXECUTE format('ALTER %s %s OWNER TO %s', made.kind, made.name, owner::regrole);
                    -- What its own tables would be granted from the beginning.
                    FOR given IN
                        SELECT a.privilege_type, a.grantee FROM pg_default_acl d CROSS JOIN aclexplode(d.defaclacl) a
                        WHERE d.defaclrole = owner AND d.defaclnamespace = made.space AND d.defaclobjtype = 'r'
                            AND a.grantee <> owner
                    LOOP
                        EXECUTE format('GRANT %s ON %s TO %s', given.privilege_type, made.name,
                            CASE WHEN given.grantee = 0 THEN 'PUBLIC' ELSE given.grantee::regrole::text END);
                    END LOOP;
                END LOOP;
            END $$
            """
        )
    }
}

extension String {
    fileprivate var oneLine: String { String(map { $0.isNewline ? " " : $0 }.prefix(80)) }
}
