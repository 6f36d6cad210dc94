package import Features
import Models
import Postgres
package import Store
import Training

/// The log of predictions: the table `asof.predictions`, a partition a day.
///
/// Its commits take no position in the ledger: what was answered changes nothing that is read.
package struct PredictionLog {
    let session: Session

    package init(_ session: Session) { self.session = session }

    // MARK: Writing

    /// Stores rows, all or none.
    ///
    /// - Parameters:
    ///   - server: the 16 bytes of the uuid of a run of a server.
    ///   - first: the number of the first row; the others follow.
    /// - Returns: of each request the rows whose values were left out.
    /// - Throws: ``StoreError/uncertainCommit(_:)`` where the COMMIT was not answered.
    package func append(
        _ requests: [AnsweredRows],
        server: [UInt8],
        from first: Int64
    ) throws(StoreError) -> [Int] {
        var tables: [Int: LoggedRows] = [:]
        var cuts: [Int] = []
        var number = first
        for request in requests {
            let outputs = max(request.version.signature.outputs, 1)
            cuts.append(tables[outputs, default: LoggedRows(outputs: outputs)].append(request, from: number))
            number += Int64(request.rowCount)
        }
        try session.transaction(
            .write(lockTimeoutMs: PredictionLimits.partitionLockTimeoutMs),
            of: "a group of logged predictions"
        ) { () throws(StoreError) in
            for (_, rows) in tables.sorted(by: { $0.key < $1.key }) { try rows.copy(session, server: server) }
        }
        return cuts
    }

    /// The day that a time, µs, lies in: what its partition is named by.
    package static func day(_ us: Int64) -> String {
        String(Timestamp(microseconds: us).text.prefix(10))
    }

    private static func table(_ day: String) -> String { "predictions_\(day.filter { $0 != "-" })" }

    /// Makes the partition of a day where there is none, by a function of the store's owner; readers of the log are not waited
    /// for.
    /// - Parameter us: any time of the day.
    package func makePartition(at us: Int64) throws(StoreError) {
        let day = Self.day(us)
        let table = Self.table(day)
        try session.transaction(.write(lockTimeoutMs: PredictionLimits.partitionLockTimeoutMs), of: "asof.\(table)") {
            () throws(StoreError) in
            try session.lock(AdvisoryLock.predictions)
            let known = try session.query("SELECT to_regclass($1) IS NOT NULL", [.text("asof.\(table)")])
            if known.bool(0, 0) == true { return }
            try session.query("SELECT asof.add_predictions_day($1::text::date)", [.text(day)])
        }
    }

    /// Drops the partitions, of those that are this role's, of days that are over for longer than ``PredictionLimits/logDays``.
    package func dropOld(now us: Int64) throws(StoreError) {
        let oldest = Self.table(Self.day(us - Int64(PredictionLimits.logDays) * 86_400_000_000))
        let old = try partitions().filter { $0 < oldest }
        for table in old {
            try session.transaction(
                .write(lockTimeoutMs: PredictionLimits.partitionLockTimeoutMs),
                of: "the removal of asof.\(table)"
            ) { () throws(StoreError) in
                try session.lock(AdvisoryLock.predictions)
                try session.execute("DROP TABLE IF EXISTS asof.\(SQLText.identifier(table))")
            }
        }
    }

    /// Names of the partitions that are this role's, by day.
    private func partitions() throws(StoreError) -> [String] {
        let rows = try session.query(
            """
            SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'asof.predictions'::regclass AND pg_has_role(c.relowner, 'USAGE') ORDER BY 1
            """
        )
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }

    // MARK: Forgetting

    /// Deletes the rows of an entity; within the caller's transaction.
    ///
    /// - Parameter key: as text, see ``Value/text``.
    /// - Returns: how many there were.
    /// - Complexity: O(rows of the log): there is no index by keys, which each logged row would pay for.
    package func forget(_ entity: EntityDefinition, key: String) throws(StoreError) -> Int {
        try remove(entity, key) { sql in "DELETE \(sql)" }
    }

    /// How many rows ``forget(_:key:)`` would delete.
    package func count(_ entity: EntityDefinition, key: String) throws(StoreError) -> Int {
        try remove(entity, key) { sql in "SELECT count(*) \(sql)" }
    }

    private func remove(
        _ entity: EntityDefinition,
        _ key: String,
        _ statement: (String) -> String
    ) throws(StoreError) -> Int {
        var total = 0
        for (model, version, columns) in try keyColumns(of: entity) {
            let conditions = columns.indices.map { "keys->>$\($0 + 4) = $3 OR request->>$\($0 + 4) = $3" }
            let rows = try session.query(
                statement(
                    "FROM asof.predictions WHERE model = $1 AND version = $2 AND (\(conditions.joined(separator: " OR ")))"
                ),
                [.text(model), .int32(Int32(version)), .text(key)] + columns.map { .text($0) }
            )
            total += rows.count > 0 ? Int(rows.int64(0, 0) ?? 0) : rows.affectedCount
        }
        return total
    }

    /// What requests to each version that has logged rows call the entity's key.
    private func keyColumns(
        of entity: EntityDefinition
    ) throws(StoreError) -> [(model: String, version: Int, columns: [String])] {
        let rows = try session.query("SELECT DISTINCT model, version FROM asof.predictions ORDER BY 1, 2")
        guard rows.count > 0 else { return [] }
        let versions = try ModelRegistry(session).versions()
        let registry = try Registry.load(session)
        var found: [(model: String, version: Int, columns: [String])] = []
        for row in 0..<rows.count {
            guard let model = rows.text(row, 0), let number = rows.int32(row, 1) else { continue }
            // Also where the version's service cannot be read any more.
            var columns: Set<String> = [entity.key]
            if let version = versions.first(where: { $0.model == model && $0.version == Int(number) }),
                let plan = try? registry.plan(
                    for: .service(name: version.service, version: version.serviceVersion),
                    session
                ).plan
            {
                for role in plan.roles {
                    for (index, name) in role.view.definition.entities.enumerated()
                    where name == entity.name && index < role.keyColumns.count {
                        columns.insert(role.keyColumns[index])
                    }
                }
            }
            found.append((model, Int(number), columns.sorted()))
        }
        return found
    }

    // MARK: Looking

    /// What the log takes: bytes, and the days that it has partitions of.
    package func size() throws(StoreError) -> (bytes: Int64, days: Int) {
        let rows = try session.query(
            """
            SELECT coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint, count(*)
            FROM pg_inherits i WHERE i.inhparent = 'asof.predictions'::regclass
            """
        )
        return (rows.int64(0, 0) ?? 0, Int(rows.int64(0, 1) ?? 0))
    }
}
