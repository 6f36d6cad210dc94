import Postgres
import Store

/// What the server as a whole does to a store.
extension Doctor {
    /// A setting's value that hurts.
    private struct Hurt {
        let setting: String
        let values: Set<String>
        let why: String
        var remedy: String?
    }

    private static let hurts = [
        Hurt(setting: "fsync", values: ["off"], why: "a power cut destroys the database"),
        Hurt(
            setting: "full_page_writes",
            values: ["off"],
            why: "a power cut may leave half-written pages, which nobody notices until they are read"
        ),
        Hurt(
            setting: "synchronous_commit",
            values: ["off"],
            why: "the last commits are lost in a crash, although they were acknowledged"
        ),
        Hurt(
            setting: "autovacuum",
            values: ["off"],
            why: "online tables grow with every update, and index-only scans stop working"
        ),
        Hurt(setting: "track_counts", values: ["off"], why: "autovacuum does not know what changed, and does nothing"),
        Hurt(setting: "enable_indexscan", values: ["off"], why: "every look-up reads whole tables"),
        Hurt(setting: "enable_partition_pruning", values: ["off"], why: "every look-up visits every partition"),
        Hurt(
            setting: "jit",
            values: ["on"],
            why: "look-ups over many partitions are costed high and compiled for longer than they run",
            remedy: "ALTER DATABASE … SET jit = off"
        ),
    ]

    func settings() throws(StoreError) -> [Finding] {
        var findings: [Finding] = []
        let rows = try session.query(
            "SELECT name, setting, unit FROM pg_settings WHERE name = ANY ($1)",
            [
                .textArray(
                    Self.hurts.map(\.setting) + ["shared_buffers", "max_locks_per_transaction", "max_connections"]
                )
            ]
        )
        var values: [String: String] = [:]
        for row in 0..<rows.count { values[rows.text(row, 0) ?? ""] = rows.text(row, 1) }
        for hurt in Self.hurts {
            guard let value = values[hurt.setting], hurt.values.contains(value) else { continue }
            findings.append(
                Finding(
                    .warning,
                    "settings",
                    "\(hurt.setting) = \(value)",
                    why: hurt.why,
                    remedy: hurt.remedy
                        ?? "ALTER SYSTEM SET \(hurt.setting) = \(value == "off" ? "on" : "off"); SELECT pg_reload_conf()"
                )
            )
        }
        if let pages = values["shared_buffers"].flatMap({ Int($0) }), pages < 16_384 {
            findings.append(
                Finding(
                    .warning,
                    "settings",
                    "shared_buffers = \(pages / 128)MB",
                    why: "little more than one batch fits; look-ups go to the disk",
                    remedy: "ALTER SYSTEM SET shared_buffers = a quarter of the memory; restart"
                )
            )
        }
        return findings + (try partitionsForLocks(values))
    }

    /// Every partition that one statement visits takes a lock for itself and each index.
    private func partitionsForLocks(_ values: [String: String]) throws(StoreError) -> [Finding] {
        guard let perTransaction = values["max_locks_per_transaction"].flatMap({ Int($0) }),
            let connections = values["max_connections"].flatMap({ Int($0) })
        else { return [] }
        let rows = try session.query(
            """
            SELECT c.relname, count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
            WHERE c.relkind = 'p' AND c.relnamespace = 'history'::regnamespace GROUP BY 1 ORDER BY 2 DESC LIMIT 1
            """
        )
        guard rows.count > 0, let count = rows.int64(0, 1), Int(count) * 3 * 4 > perTransaction * connections else {
            return []
        }
        return [
            Finding(
                .warning,
                "settings",
                "view '\(rows.text(0, 0) ?? "")' has \(count) partitions, and max_locks_per_transaction = \(perTransaction)",
                why: "a few look-ups side by side may run out of locks",
                remedy: "ALTER SYSTEM SET max_locks_per_transaction = \(max(256, perTransaction * 4)); restart; "
                    + "or use wider partitions, or asof drop-history"
            )
        ]
    }

    /// What keeps old row versions alive: long transactions, forgotten prepared ones, unused replication slots.
    func snapshots() throws(StoreError) -> [Finding] {
        var findings: [Finding] = []
        let sessions = try session.query(
            """
            SELECT pid, coalesce(usename, '?'), coalesce(application_name, ''), coalesce(state, '?'),
                extract(epoch FROM clock_timestamp() - xact_start)::bigint
            FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND xact_start < clock_timestamp() - interval '15 minutes' ORDER BY xact_start
            """
        )
        for row in 0..<sessions.count {
            let pid = sessions.int32(row, 0) ?? 0
            let name = [sessions.text(row, 1), sessions.text(row, 2)].compactMap(\.self).filter { !$0.isEmpty }
            findings.append(
                Finding(
                    .warning,
                    "snapshots",
                    "process \(pid) (\(name.joined(separator: ", "))) is \(sessions.text(row, 3) ?? "") in a transaction of "
                        + "\((sessions.int64(row, 4) ?? 0) / 60) minutes",
                    why: "vacuum removes nothing that it might still see: online tables grow and slow down",
                    remedy: "end it: SELECT pg_terminate_backend(\(pid))"
                )
            )
        }
        let prepared = try session.query(
            "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND prepared < clock_timestamp() - interval '15 minutes'"
        )
        for row in 0..<prepared.count {
            let name = prepared.text(row, 0) ?? ""
            findings.append(
                Finding(
                    .warning,
                    "snapshots",
                    "the prepared transaction '\(name)' was never ended",
                    why: "it holds locks and old row versions for ever",
                    remedy: "ROLLBACK PREPARED or COMMIT PREPARED '\(name)'"
                )
            )
        }
        let slots = try session.query(
            """
            SELECT slot_name::text FROM pg_replication_slots
            WHERE NOT active AND (xmin IS NOT NULL OR catalog_xmin IS NOT NULL OR restart_lsn IS NOT NULL)
            """
        )
        for row in 0..<slots.count {
            let name = slots.text(row, 0) ?? ""
            findings.append(
                Finding(
                    .warning,
                    "snapshots",
                    "nobody reads the replication slot '\(name)'",
                    why: "it keeps the write-ahead log, and perhaps old row versions, until the disk is full",
                    remedy: "start its reader, or SELECT pg_drop_replication_slot('\(name)')"
                )
            )
        }
        let seesAll = try session.query("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER')").bool(0, 0)
        if seesAll != true {
            findings.append(
                Finding(
                    .skipped,
                    "snapshots",
                    "this role does not see other roles' transactions (GRANT pg_monitor shows them)"
                )
            )
        }
        return findings
    }

    func transactionIDs() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            "SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()"
        )
        let age = rows.int64(0, 0) ?? 0
        guard age > 1_000_000_000 else { return [Finding(.ok, "transaction ids", "\(age) of 2,147,483,648 used")] }
        return [
            Finding(
                .warning,
                "transaction ids",
                "\(age) of 2,147,483,648 used",
                why: "PostgreSQL refuses to write shortly before they run out",
                remedy: "VACUUM (FREEZE) as a superuser, and find what keeps autovacuum from it (snapshots, above)"
            )
        ]
    }
}
