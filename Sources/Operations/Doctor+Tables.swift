import Features
import Postgres
import Predictions
import Store

/// Whether the store's tables have what every query relies on.
extension Doctor {
    private static let ledgerNames = [
        "batches_pkey", "batches_batch", "batches_overtaken", "batches_committed_at",
    ]

    func ledgerIndexes() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = 'asof.batches'::regclass
            """
        )
        var valid: [String: Bool] = [:]
        for row in 0..<rows.count { valid[rows.text(row, 0) ?? ""] = rows.bool(row, 1) }
        return Self.ledgerNames.filter { valid[$0] != true }.map { name in
            Finding(
                .broken,
                "ledger",
                valid[name] == nil ? "the index asof.\(name) is missing" : "the index asof.\(name) is invalid",
                why: "every commit and every pinned read scans the whole ledger",
                remedy: valid[name] == nil
                    ? "make it as migrations/0001_store.sql does" : "REINDEX INDEX CONCURRENTLY asof.\(name)"
            )
        }
    }

    /// Tables, indexes and partitions of every view.
    func views() throws(StoreError) -> [Finding] {
        var findings: [Finding] = []
        for view in try Registry.load(session).views {
            let known = try session.query(
                "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL",
                [.text(view.historyTable), .text(view.onlineTable)]
            )
            guard known.bool(0, 0) == true else {
                findings.append(missing(view, view.historyTable, "a backup that has it"))
                continue
            }
            if view.definition.isOnline {
                if known.bool(0, 1) == true {
                    findings += try onlineKey(view)
                } else {
                    findings.append(
                        missing(view, view.onlineTable, "asof apply with online: false, then with online: true")
                    )
                }
            }
            findings += try historyIndexes(view) + partitions(view)
        }
        return findings
    }

    private func missing(_ view: StoredView, _ table: String, _ remedy: String) -> Finding {
        Finding(
            .broken,
            view.name,
            "the table \(table) is missing",
            why: "the view can be neither written nor read",
            remedy: remedy
        )
    }

    private func onlineKey(_ view: StoredView) throws(StoreError) -> [Finding] {
        let rows = try session.query(
            "SELECT count(*) FROM pg_index WHERE indrelid = to_regclass($1) AND indisprimary AND indisvalid",
            [.text(view.onlineTable)]
        )
        guard rows.int64(0, 0) == 0 else { return [] }
        return [
            Finding(
                .broken,
                view.name,
                "\(view.onlineTable) has no primary key",
                why: "ingests fail, look-ups read the whole table",
                remedy: "ALTER TABLE \(view.onlineTable) ADD PRIMARY KEY (\(view.keyList()))"
            )
        ]
    }

    /// The view's two indexes, and each partition's part of them.
    private func historyIndexes(_ view: StoredView) throws(StoreError) -> [Finding] {
        let wanted = [
            ("_v\(view.id)_key", "\(view.keyList()), _event_time DESC, _batch DESC"), ("_v\(view.id)_batch", "_batch"),
        ]
        var findings: [Finding] = []
        for (name, columns) in wanted {
            let rows = try session.query(
                """
                SELECT i.indisvalid, ARRAY(
                    SELECT p.inhrelid::regclass::text FROM pg_inherits p
                    WHERE p.inhparent = i.indrelid AND NOT EXISTS (
                        SELECT FROM pg_inherits x JOIN pg_index xi ON xi.indexrelid = x.inhrelid
                        WHERE x.inhparent = i.indexrelid AND xi.indrelid = p.inhrelid AND xi.indisvalid))::text
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid = to_regclass($1) AND c.relname = $2
                """,
                [.text(view.historyTable), .text(name)]
            )
            let why =
                name.hasSuffix("_key")
                ? "every look-up in history reads whole partitions"
                : "following the ledger and removing read whole partitions"
            guard rows.count > 0 else {
                findings.append(
                    Finding(
                        .broken,
                        view.name,
                        "the index history.\"\(name)\" is missing",
                        why: why,
                        remedy: "CREATE INDEX \"\(name)\" ON \(view.historyTable) (\(columns))"
                    )
                )
                continue
            }
            let without = rows.text(0, 1) ?? "{}"
            guard rows.bool(0, 0) != true || without != "{}" else { continue }
            findings.append(
                Finding(
                    .broken,
                    view.name,
                    "the index history.\"\(name)\" is invalid; partitions without their part: \(without)",
                    why: why,
                    remedy:
                        "DROP INDEX history.\"\(name)\"; CREATE INDEX \"\(name)\" ON \(view.historyTable) (\(columns))"
                )
            )
        }
        return findings
    }

    /// Whether `asof.partitions` and PostgreSQL say the same.
    private func partitions(_ view: StoredView) throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT coalesce(p.name, t.name), t.name IS NULL FROM (
                SELECT '_p' || number AS name FROM asof.partitions WHERE view = $2) p
            FULL JOIN (SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = to_regclass($1)) t ON t.name = p.name
            WHERE p.name IS NULL OR t.name IS NULL ORDER BY 1
            """,
            [.text(view.historyTable), .int32(view.id)]
        )
        return (0..<rows.count).map { row in
            let name = rows.text(row, 0) ?? ""
            let isGone = rows.bool(row, 1) == true
            return Finding(
                .broken,
                view.name,
                isGone
                    ? "the partition history.\"\(name)\" is gone"
                    : "the partition history.\"\(name)\" is not registered",
                why: isGone
                    ? "its rows are lost, and ingests into its time fail"
                    : "ingests into its time fail, and drop-history overlooks it",
                remedy: isGone
                    ? "attach it again from a backup, or DELETE FROM asof.partitions WHERE number = \(name.dropFirst(2))"
                    : "INSERT its bounds INTO asof.partitions, or detach it"
            )
        }
    }

    /// Online tables that an `apply` was making when it was killed.
    func leftBuilds() throws(StoreError) -> [Finding] {
        try OnlineTableBuild.left(session).map { left in
            Finding(
                .warning,
                "builds",
                "\(left.table) is what an apply that was killed has left (\(left.bytes >> 10) KiB)",
                why: "nothing reads it, it takes space, and has values of entities",
                remedy: "asof apply, also of unchanged definitions, or DROP TABLE \(left.table)"
            )
        }
    }

    /// Online tables that autovacuum does not keep up with.
    func deadRows() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT schemaname || '.' || quote_ident(relname), n_live_tup, n_dead_tup FROM pg_stat_user_tables
            WHERE schemaname IN ('online', 'asof') AND n_dead_tup > 10000 AND n_dead_tup > n_live_tup ORDER BY 3 DESC
            """
        )
        return (0..<rows.count).map { row in
            let table = rows.text(row, 0) ?? ""
            return Finding(
                .warning,
                "vacuum",
                "\(table) has \(rows.int64(row, 2) ?? 0) dead rows and \(rows.int64(row, 1) ?? 0) live ones",
                why: "look-ups step over dead rows, the table grows",
                remedy: "VACUUM \(table); ALTER TABLE \(table) SET (autovacuum_vacuum_scale_factor = 0.02)"
            )
        }
    }

    /// What is kept of predictions, which is deleted after a while.
    func predictions() throws(StoreError) -> [Finding] {
        func text(_ what: String, _ bytes: Int64, _ days: Double, keptDays: Int) -> String {
            "\(what) take \(bytes >> 10) KiB, about \(Int(Double(bytes) / max(days, 1)) >> 10) KiB a day; kept for \(keptDays) days"
        }
        let (log, sums) = (try PredictionLog(session).size(), try TrafficCounts(session).size())
        guard log.days > 0 || sums.days > 0 else { return [Finding(.ok, "predictions", "nothing is logged")] }
        return [
            Finding(
                .ok,
                "predictions",
                text("logged rows", log.bytes, Double(log.days), keptDays: PredictionLimits.logDays)
            ),
            Finding(.ok, "predictions", text("counts", sums.bytes, sums.days, keptDays: PredictionLimits.countDays)),
        ]
    }

    /// What counts of expectations take, which are deleted after a while.
    func expectationCounts() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT pg_total_relation_size('asof.expectation_counts'),
                extract(epoch FROM clock_timestamp() - (SELECT b.committed_at FROM asof.batches b WHERE b.batch = (
                    SELECT min(oldest) FROM asof.views v CROSS JOIN LATERAL (
                        SELECT batch AS oldest FROM asof.expectation_counts c WHERE c.view = v.id
                        ORDER BY batch LIMIT 1) o) LIMIT 1))::float8 / 86400
            """
        )
        let bytes = rows.int64(0, 0) ?? 0
        guard let days = rows.double(0, 1) else { return [Finding(.ok, "expectations", "nothing is counted")] }
        let daily = Double(bytes) / max(days, 1)
        return [
            Finding(
                .ok,
                "expectations",
                "counts of the last \(Limits.expectationCountsDays) days take \(bytes >> 10) KiB, "
                    + "about \(Int(daily) >> 10) KiB a day"
            )
        ]
    }
}
