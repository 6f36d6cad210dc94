import Features
import TestSupport
import Testing

@testable import Operations
@testable import Store

@Suite struct DoctorTests {
    /// Damage done with SQL, and what the doctor says of it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let sql: String
        let severity: Doctor.Finding.Severity
        let what: String
        var testDescription: String { sql }

        init(_ sql: String, _ severity: Doctor.Finding.Severity, _ what: String) {
            self.sql = sql
            self.severity = severity
            self.what = what
        }
    }

    private static func store() throws -> TestStore {
        let store = try TestStore(
            "entities: { user: { key: user_id, type: int64 } }\nviews: { stats: { entities: [user], features: { n: int64 } } }"
        )
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 5, [.int64(1)])])
        return store
    }

    private static func serious(_ session: Session) throws -> [Doctor.Finding] {
        try Doctor(session).run().filter { $0.severity == .broken }
    }

    @Test func `a store in order has nothing broken, and every check reports`() throws {
        let store = try Self.store()
        let findings = try Doctor(store.session).run()
        #expect(findings.filter { $0.severity == .broken } == [])
        let subjects = Set(findings.map(\.subject))
        for subject in [
            "server", "migrations", "settings", "clock", "disk", "snapshots", "transaction ids", "ledger", "views",
            "vacuum",
        ] {
            #expect(subjects.contains(subject), "\(subject)")
        }
        // The test cluster runs without fsync.
        #expect(findings.contains { $0.what == "fsync = off" && $0.severity == .warning && $0.why != nil })
    }

    @Test(arguments: [
        Damage("DROP INDEX history._v1_key", .broken, "the index history.\"_v1_key\" is missing"),
        Damage("DROP INDEX history._v1_batch", .broken, "the index history.\"_v1_batch\" is missing"),
        Damage(
            "DROP INDEX history._v1_key; CREATE INDEX _v1_key ON ONLY history.stats (user_id)",
            .broken,
            "partitions without their part: {history._p1}"
        ),
        Damage("ALTER TABLE online.stats DROP CONSTRAINT _v1_key", .broken, "online.\"stats\" has no primary key"),
        Damage("DROP TABLE online.stats", .broken, "the table online.\"stats\" is missing"),
        Damage("DROP TABLE history.stats", .broken, "the table history.\"stats\" is missing"),
        Damage("DROP TABLE history._p1", .broken, "the partition history.\"_p1\" is gone"),
        Damage("DELETE FROM asof.partitions", .broken, "the partition history.\"_p1\" is not registered"),
        Damage("DROP INDEX asof.batches_batch", .broken, "the index asof.batches_batch is missing"),
        Damage("DELETE FROM asof.migrations WHERE number = 3; ", .broken, "0003_removals.sql is not applied"),
        Damage("UPDATE asof.migrations SET checksum = 'x'", .broken, "0001_store.sql was applied with another text"),
        Damage(
            "INSERT INTO asof.migrations VALUES (9999, 'x', 'x')",
            .warning,
            "the store has schema 9999, this binary knows"
        ),
    ])
    func `damage is found, with why it hurts and what to do`(damage: Damage) throws {
        let store = try Self.store()
        try store.session.execute(damage.sql)
        let findings = try Doctor(store.session).run()
        let found = findings.first { $0.what.contains(damage.what) }
        #expect(found?.severity == damage.severity, "\(findings.map(\.what))")
        #expect(found?.why != nil && found?.remedy != nil)
    }

    @Test(arguments: ["_v1_key", "_v1_batch"])
    func `the remedy of a missing index mends it`(index: String) throws {
        let store = try Self.store()
        try store.session.execute("DROP INDEX history.\(index)")
        let remedy = try #require(try Self.serious(store.session).first?.remedy)
        try store.session.execute(remedy)
        #expect(try Self.serious(store.session) == [])
    }

    @Test(arguments: [true, false])
    func `a role that may only read sees what it may, and hears what was skipped`(mayReadStatistics: Bool) throws {
        let store = try Self.store()
        let role = "reader_\(mayReadStatistics)_\(UInt32.random(in: 0...UInt32.max))"
        try store.session.execute(
            """
            CREATE ROLE \(role) LOGIN;
            GRANT USAGE ON SCHEMA asof, history, online TO \(role);
            GRANT SELECT ON ALL TABLES IN SCHEMA asof, history, online TO \(role);
            \(mayReadStatistics ? "GRANT pg_monitor TO \(role);" : "")
            """
        )
        let session = try Session(
            conninfo: store.conninfo.split(separator: " ").filter { !$0.hasPrefix("user=") }.joined(separator: " ")
                + " user=\(role)"
        )
        let findings = try Doctor(session).run()
        #expect(findings.filter { $0.severity == .broken } == [])
        let skipped = Set(findings.filter { $0.severity == .skipped }.map(\.subject))
        #expect(mayReadStatistics ? !skipped.contains("snapshots") : skipped.isSuperset(of: ["snapshots", "disk"]))
        // Not even the ledger: still an answer.
        try store.session.execute(
            "REVOKE SELECT ON ALL TABLES IN SCHEMA asof FROM \(role); GRANT SELECT ON asof.migrations TO \(role)"
        )
        #expect(try Doctor(session).run().contains { $0.severity == .skipped && $0.subject == "views" })
    }
}
