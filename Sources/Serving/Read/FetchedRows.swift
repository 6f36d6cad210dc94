import Features
import Online
import PointInTime
import Postgres
import Store

/// Reads rows of online tables by their keys, all of a request in one query.
struct FetchedRows {
    let session: Session
    /// Of the rows that are read together.
    let bytesMax: Int

    init(_ session: Session, bytesMax: Int = ServingLimits.fetchBytesMax) {
        self.session = session
        self.bytesMax = bytesMax
    }

    /// - Parameter keys: as ``Serving/fetch(_:keys:finish:)`` takes them.
    /// - Returns: the rows found; each entity once, however often it was asked for.
    func read(_ view: ServedView, _ keys: [Column]) throws(StoreError) -> ViewMemory {
        let memory = ViewMemory(layout: view.layout)
        memory.apply(try rows(view, keys), position: 0)
        return memory
    }

    /// The rows found, with all of ``RowLayout/columns``.
    func rows(_ view: ServedView, _ keys: [Column]) throws(StoreError) -> ViewRows {
        let stored = view.stored
        let list = view.rowList("o")
        let rows: Rows
        if stored.definition.isGlobal {
            rows = try session.query("SELECT \(list) FROM \(stored.onlineTable) o")
        } else {
            // One look-up in the primary key for each entity, whatever the planner thinks of the table.
            let names = keys.indices.map { "k\($0)" }
            let equal = stored.keysGiven("o", count: keys.count)
            let parameters = keys.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
            let asked = "unnest(\(parameters)) AS k (\(names.joined(separator: ", ")))"
            // Once, however often it was asked for: each time would be read, sent and counted.
            let from = keys.first?.rowCount == 1 ? asked : "(SELECT DISTINCT * FROM \(asked)) k"
            // Their sum is bounded in the order in which they are found.
            rows = try session.query(
                """
                SELECT * FROM (SELECT f.*, (pg_catalog.sum(f._size) OVER (ROWS UNBOUNDED PRECEDING))::bigint AS _sum
                FROM \(from) CROSS JOIN LATERAL (
                    SELECT \(list) FROM \(stored.onlineTable) o WHERE \(equal.joined(separator: " AND ")) LIMIT 1) f) s
                WHERE s._sum - s._size < \(bytesMax)
                """,
                keys.map(Self.parameter)
            )
            try refuseMany(rows, view)
        }
        return try viewRows(rows, view)
    }

    /// Rows end with their sizes, summed up.
    func refuseMany(_ rows: Rows, _ view: ServedView) throws(StoreError) {
        guard rows.count > 0 else { return }
        let sum = view.stored.storageKeys.count + 3 + view.layout.columns.count
        guard rows.int64(rows.count - 1, sum) ?? 0 < Int64(bytesMax) else {
            throw .tooLarge(
                "the rows of view '\(view.name)', which are not in memory, have more than "
                    + "\(bytesMax >> 20) MiB; ask for fewer entities"
            )
        }
    }

    /// - Parameter rows: keys, event time, whether it is a tombstone, the features of the layout.
    func viewRows(_ rows: Rows, _ view: ServedView) throws(StoreError) -> ViewRows {
        let stored = view.stored
        let keyCount = stored.storageKeys.count
        let reader = ResultColumn(rows: rows, rowOf: (0..<rows.count).map { Int32($0) })
        let none = [Bool](repeating: false, count: rows.count)
        func column(_ index: Int, _ type: FeatureType) throws(StoreError) -> Column {
            try reader.read(index, as: type, isNull: none)
        }
        var read: [Column] = []
        for (index, key) in stored.storageKeys.enumerated() { read.append(try column(index, key.type.featureType)) }
        var features: [Column] = []
        for (index, feature) in view.layout.columns.enumerated() {
            features.append(try column(keyCount + 2 + index, feature.type))
        }
        return ViewRows(
            keys: read,
            eventTimes: try column(keyCount, .timestamp),
            isDeleted: try column(keyCount + 1, .bool),
            features: features
        )
    }

    static func parameter(_ keys: Column) -> Parameter {
        switch keys.values {
        case .int64(let values): return .int64Array(values)
        case .text(let values): return .textArray(count: values.count) { values[$0] }
        default: preconditionFailure("a key column is int64 or string, not \(keys.type.text)")
        }
    }
}
