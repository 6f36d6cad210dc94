import Features
import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// A store in a database whose schemas are somebody's already, or which a role may not make.
@Suite struct StoreSchemaTests {
    private let conninfo: String
    private let session: Session
    private let role = "app\(UUID().uuidString.prefix(6))"

    init() throws {
        conninfo = try ThrowawayCluster.shared().database()
        session = try Session(conninfo: conninfo)
        try session.execute("CREATE ROLE \"\(role)\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
    }

    /// Migrates as the role.
    private func refusal() throws -> String {
        let own = try Session(conninfo: "\(conninfo) user='\(role)'")
        do { _ = try Migrator.migrate(own) } catch { return "\(error)" }
        return "made"
    }

    @Test func `a role that may make no schemas is told what the owner can do, and uses empty ones`() throws {
        let first = try refusal()
        #expect(
            first.contains("the role '\(role)' may not make schemas in it; as its owner: GRANT CREATE ON DATABASE"),
            "\(first)"
        )
        let made = try #require(first.range(of: "only what is needed: "))
        // What the message says is what does it.
        for statement in first[made.upperBound...].split(separator: "; ") { try session.execute(String(statement)) }
        #expect(try refusal() == "made")
        #expect(try refusal() == "made")
        let tables = try session.query(
            "SELECT tableowner::text FROM pg_tables WHERE schemaname = 'asof' AND tablename = 'batches'"
        )
        #expect(tables.text(0, 0) == role)
    }

    @Test func `what a superuser makes in somebody's store is that role's`() throws {
        try session.execute("GRANT CREATE ON DATABASE \(try database()) TO \"\(role)\"")
        let own = try Session(conninfo: "\(conninfo) user='\(role)'")
        // The superuser upgrades, and applies.
        _ = try Migrator.migrate(own, Array(Migration.all.prefix(5)))
        try own.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA history GRANT SELECT ON TABLES TO pg_monitor")
        _ = try Migrator.migrate(session)
        let yaml =
            "entities: { u: { key: id, type: int64 } }\nviews: { v: { entities: [u], features: { x: int64 } } }\n"
        _ = try Registry.apply(try Definitions.parseWithExpressions(yaml: yaml), session)
        let others = try session.query(
            """
            SELECT string_agg(c.oid::regclass::text, ' ') FROM pg_class c
            WHERE relnamespace::regnamespace::text IN ('asof', 'history', 'online') AND pg_get_userbyid(relowner) <> $1
            """,
            [.text(role)]
        )
        #expect(others.text(0, 0) == nil, "\(others.text(0, 0) ?? "")")
        let granted = try session.query("SELECT has_table_privilege('pg_monitor', 'history.v', 'SELECT')")
        #expect(granted.bool(0, 0) == true)
        let routines = try session.query(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'asof'::regnamespace AND pg_get_userbyid(proowner) <> $1",
            [.text(role)]
        )
        #expect(routines.int64(0, 0) == 0)
        _ = try Registry.apply(
            try Definitions.parseWithExpressions(yaml: yaml.replacing("x: int64", with: "y: int64")),
            own
        )
    }

    @Test(arguments: ["history", "online", "asof"])
    func `a schema with something of somebody else's in it is named, and left alone`(schema: String) throws {
        try session.execute("GRANT CREATE ON DATABASE \(try database()) TO \"\(role)\"")
        try session.execute(
            "CREATE SCHEMA \(schema); CREATE TABLE \(schema).orders (id int); GRANT USAGE ON SCHEMA \(schema) TO PUBLIC"
        )
        let refused = try refusal()
        #expect(refused.contains("it has a schema \(schema) of 'asof' with the table orders in it"), "\(refused)")
        #expect(refused.contains("use another database, or rename that schema"))
        let left = try session.query("SELECT count(*) FROM pg_namespace WHERE nspname IN ('asof', 'history', 'online')")
        #expect(left.int64(0, 0) == 1)
    }

    @Test func `an empty schema of somebody else is used only where the role may make tables in it`() throws {
        try session.execute("GRANT CREATE ON DATABASE \(try database()) TO \"\(role)\"; CREATE SCHEMA history")
        let refused = try refusal()
        #expect(
            refused.contains(
                "may not make tables in its empty schema history; as 'asof': ALTER SCHEMA history OWNER TO"
            ),
            "\(refused)"
        )
        try session.execute("ALTER SCHEMA history OWNER TO \"\(role)\"")
        #expect(try refusal() == "made")
    }

    private func database() throws -> String {
        SQLText.identifier(try session.query("SELECT current_database()::text").text(0, 0) ?? "")
    }
}
