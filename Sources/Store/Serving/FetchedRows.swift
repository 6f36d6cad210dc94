import Features
import PointInTime
import Postgres

/// Reads rows of online tables by their keys, all of a request in one query.
struct FetchedRows {
    let session: Session

    init(_ session: Session) { self.session = session }

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
        let keyCount = stored.storageKeys.count
        let columns =
            [stored.keyList("o"), "o._event_time", "o._deleted"]
            + view.layout.columns.map { "o.\(SQLText.identifier($0.feature))" }
        let list = columns.joined(separator: ", ")
        let rows: Rows
        if stored.definition.isGlobal {
            rows = try session.query("SELECT \(list) FROM \(stored.onlineTable) o")
        } else {
            // One look-up in the primary key for each entity, whatever the planner thinks of the table.
            let names = keys.indices.map { "k\($0)" }
            let equal = zip(stored.storageKeys, names).map { key, name in
                "o.\(SQLText.identifier(key.name)) = k.\(name)\(key.type == .string ? " COLLATE \"C\"" : "")"
            }
            rows = try session.query(
                """
                SELECT f.* FROM unnest(\(keys.indices.map { "$\($0 + 1)" }.joined(separator: ", "))) AS k
                    (\(names.joined(separator: ", ")))
                CROSS JOIN LATERAL (
                    SELECT \(list) FROM \(stored.onlineTable) o WHERE \(equal.joined(separator: " AND ")) LIMIT 1) f
                """,
                keys.map(Self.parameter)
            )
        }
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

    private static func parameter(_ keys: Column) -> Parameter {
        switch keys.values {
        case .int64(let values): return .int64Array(values)
        case .text(let values): return .textArray(count: values.count) { values[$0] }
        default: preconditionFailure("a key column is int64 or string, not \(keys.type.text)")
        }
    }
}
