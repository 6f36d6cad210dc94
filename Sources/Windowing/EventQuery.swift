import Features
import PointInTime
import Postgres
import Store
import Windows

/// The statement that reads the events of some keys.
struct EventQuery {
    private let role: WindowRole
    private let state: PinnedState
    /// Whether versions that are not in force are read, too, with positions and known-at times.
    private let isVersioned: Bool
    private let names: [String]

    init(_ role: WindowRole, _ state: PinnedState, isVersioned: Bool) {
        self.role = role
        self.state = state
        self.isVersioned = isVersioned
        names = role.eventColumns
    }

    /// Keys of the events behind those that windows group by.
    private var otherKeys: [KeyColumn] { Array(role.events.definition.keys.dropFirst(role.keys.count)) }

    /// - Parameter limit: of rows.
    func run(
        _ groups: RequestGroups,
        _ range: Range<Int>,
        limit: Int,
        _ session: Session
    ) throws(StoreError) -> KeyedEvents {
        let asked = range.map { groups.groups[$0] }
        let firsts = asked.map { groups.order[$0.requests.lowerBound] }
        var parameters: [Parameter] = role.keys.isEmpty ? [.int64Array(firsts.map { _ in 0 })] : []
        for key in groups.keys {
            switch key.values {
            case .int64(let values): parameters.append(.int64Array(firsts.map { values[Int($0)] }))
            case .text(let values): parameters.append(.textArray(count: firsts.count) { values[Int(firsts[$0])] })
            default: preconditionFailure("a key column is int64 or string, not \(key.type.text)")
            }
        }
        parameters.append(.timestampArray(microseconds: asked.map(\.after)))
        parameters.append(.timestampArray(microseconds: asked.map(\.until)))
        let rows: Rows
        do {
            try session.begin(.boundedRead)
            rows = try session.query(statement(limit: limit), parameters)
            try session.commit()
        } catch {
            session.connection.rollBack()
            throw error
        }
        return try read(rows, keyCount: range.count)
    }

    private func statement(limit: Int) -> String {
        let view = role.events
        let keys = Array(view.storageKeys.prefix(max(1, role.keys.count)))
        let arrays =
            keys.map { $0.type == .int64 ? "bigint[]" : "text[]" } + ["timestamptz[]", "timestamptz[]"]
        let parameters = arrays.enumerated().map { "$\($0.offset + 1)::\($0.element)" }.joined(separator: ", ")
        let columns = keys.indices.map { "k\($0)" } + ["after", "until", "i"]
        let equal = keys.enumerated().map { index, key in
            "h.\(SQLText.identifier(key.name)) = k.k\(index)\(key.type == .string ? " COLLATE \"C\"" : "")"
        }
        let conditions =
            equal + [state.condition("h"), "h._event_time > k.after", "h._event_time <= k.until"]
            + (isVersioned ? [] : [view.isInForce("h") { [state.condition($0)] }])
        func ledger(_ column: String) -> String {
            "(SELECT b.\(column) FROM asof.batches b WHERE b.batch = h._batch LIMIT 1)"
        }
        let others = otherKeys.map { "h.\(SQLText.identifier($0.name))" }
        let version =
            isVersioned
            ? [
                "\(ledger("position")) AS _position", "coalesce(h._known_at, \(ledger("committed_at"))) AS _known",
                "h._deleted", "h.\(StoredView.eventColumn)",
            ] + others : []
        let selected = ["k.i", "h._event_time"] + names.map { "h.\(SQLText.identifier($0))" } + version
        let order =
            ["k.i", "h._event_time", "h.\(StoredView.eventColumn)"] + others + (isVersioned ? ["_position"] : [])
        return """
            SELECT \(selected.joined(separator: ", ")) FROM unnest(\(parameters)) WITH ORDINALITY
                AS k (\(columns.joined(separator: ", ")))
            JOIN \(view.historyTable) h ON \(conditions.joined(separator: " AND "))
            ORDER BY \(order.joined(separator: ", ")) LIMIT \(limit)
            """
    }

    private func read(_ rows: Rows, keyCount: Int) throws(StoreError) -> KeyedEvents {
        let reader = ResultColumn(rows: rows, rowOf: (0..<rows.count).map { Int32($0) })
        let none = [Bool](repeating: false, count: rows.count)
        func column(_ index: Int, _ type: FeatureType) throws(StoreError) -> Column {
            try reader.read(index, as: type, isNull: none)
        }
        var starts = [Int](repeating: 0, count: keyCount + 1)
        for ordinal in try column(0, .int64).int64Values { starts[Int(ordinal)] += 1 }
        for key in 0..<keyCount { starts[key + 1] += starts[key] }
        var columns: [String: Column] = [:]
        for (index, name) in names.enumerated() {
            columns[name] = try column(2 + index, role.events.type(ofEventColumn: name))
        }
        var versions: KeyedEvents.Versions?
        if isVersioned, let event = role.events.eventFeature {
            let first = 2 + names.count
            var identity = [try column(first + 3, event.type)]
            for (index, key) in otherKeys.enumerated() {
                identity.append(try column(first + 4 + index, key.type.featureType))
            }
            var isDeleted = none
            if case .bool(let values) = try column(first + 2, .bool).values { isDeleted = values }
            versions = KeyedEvents.Versions(
                isLater: Self.laterVersions(identity, try column(1, .timestamp).int64Values, starts),
                positions: try column(first, .int64).int64Values,
                knownAt: try column(first + 1, .timestamp).int64Values,
                isDeleted: isDeleted
            )
        }
        return KeyedEvents(
            starts: starts,
            times: try column(1, .timestamp),
            columns: columns,
            versions: versions
        )
    }

    /// Whether each row is of the same key, time and identity as the one before.
    private static func laterVersions(_ identity: [Column], _ times: [Int64], _ starts: [Int]) -> [Bool] {
        let comparator = KeyComparator(keys: identity)
        var isLater = times.indices.map { row in
            row > 0 && times[row] == times[row - 1] && comparator.compare(row, row - 1) == 0
        }
        for start in starts where start < isLater.count { isLater[start] = false }
        return isLater
    }
}
