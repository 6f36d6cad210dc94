package import Features
import Postgres
import Predictions
package import Store

/// Removes one entity from history and online tables: a person's right to erasure.
///
/// Every view of the entity loses the rows of that key, hidden views, too, and so does the log of predictions. What stays is a count, and a digest by which
/// a key can be confirmed as forgotten. Files that were exported, backups and the write-ahead log are not reached.
package struct Forgetting {
    let session: Session
    package let entity: EntityDefinition
    /// int64 or string.
    package let key: Value

    /// What one view has, or had, of the entity.
    package struct Count: Sendable, Hashable {
        package let view: String
        package let isRetired: Bool
        package let historyRows: Int64
        package let onlineRows: Int64
    }

    /// - Parameters:
    ///   - entity: the name of an entity that is defined.
    ///   - key: its key, as text.
    /// - Throws: ``StoreError/request(_:)`` where there is no such entity, or the key is not of its type.
    package init(_ session: Session, entity: String, key: String, _ definitions: Definitions) throws(StoreError) {
        guard let definition = definitions.entity(named: entity) else {
            throw .request("no entity '\(entity)'\(Name.hint(for: entity, among: definitions.entities.map(\.name)))")
        }
        do {
            let column = KeyColumn(name: definition.key, type: definition.type)
            self.key = try EntityText.parse(key, keys: [column])[0]
        } catch {
            throw .request("entity '\(entity)': \(error.description)")
        }
        self.session = session
        self.entity = definition
    }

    /// How many rows each view has of the entity; views without any are left out.
    package func count() throws(StoreError) -> [Count] {
        try session.transaction(.read) { () throws(StoreError) in
            var counts: [Count] = []
            for (view, isRetired) in try views() {
                func rows(_ table: String) throws(StoreError) -> Int64 {
                    let sql = "SELECT count(*) FROM \(table) WHERE \(condition)"
                    return try session.query(sql, [parameter]).int64(0, 0) ?? 0
                }
                let online = try view.hasOnlineTable(session) ? try rows(view.onlineTable) : 0
                let history = try rows(view.historyTable)
                if history + online > 0 {
                    counts.append(
                        Count(view: view.name, isRetired: isRetired, historyRows: history, onlineRows: online)
                    )
                }
            }
            return counts
        }
    }

    /// How many logged predictions are about the entity.
    package func predictionCount() throws(StoreError) -> Int {
        try session.transaction(.read) { () throws(StoreError) in
            try PredictionLog(session).count(entity, key: key.text)
        }
    }

    /// Views that have a key column of the same name for another entity: their rows are somebody else's.
    package func namesakes() throws(StoreError) -> [String] {
        try StoredView.all(session).map(\.view.definition).filter { definition in
            !definition.entities.contains(entity.name)
                && definition.keys.contains { $0.name == entity.key && $0.type == entity.type }
        }.map(\.name)
    }

    /// How many segments' files still have rows that a batch forgot and are read without them, and how many, on whatever host,
    /// may have them and are not read.
    package func segmentCount(after batch: Int64) throws(StoreError) -> (marked: Int, unread: Int) {
        let ids = try views().map { Int64($0.view.id) }
        let rows = try session.query(
            """
            SELECT count(*) FILTER (WHERE $2 = ANY (forgotten) AND removed_rows <> '{}'),
                count(*) FILTER (WHERE $2 <> ALL (forgotten))
            FROM asof.segments WHERE view = ANY ($1)
            """,
            [.int64Array(ids), .int64(batch)]
        )
        return (Int(rows.int64(0, 0) ?? 0), Int(rows.int64(0, 1) ?? 0))
    }

    /// When this key was forgotten before, newest first.
    package func earlier() throws(StoreError) -> [Timestamp] {
        guard let digest = try digest() else { return [] }
        let rows = try session.query(
            """
            SELECT DISTINCT b.committed_at FROM asof.removals r JOIN asof.batches b ON b.batch = r.batch
            WHERE r.key_digest = $1 ORDER BY 1 DESC
            """,
            [.bytes(digest)]
        )
        return (0..<rows.count).compactMap { rows.timestamp($0, 0).map { Timestamp(microseconds: $0) } }
    }

    /// Removes the entity, in one transaction, and takes a position for it. Where only the log of predictions had rows of
    /// it, none is taken.
    ///
    /// - Parameter marking: called with the batch when the rows are gone, before the commit: for what keeps copies of them.
    /// - Returns: what was removed, and the state that this made; `nil` where no view had anything.
    /// - Throws: ``StoreError/conflict(_:)`` where writers or readers keep a view for more than ten seconds.
    package func run(
        marking: (Int64) throws(StoreError) -> Void = { _ throws(StoreError) in }
    ) throws(StoreError) -> (views: [Count], predictions: Int, state: LedgerState?) {
        let digest = try digest()
        try session.beginRemoval()
        do throws(StoreError) {
            let views = try views()
            for (view, _) in views { try session.lock(AdvisoryLock.view(view.id)) }
            let ledger = Ledger(session)
            let (batch, transactionID) = try ledger.takeBatch()
            var counts: [Count] = []
            var entries: [LedgerEntry] = []
            for (view, isRetired) in views {
                guard let (count, entry) = try remove(view, isRetired: isRetired, batch, digest) else { continue }
                counts.append(count)
                entries.append(entry)
            }
            let predictions = try PredictionLog(session).forget(entity, key: key.text)
            let subject = "the forgetting of one \(entity.name)"
            guard !entries.isEmpty else {
                if predictions > 0 {
                    try session.commit(subject, transactionID: transactionID)
                } else {
                    session.connection.rollBack()
                }
                return ([], predictions, nil)
            }
            try marking(batch)
            let state = try ledger.commit(subject, batch: batch, transactionID: transactionID, entries)
            return (counts, predictions, state)
        } catch {
            session.connection.rollBack()
            throw error.explainingLocks
        }
    }

    private func remove(
        _ view: StoredView,
        isRetired: Bool,
        _ batch: Int64,
        _ digest: [UInt8]?
    ) throws(StoreError) -> (Count, LedgerEntry)? {
        let rows = try session.query(
            """
            WITH gone AS (DELETE FROM \(view.historyTable) WHERE \(condition) RETURNING _batch, _event_time),
            counted AS (INSERT INTO asof.removed_rows (removal, view, batch, rows)
                SELECT $2, $3, _batch, count(*) FROM gone GROUP BY _batch)
            SELECT count(*), min(_event_time), max(_event_time) FROM gone
            """,
            [parameter, .int64(batch), .int32(view.id)]
        )
        var onlineRows = 0
        try OnlineTableBuild.discard(ofView: view.id, session)
        if try view.hasOnlineTable(session) {
            onlineRows = try session.query("DELETE FROM \(view.onlineTable) WHERE \(condition)", [parameter])
                .affectedCount
        }
        let historyRows = rows.int64(0, 0) ?? 0
        guard historyRows + Int64(onlineRows) > 0 else { return nil }
        try RemovalRecord(session).add(
            .init(
                view: view.id,
                viewName: view.name,
                kind: .forget,
                historyRows: historyRows,
                onlineRows: Int64(onlineRows),
                entity: entity.name,
                keyDigest: digest
            ),
            batch: batch
        )
        return (
            Count(view: view.name, isRetired: isRetired, historyRows: historyRows, onlineRows: Int64(onlineRows)),
            LedgerEntry(view: view.id, kind: .forget, rows: Int(historyRows), eventTimes: rows.timeRange(0, 1, 2))
        )
    }

    /// The views of the entity, hidden ones, too.
    package func views() throws(StoreError) -> [(view: StoredView, isRetired: Bool)] {
        try StoredView.all(session).filter { $0.view.definition.entities.contains(entity.name) }
    }

    private func digest() throws(StoreError) -> [UInt8]? {
        let rows = try session.query("SELECT salt FROM asof.key_salt")
        guard rows.count > 0, let salt = rows.byteArray(0, 0) else { return nil }
        return KeyDigest.digest(entity: entity, key: key, salt: salt)
    }

    private var condition: String {
        "\(SQLText.identifier(entity.key)) = $1\(entity.type == .string ? " COLLATE \"C\"" : "")"
    }

    private var parameter: Parameter {
        switch key {
        case .int64(let value): .int64(value)
        case .string(let value): .text(value)
        default: preconditionFailure("a key is int64 or string")
        }
    }
}
