import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Functions of the store that run as its owner, called by a role that has less.
@Suite struct OwnerFunctionTests {
    @Test func `each of them finds PostgreSQL's own names first, whatever its caller's search path is`() throws {
        let session = try ServedStore().session()
        let rows = try session.query(
            """
            SELECT p.proname::text, coalesce(array_to_string(p.proconfig, ';'), '') FROM pg_proc p
            JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'asof' AND (p.prosecdef OR p.proname = 'note')
            """
        )
        #expect(rows.count >= 8)
        for row in 0..<rows.count {
            let settings = (rows.text(row, 1) ?? "").split(separator: ";")
            #expect(settings.contains("search_path=pg_catalog, pg_temp"), "\(rows.text(row, 0) ?? "") \(settings)")
        }
    }

    /// Functions that take the place of those that the owner's functions call, and triggers' tables of their own.
    private static let traps = """
        CREATE FUNCTION evil.trap() RETURNS text LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'evil runs as %', current_user; END $$;
        CREATE FUNCTION evil.quote_literal(timestamptz) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
        CREATE FUNCTION evil.format(text, text, text, text, text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
        CREATE FUNCTION evil.format(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
        CREATE FUNCTION evil.to_char(timestamptz, text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
        CREATE FUNCTION evil.to_char(date, text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
        """

    @Test func `a writer's own functions are not run as the owner`() throws {
        let store = try ServedStore()
        let admin = try store.session()
        let writer = try StoreRole("writer", store.conninfo)
        try StoreRole.grant(admin, writer.name, "writer")
        try admin.execute("CREATE SCHEMA evil AUTHORIZATION \(SQLText.identifier(writer.name))")
        let session = try Session(conninfo: writer.conninfo)
        _ = try session.transaction(.write) { () throws(StoreError) in try session.execute(Self.traps) }
        let view = try store.view("stats").id
        func call(_ statement: String) throws(StoreError) {
            _ = try session.transaction(.write) { () throws(StoreError) in
                try session.execute("SET LOCAL search_path = evil, pg_catalog; \(statement)")
            }
        }
        // They are what the caller itself would call.
        let error = #expect(throws: StoreError.self) { try call("SELECT quote_literal(now())") }
        #expect("\(error.map { "\($0)" } ?? "")".contains("evil runs as"))
        #expect(throws: Never.self) {
            try call("SELECT asof.add_partition(\(view), '2071-01-01Z'::timestamptz, '2071-02-01Z'::timestamptz)")
            try call("SELECT asof.add_predictions_day('2071-01-01'::date)")
        }
        let owners = try admin.query(
            """
            SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('asof', 'history') AND pg_get_userbyid(c.relowner) = $1
            """,
            [.text(writer.name)]
        )
        #expect(owners.int64(0, 0) == 0)
        try admin.execute("DROP SCHEMA evil CASCADE")
    }
}
