import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Commands run as the role of PostgreSQL that needs the least for them, as `asof grant-sql` says.
@Suite struct LeastPrivilegeTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { n: int64 } }
        services:
          all: [stats.n]
        """

    /// Connections as a role of a database, where the cluster lets everybody of this machine in.
    private func conninfo(_ base: String, as role: String) -> String { "\(base) user='\(role)'" }

    private func role(_ session: Session, _ kind: String, rights: String = "") throws -> String {
        let name = "\(kind)'\"_\(UUID().uuidString.prefix(8))"
        try session.execute(
            "CREATE ROLE \(SQLText.identifier(name)) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE \(rights)"
        )
        return name
    }

    private func quoted(_ name: String) -> String { name.replacing("'", with: "\\'") }

    private func grant(_ session: Session, _ role: String, _ kind: String) throws {
        let sql = try AsofBinary.run(["grant-sql", role, kind], in: "/tmp")
        try #require(sql.status == 0, "\(sql.error)")
        try session.execute(sql.out)
    }

    private struct Place {
        let scratch: Scratch
        let conninfo: String

        func asof(_ arguments: [String], input: String = "") throws -> AsofBinary.Output {
            try AsofBinary.run(arguments + ["-d", conninfo], in: scratch.path, input: input)
        }

        func succeed(_ arguments: [String], input: String = "") throws {
            let output = try asof(arguments, input: input)
            #expect(output.status == 0, "\(arguments): \(output.error)")
        }

        func fail(_ arguments: [String], input: String = "") throws {
            let output = try asof(arguments, input: input)
            #expect(
                output.status == 1 && output.error.contains("permission denied"),
                "\(arguments): \(output.out)\(output.error)"
            )
        }
    }

    @Test func `an owner that is no superuser makes a store, and others read and write it with less`() throws {
        let base = try ThrowawayCluster.shared().database()
        let admin = try Session(conninfo: base)
        let scratch = try Scratch()
        _ = try scratch.write("features.yaml", Self.yaml)
        func place(_ role: String) -> Place { Place(scratch: scratch, conninfo: conninfo(base, as: quoted(role))) }
        let owner = try role(admin, "owner")
        try grant(admin, owner, "owner")
        let own = place(owner)
        try own.succeed(["init"])
        try own.succeed(["apply", "--yes"])
        try own.succeed(["user", "add", "ada", "admin", "--password-stdin"], input: "geheim\n")
        let session = try Session(conninfo: own.conninfo)

        let writer = try role(admin, "writer")
        try grant(session, writer, "writer")
        let write = place(writer)
        _ = try scratch.write("a.csv", "user_id,_event_time,n\n1,2026-01-05T00:00:00Z,1\n2,2026-02-05T00:00:00Z,2\n")
        try write.succeed(["ingest", "stats", "a.csv", "--event-time", "_event_time"])
        // A month for which nobody has made a partition: it belongs to the owner.
        let served = try ServedAsof(["-d", write.conninfo], in: scratch.path)
        let client = try served.client()
        #expect(try client.run("AUTH", "ada", "geheim") == .simple("OK"))
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try client.run("FS.SET", "stats", "3", "2025-07-01T00:00:00Z", "n", "3").integer != nil)
        #expect(try client.run("FS.GET", "stats", "3")["n"] == .integer(3))
        #expect(served.stop().status == 0)
        let parts = try session.query(
            """
            SELECT count(*), bool_and(pg_get_userbyid(c.relowner) = current_user) FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'history.stats'::regclass
            """
        )
        #expect(parts.int64(0, 0) == 3 && parts.bool(0, 1) == true)
        try write.fail(["user", "remove", "ada"])
        try write.fail(["forget", "user", "1", "--yes"])
        _ = try scratch.write("features.yaml", Self.yaml + "\n  more: [stats.n]\n")
        try write.fail(["apply", "--yes"])
        let writing = try Session(conninfo: write.conninfo)
        for statement in [
            "UPDATE history.stats SET n = 9", "DELETE FROM history.stats", "TRUNCATE history.stats",
            "UPDATE asof.batches SET rows = 9", "DELETE FROM asof.batches", "DELETE FROM asof.audit",
            "INSERT INTO asof.audit (action, role) VALUES ('x', 'y')",
            "INSERT INTO asof.users (name, verifier) VALUES ('x', 'y')",
            "SELECT asof.note('x', 'y', 'z', 1, 1)", "ALTER TABLE history.stats ADD COLUMN x int",
        ] {
            let error = #expect(throws: StoreError.self) {
                try writing.transaction(.write) { () throws(StoreError) in try writing.execute(statement) }
            }
            #expect(
                "\(error.map { "\($0)" } ?? "")".contains("permission denied") || statement.hasPrefix("ALTER"),
                "\(statement)"
            )
        }

        let reader = try role(admin, "reader")
        try grant(session, reader, "reader")
        let read = place(reader)
        for command in [
            ["views"], ["log"], ["get", "stats", "1"], ["check"], ["status"], ["audit"], ["describe", "stats"],
        ] {
            try read.succeed(command)
        }
        _ = try scratch.write("labels.csv", "user_id,at\n1,2026-03-01T00:00:00Z\n")
        try read.succeed([
            "export", "--spine", "labels.csv", "--label-time", "at", "--features", "all", "--out", "t.csv",
        ])
        try read.succeed(["verify", "t.csv"])
        try read.fail(["ingest", "stats", "a.csv", "--event-time", "_event_time", "--again"])
        try read.fail(["user", "list"])
        // Whoever may run a trigger's function may have it run as its owner, for a table whose columns have casts of their own.
        let reading = try Session(conninfo: read.conninfo)
        for function in ["note_batch", "note_model", "note_training_set", "note_user"] {
            try reading.execute(
                "CREATE TEMP TABLE \(function) (kind text, view int, rows bigint, position bigint, batch bigint)"
            )
            let error = #expect(throws: StoreError.self) {
                try reading.execute(
                    "CREATE TRIGGER t AFTER INSERT ON \(function) FOR EACH ROW EXECUTE FUNCTION asof.\(function)()"
                )
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains("permission denied for function"))
        }
        for table in ["users", "user_grants", "key_salt"] {
            #expect(throws: StoreError.self, "\(table)") { try reading.query("SELECT count(*) FROM asof.\(table)") }
        }
        // Each is told what changed by the audit.
        let roles = Set(
            (try session.query("SELECT array_agg(DISTINCT role)::text FROM asof.audit")).text(0, 0)?.split(
                separator: ","
            ) ?? []
        )
        #expect(roles.count == 1)
    }

    @Test func `names of roles are quoted`() throws {
        let base = try ThrowawayCluster.shared().database()
        let admin = try Session(conninfo: base)
        _ = try Migrator.migrate(admin)
        for name in [#"a"; DROP SCHEMA asof CASCADE; --"#, "a'b", "a\\b", "$asof$", "a\nb", "ä"] {
            let unique = name + UUID().uuidString.prefix(6)
            try admin.execute("CREATE ROLE \(SQLText.identifier(unique))")
            for kind in ["reader", "writer", "trainer", "owner"] { try grant(admin, unique, kind) }
            let rights = try admin.query("SELECT has_table_privilege($1, 'asof.batches', 'INSERT')", [.text(unique)])
            #expect(rights.bool(0, 0) == true)
            try admin.execute("DROP OWNED BY \(SQLText.identifier(unique)); DROP ROLE \(SQLText.identifier(unique))")
        }
        #expect(try admin.query("SELECT count(*) FROM asof.batches").int64(0, 0) == 0)
    }
}
