import Hashing
import PointInTime
import Postgres

/// One step of the store's schema: a file of `migrations/`, embedded when the binary is built.
package struct Migration: Sendable {
    package let number: Int
    package let name: String
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// How the first line of a file begins: one or the other.
    package static let letsOlder = "-- The release before may go on writing"
    package static let refusesOlder = "-- The release before may not go on writing"

    /// Whether binaries that do not know this migration may go on writing once it is applied: what the first line of its
    /// file says. A file that says nothing does not let them.
    package var letsOlderWrite: Bool { sql.hasPrefix(Self.letsOlder) }

    /// Every migration, in order. A new file is added here; a test compares this list with the folder.
    package static let all: [Migration] = [
        Migration(
            number: 1,
            name: "0001_store.sql",
            sql: String(decoding: PackageResources._001_store_sql, as: UTF8.self)
        ),
        Migration(
            number: 2,
            name: "0002_watermarks.sql",
            sql: String(decoding: PackageResources._002_watermarks_sql, as: UTF8.self)
        ),
        Migration(
            number: 3,
            name: "0003_removals.sql",
            sql: String(decoding: PackageResources._003_removals_sql, as: UTF8.self)
        ),
        Migration(
            number: 4,
            name: "0004_segments.sql",
            sql: String(decoding: PackageResources._004_segments_sql, as: UTF8.self)
        ),
        Migration(
            number: 5,
            name: "0005_server_sources.sql",
            sql: String(decoding: PackageResources._005_server_sources_sql, as: UTF8.self)
        ),
        Migration(
            number: 6,
            name: "0006_write_ranges.sql",
            sql: String(decoding: PackageResources._006_write_ranges_sql, as: UTF8.self)
        ),
        Migration(
            number: 7,
            name: "0007_ledger_totals.sql",
            sql: String(decoding: PackageResources._007_ledger_totals_sql, as: UTF8.self)
        ),
        Migration(
            number: 8,
            name: "0008_service_rules.sql",
            sql: String(decoding: PackageResources._008_service_rules_sql, as: UTF8.self)
        ),
        Migration(
            number: 9,
            name: "0009_projects.sql",
            sql: String(decoding: PackageResources._009_projects_sql, as: UTF8.self)
        ),
        Migration(
            number: 10,
            name: "0010_expectation_counts.sql",
            sql: String(decoding: PackageResources._010_expectation_counts_sql, as: UTF8.self)
        ),
        Migration(
            number: 11,
            name: "0011_suppressed_corrections.sql",
            sql: String(decoding: PackageResources._011_suppressed_corrections_sql, as: UTF8.self)
        ),
        Migration(
            number: 12,
            name: "0012_writers.sql",
            sql: String(decoding: PackageResources._012_writers_sql, as: UTF8.self)
        ),
        Migration(
            number: 13,
            name: "0013_since.sql",
            sql: String(decoding: PackageResources._013_since_sql, as: UTF8.self)
        ),
        Migration(
            number: 14,
            name: "0014_models.sql",
            sql: String(decoding: PackageResources._014_models_sql, as: UTF8.self)
        ),
        Migration(
            number: 15,
            name: "0015_streams.sql",
            sql: String(decoding: PackageResources._015_streams_sql, as: UTF8.self)
        ),
        Migration(
            number: 16,
            name: "0016_predictions.sql",
            sql: String(decoding: PackageResources._016_predictions_sql, as: UTF8.self)
        ),
        Migration(
            number: 17,
            name: "0017_monitor.sql",
            sql: String(decoding: PackageResources._017_monitor_sql, as: UTF8.self)
        ),
        Migration(
            number: 18,
            name: "0018_learners.sql",
            sql: String(decoding: PackageResources._018_learners_sql, as: UTF8.self)
        ),
        Migration(
            number: 19,
            name: "0019_users.sql",
            sql: String(decoding: PackageResources._019_users_sql, as: UTF8.self)
        ),
        Migration(
            number: 20,
            name: "0020_least_privilege.sql",
            sql: String(decoding: PackageResources._020_least_privilege_sql, as: UTF8.self)
        ),
        Migration(
            number: 21,
            name: "0021_object_segments.sql",
            sql: String(decoding: PackageResources._021_object_segments_sql, as: UTF8.self)
        ),
        Migration(
            number: 22,
            name: "0022_former_features.sql",
            sql: String(decoding: PackageResources._022_former_features_sql, as: UTF8.self)
        ),
        Migration(
            number: 23,
            name: "0023_forgotten_rows.sql",
            sql: String(decoding: PackageResources._023_forgotten_rows_sql, as: UTF8.self)
        ),
        Migration(
            number: 24,
            name: "0024_audit_names.sql",
            sql: String(decoding: PackageResources._024_audit_names_sql, as: UTF8.self)
        ),
        Migration(
            number: 25,
            name: "0025_fallbacks.sql",
            sql: String(decoding: PackageResources._025_fallbacks_sql, as: UTF8.self)
        ),
    ]

    package static var newest: Int { all.last?.number ?? 0 }

    package var checksum: String { ContentDigest.hex(SHA256.digest(sql.utf8)) }
}

/// Brings a database's schema up to this binary's.
package enum Migrator {
    /// - Parameters:
    ///   - migrations: those that this binary knows, in order.
    ///   - waitMs: how long each waits for transactions that write.
    /// - Returns: the names of the migrations that were applied now.
    /// - Throws: ``StoreError/newerSchema(store:binary:)``, ``StoreError/changedMigration(name:)``,
    ///   ``StoreError/unsuitableDatabase(reason:)``, ``StoreError/conflict(_:)`` where somebody writes for too long, or the
    ///   database's error; each migration is a transaction of its own.
    package static func migrate(
        _ session: Session,
        _ migrations: [Migration] = Migration.all,
        waitMs: Int = Limits.migrationWaitMs
    ) throws(StoreError) -> [String] {
        try checkDatabase(session)
        if try schema(of: session) == 0 { try prepare(session) }
        var applied: [String] = []
        let newest = migrations.last?.number ?? 0
        for migration in migrations where try apply(migration, on: session, newest: newest, waitMs: waitMs) {
            applied.append(migration.name)
        }
        return applied
    }

    /// The number of the newest applied migration; 0 where there is no store.
    package static func schema(of session: Session) throws(StoreError) -> Int {
        do {
            let rows = try session.query("SELECT max(number) FROM asof.migrations")
            return Int(rows.int32(0, 0) ?? 0)
        } catch {
            if case .database(let error) = error,
                error.sqlState == SQLState.undefinedTable || error.sqlState == SQLState.undefinedSchema
            {
                return 0
            }
            throw error
        }
    }

    private static func checkDatabase(_ session: Session) throws(StoreError) {
        let version = session.connection.serverVersion
        guard version >= 130_000 else {
            throw .unsuitableDatabase(reason: "its PostgreSQL is version \(version / 10_000); 13 or later is needed")
        }
        let encoding = try session.query("SELECT current_setting('server_encoding')").text(0, 0) ?? "unknown"
        guard encoding == "UTF8" else {
            throw .unsuitableDatabase(
                reason:
                    "its encoding is \(encoding); make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
        }
    }

    private static func prepare(_ session: Session) throws(StoreError) {
        try session.transaction(.write, of: "the schema asof", asksToWrite: false) { () throws(StoreError) in
            try session.lock(AdvisoryLock.migration)
            let schemas = try StoreSchemas(session)
            // Somebody else may have made the store meanwhile.
            if try session.query("SELECT to_regclass('asof.batches') IS NOT NULL").bool(0, 0) == true { return }
            try schemas.check(session)
            try session.execute(
                """
                \(schemas.has("asof") ? "" : "CREATE SCHEMA asof;")
                CREATE TABLE IF NOT EXISTS asof.migrations (
                    number integer PRIMARY KEY,
                    name text NOT NULL,
                    checksum text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
                );
                """
            )
        }
    }

    /// - Returns: false where it was applied before.
    private static func apply(
        _ migration: Migration,
        on session: Session,
        newest: Int,
        waitMs: Int
    ) throws(StoreError) -> Bool {
        // In a transaction of its own: what it locks would stand in the way of another migrate that is further.
        if try isApplied(migration, session, newest: newest) { return false }
        let subject = "migration \(migration.name)"
        return try session.transaction(.write, of: subject, asksToWrite: false) { () throws(StoreError) in
            try WriterAdmission.shutOut(session, waitMs: waitMs)
            // Somebody else may have applied it meanwhile.
            if try isApplied(migration, session, newest: newest) { return false }
            // The first one makes schemas.
            let isFirst = migration.number == 1
            try session.execute(isFirst ? StoreSchemas(session).withoutExisting(migration.sql) : migration.sql)
            try StoreSchemas.giveToOwner(session)
            try session.query(
                "INSERT INTO asof.migrations (number, name, checksum) VALUES ($1, $2, $3)",
                [.int32(Int32(migration.number)), .text(migration.name), .text(migration.checksum)]
            )
            if migration.letsOlderWrite, migration.number >= WriterAdmission.firstSchema {
                try session.query(
                    "UPDATE asof.migrations SET older_may_write = true WHERE number = $1",
                    [.int32(Int32(migration.number))]
                )
            }
            return true
        }
    }

    /// - Throws: where the store is newer than `newest`, or the migration was applied with another text.
    private static func isApplied(
        _ migration: Migration,
        _ session: Session,
        newest: Int
    ) throws(StoreError) -> Bool {
        let schema = try schema(of: session)
        guard schema <= newest else { throw .newerSchema(store: schema, binary: newest) }
        let known = try session.query(
            "SELECT checksum FROM asof.migrations WHERE number = $1",
            [.int32(Int32(migration.number))]
        )
        guard known.count > 0 else { return false }
        guard known.text(0, 0) == migration.checksum else { throw .changedMigration(name: migration.name) }
        return true
    }
}
