import Foundation
import Postgres
import Store
import TestSupport
import Testing

@Suite struct MigrationTests {
    private static func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "nothing was thrown"
    }

    @Test func `a second migrate does nothing, and many at once make one store`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let failures = SideBySide.run(4) { _ in _ = try Migrator.migrate(try Session(conninfo: conninfo)) }
        #expect(failures.isEmpty, "\(failures)")
        let session = try Session.open(conninfo, forWriting: true)
        #expect(try Migrator.migrate(session) == [])
        #expect(try session.query("SELECT count(*) FROM asof.store").int64(0, 0) == 1)
    }

    @Test func `a migrate that was killed between its steps is finished by the next`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        // What the first transaction leaves.
        try session.execute(
            """
            CREATE SCHEMA asof;
            CREATE TABLE asof.migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
            """
        )
        #expect(Self.message { _ = try Session.open(conninfo, forWriting: true) }.contains("asof init"))
        #expect(try Migrator.migrate(session) == Migration.all.map(\.name))
        _ = try Session.open(conninfo, forWriting: true)
    }

    @Test func `an applied migration of another text is an error that names it`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        try session.execute("UPDATE asof.migrations SET checksum = 'other' WHERE number = 1")
        #expect(Self.message { _ = try Migrator.migrate(session) }.contains(Migration.all[0].name))
    }

    @Test func `a newer schema can be read but not written to or migrated`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        try session.execute(
            "INSERT INTO asof.migrations (number, name, checksum) VALUES (\(Migration.newest + 1), 'later.sql', '')"
        )
        let read = try Session.open(conninfo, forWriting: false)
        #expect(try Registry.load(read).version == 0)
        for refused in [
            Self.message { _ = try Session.open(conninfo, forWriting: true) },
            Self.message { _ = try Migrator.migrate(session) },
        ] {
            #expect(refused.contains("use a newer asof"), "\(refused)")
        }
    }

    @Test func `an older schema names the command that brings it up`() throws {
        #expect("\(StoreError.olderSchema(store: 1, binary: 2))".contains("asof migrate"))
        try #require(Migration.newest > 1)
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        try session.execute("DELETE FROM asof.migrations WHERE number = \(Migration.newest)")
        #expect(Self.message { _ = try Session.open(conninfo, forWriting: false) }.contains("asof migrate"))
    }

    @Test(arguments: ["LATIN1", "SQL_ASCII"])
    func `a database that is not UTF-8 is refused`(encoding: String) throws {
        let cluster = try ThrowawayCluster.shared()
        let name = "encoded_\(encoding.lowercased())"
        try cluster.execute("CREATE DATABASE \(name) ENCODING '\(encoding)' LOCALE 'C' TEMPLATE template0")
        let session = try Session(conninfo: cluster.conninfo(database: name))
        let refused = Self.message { _ = try Migrator.migrate(session) }
        #expect(refused.contains(encoding) && refused.contains("ENCODING 'UTF8'"), "\(refused)")
        #expect(try session.query("SELECT to_regnamespace('asof') IS NULL").bool(0, 0) == true)
    }

    @Test
    func
        `every file of the migrations folder is in the binary, in the order of their numbers, of which none is there twice`()
        throws
    {
        let root = Cases.repository.appendingPathComponent("migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".sql") }
            .sorted()
        #expect(files == Migration.all.map(\.name))
        #expect(Migration.all.map(\.number) == Set(Migration.all.map(\.number)).sorted())
        for migration in Migration.all {
            let digits = String(migration.number)
            let prefix = String(repeating: "0", count: 4 - digits.count) + digits + "_"
            #expect(migration.name.hasPrefix(prefix))
            let text = try String(contentsOf: root.appendingPathComponent(migration.name), encoding: .utf8)
            #expect(text == migration.sql, "\(migration.name)")
        }
    }
}
