import Features
import Foundation
import Postgres
package import Store

/// Looks for what breaks a store, hurts it, or soon will.
///
/// It writes nothing and works as a read-only role: what a role may not see is skipped, and said so.
package struct Doctor {
    let session: Session

    package init(_ session: Session) { self.session = session }

    package struct Finding: Sendable, Hashable {
        package enum Severity: String, Sendable {
            case ok, skipped, warning, broken
        }

        package var severity: Severity
        package var subject: String
        /// What is the case.
        package var what: String
        /// Why it hurts.
        package var why: String?
        /// What to do: a command, a setting, SQL.
        package var remedy: String?

        init(
            _ severity: Severity,
            _ subject: String,
            _ what: String,
            why: String? = nil,
            remedy: String? = nil
        ) {
            self.severity = severity
            self.subject = subject
            self.what = what
            self.why = why
            self.remedy = remedy
        }
    }

    /// Every finding, in the order of the checks; each check has at least one.
    package func run() throws(StoreError) -> [Finding] {
        var findings = [server()]
        let migrations = try migrations()
        findings += migrations
        findings += try check("settings", settings)
        findings += try check("clock", clock)
        findings += try check("disk", disk)
        findings += try check("snapshots", snapshots)
        findings += try check("transaction ids", transactionIDs)
        // Without a schema that we know there is nothing to look at.
        guard !migrations.contains(where: { $0.severity == .broken }) else { return findings }
        findings += try check("ledger", ledgerIndexes)
        findings += try check("views", views)
        findings += try check("builds", leftBuilds)
        findings += try check("vacuum", deadRows)
        findings += try check("expectations", expectationCounts)
        findings += try check("learners", learners)
        findings += try check("audit", audit)
        findings += try check("predictions", predictions)
        return findings
    }

    /// Runs one check in a transaction of its own, so that one refused look-up hides nothing else.
    private func check(
        _ subject: String,
        _ body: () throws(StoreError) -> [Finding]
    ) throws(StoreError) -> [Finding] {
        do throws(StoreError) {
            let findings = try session.transaction(.read) { () throws(StoreError) in try body() }
            return findings.isEmpty ? [Finding(.ok, subject, "in order")] : findings
        } catch {
            guard case .database(let cause) = error, cause.sqlState == SQLState.insufficientPrivilege else {
                throw error
            }
            return [Finding(.skipped, subject, "this role may not look: \(cause.message)")]
        }
    }

    private func server() -> Finding {
        let version = session.connection.serverVersion
        let text = "PostgreSQL \(version / 10_000).\(version % 10_000)"
        guard version >= 130_000 else {
            return Finding(
                .broken,
                "server",
                text,
                why: "the store needs 13 or later",
                remedy: "upgrade PostgreSQL (pg_upgrade)"
            )
        }
        guard version >= 140_000 else {
            return Finding(
                .warning,
                "server",
                text,
                why: "its community support has ended: no more fixes",
                remedy: "plan an upgrade"
            )
        }
        return Finding(.ok, "server", text)
    }

    private func migrations() throws(StoreError) -> [Finding] {
        let schema = try Migrator.schema(of: session)
        if schema == 0 { throw .noStore }
        if schema > Migration.newest {
            let mayWrite = try WriterAdmission.lowestSchema(session) <= Migration.newest
            return [
                Finding(
                    .warning,
                    "migrations",
                    "the store has schema \(schema), this binary knows \(Migration.newest)",
                    why: mayWrite ? "this binary may write, but not migrate" : "this binary may not write",
                    remedy: "use a newer asof"
                )
            ]
        }
        var findings: [Finding] = []
        let rows = try session.query("SELECT number, checksum FROM asof.migrations")
        var applied: [Int: String] = [:]
        for row in 0..<rows.count { applied[Int(rows.int32(row, 0) ?? 0)] = rows.text(row, 1) ?? "" }
        for migration in Migration.all {
            guard let checksum = applied[migration.number] else {
                findings.append(
                    Finding(
                        .broken,
                        "migrations",
                        "\(migration.name) is not applied",
                        why: "this binary does not work with the store as it is",
                        remedy: "asof migrate"
                    )
                )
                continue
            }
            guard checksum != migration.checksum else { continue }
            findings.append(
                Finding(
                    .broken,
                    "migrations",
                    "\(migration.name) was applied with another text",
                    why: "tables may differ from what this binary expects",
                    remedy: "use the binary that the store was made with"
                )
            )
        }
        return findings.isEmpty ? [Finding(.ok, "migrations", "schema \(schema)")] : findings
    }

    /// Compares clocks: the server's must lie between this machine's before and after the question.
    private func clock() throws(StoreError) -> [Finding] {
        let before = Timestamp.now.microseconds
        let server = try session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? before
        let after = Timestamp.now.microseconds
        let difference = server < before ? server - before : max(0, server - after)
        let text = "differs from PostgreSQL's by \(Double(difference.magnitude / 1_000) / 1_000) s"
        guard difference.magnitude > 1_000_000 else { return [Finding(.ok, "clock", text)] }
        return [
            Finding(
                .warning,
                "clock",
                "this machine's clock \(text)",
                why:
                    "TTLs and ages count by PostgreSQL's clock; event times stamped here are early or late, and those more "
                    + "than 5 minutes ahead are refused",
                remedy: "synchronize both with NTP"
            )
        ]
    }

    /// The data directory's file system, where the server is on this machine and the role may know the directory.
    private func disk() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1',
                CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'MEMBER')
                    THEN current_setting('data_directory') END,
                pg_database_size(current_database())
            """
        )
        guard rows.bool(0, 0) == true else {
            return [Finding(.skipped, "disk", "PostgreSQL is on another machine; look at its disk there")]
        }
        guard let folder = rows.text(0, 1) else {
            return [Finding(.skipped, "disk", "this role may not know the data directory (pg_read_all_settings)")]
        }
        // statvfs of the folder itself needs no right to read it, only its parents'; a container may hide it.
        guard let values = try? FileManager.default.attributesOfFileSystem(forPath: folder),
            let free = (values[.systemFreeSize] as? NSNumber)?.int64Value,
            let size = (values[.systemSize] as? NSNumber)?.int64Value
        else { return [Finding(.skipped, "disk", "the data directory \(folder) is not visible from here")] }
        let percent = Double(free) * 100 / Double(max(size, 1))
        let text = "\(free >> 20) MiB of \(size >> 20) MiB free (\(Int(percent)) %) under \(folder)"
        guard percent < 10 || free < 1 << 30 else { return [Finding(.ok, "disk", text)] }
        return [
            Finding(
                .warning,
                "disk",
                text,
                why: "PostgreSQL stops when its write-ahead log has no room",
                remedy: "asof drop-history, a larger disk, or less on this one"
            )
        ]
    }
}
