import Features
import Online
import PointInTime
import Postgres
import Store
import Windows

/// Rows of a view's history on their way into memories of its events.
struct EventRows: Sendable {
    let view: ServedView
    private(set) var keys: [Column]
    private(set) var times: [Int64]
    private(set) var isDeleted: [Bool]
    private(set) var positions: [Int64]
    private(set) var features: [String: Column]

    var rowCount: Int { times.count }

    /// Rows of one commit, as a writer submitted them.
    init(_ rows: ViewRows, of view: ServedView, position: Int64) {
        self.view = view
        keys = rows.keys
        times = rows.eventTimeValues
        positions = Array(repeating: position, count: times.count)
        isDeleted = Array(repeating: false, count: times.count)
        if case .bool(let values)? = rows.isDeleted?.values { isDeleted = values }
        features = Dictionary(
            zip(view.stored.definition.features.map(\.name), rows.features),
            uniquingKeysWith: { first, _ in first }
        )
    }

    private init(
        view: ServedView,
        keys: [Column],
        times: [Int64],
        isDeleted: [Bool],
        positions: [Int64],
        features: [String: Column]
    ) {
        self.view = view
        self.keys = keys
        self.times = times
        self.isDeleted = isDeleted
        self.positions = positions
        self.features = features
    }

    /// The statement's columns, and how they are read.
    struct Query {
        let view: ServedView
        private let names: [String]

        /// - Parameter memories: that the rows are for.
        init(_ view: ServedView, _ memories: [EventMemory]) {
            self.view = view
            let id = view.stored.eventFeature.map(\.name)
            let keys = Set(view.stored.definition.keys.map(\.name))
            names = Set(memories.flatMap(\.layout.names) + (id.map { [$0] } ?? [])).subtracting(keys).sorted()
        }

        /// - Parameter number: SQL: what tells positions, a bigint.
        func list(_ number: String) -> String {
            ([view.stored.keyList("h"), "h._event_time", "h._deleted", number]
                + names.map { "h.\(SQLText.identifier($0))" }).joined(separator: ", ")
        }

        var types: [FeatureType] {
            view.stored.storageKeys.map(\.type.featureType) + [.timestamp, .bool, .int64]
                + names.map { name in view.layout.columns.first { $0.feature == name }?.type ?? .string }
        }

        /// - Parameter position: of the number that the statement gave.
        func rows(_ columns: [Column], position: (Int64) -> Int64) -> EventRows {
            let keyCount = view.stored.storageKeys.count
            guard case .bool(let isDeleted) = columns[keyCount + 1].values else {
                preconditionFailure("the column is read as bool")
            }
            return EventRows(
                view: view,
                keys: Array(columns[..<keyCount]),
                times: columns[keyCount].int64Values,
                isDeleted: isDeleted,
                positions: columns[keyCount + 2].int64Values.map(position),
                features: Dictionary(uniqueKeysWithValues: zip(names, columns[(keyCount + 3)...]))
            )
        }
    }

    /// As a memory takes them, with their keys there.
    func batch(for memory: EventMemory) -> (rows: EventBatch, keys: [Column]) {
        let stored = view.stored
        let keyCount = memory.keyLayout.keys.count
        let id = stored.eventFeature.flatMap { features[$0.name] }.map { [$0] } ?? []
        let batch = EventBatch(
            memory.layout,
            times: times,
            identity: id + keys.dropFirst(keyCount),
            isDeleted: isDeleted
        ) { name in
            if let column = features[name] { return column }
            guard let key = stored.storageKeys.firstIndex(where: { $0.name == name }) else {
                preconditionFailure("'\(name)' was not read")
            }
            return keys[key]
        }
        return (batch, Array(keys.prefix(keyCount)))
    }

    /// In the order of their positions, parts of one view put together.
    static func ordered(_ parts: [EventRows]) -> EventRows? {
        guard let first = parts.first else { return nil }
        var all = first
        for part in parts.dropFirst() {
            for key in all.keys.indices { all.keys[key].append(part.keys[key]) }
            all.times += part.times
            all.isDeleted += part.isDeleted
            all.positions += part.positions
            for (name, column) in part.features { all.features[name]?.append(column) }
        }
        let positions = all.positions
        if positions.allSatisfy({ $0 == positions.first }) { return all }
        let order = positions.indices.sorted { left, right in
            positions[left] == positions[right] ? left < right : positions[left] < positions[right]
        }
        let rows = order.map { Int32($0) }
        all.keys = all.keys.map { $0.gather(rows) }
        all.features = all.features.mapValues { $0.gather(rows) }
        all.times = order.map { all.times[$0] }
        all.isDeleted = order.map { all.isDeleted[$0] }
        all.positions = order.map { positions[$0] }
        return all
    }

    /// Brings the view's memories up to a position. Rows ascend by position.
    ///
    /// Between two holds rows of other commits may come, also the same ones: a memory has everything up to some position, and
    /// perhaps rows of the next one, which come once more then.
    /// - Parameters:
    ///   - rowsMax: that a hold applies.
    ///   - hold: calls its argument while nobody else applies.
    func apply(to position: Int64, rowsMax: Int = .max, hold: (() -> Void) -> Void = { $0() }) {
        for memory in view.events where memory.wantsRows {
            let (batch, keys) = batch(for: memory)
            var start = 0
            repeat {
                let end = rowsMax < rowCount - start ? start + rowsMax : rowCount
                // All of a position is there where the next row is of another one.
                let last = end == rowCount ? position : positions[end] - 1
                hold { memory.apply(batch, start..<end, keys: keys, positions: positions, to: last) }
                start = end
            } while start < rowCount
        }
    }
}

extension BatchRows {
    /// Rows of history that memories of a view's events lack, ordered by position. Within the caller's transaction.
    ///
    /// - Parameter entries: data of the view, in any order.
    func events(_ entries: [FollowedEntry], of view: ServedView) throws(StoreError) -> EventRows? {
        guard !entries.isEmpty else { return nil }
        let query = EventRows.Query(view, view.events)
        let copy = try CopyOut(
            session,
            query:
                "SELECT \(query.list("h._batch")) FROM \(view.stored.historyTable) h WHERE \(Self.condition(entries))",
            types: query.types
        )
        let positions = Dictionary(entries.map { ($0.batch, $0.state.position) }) { first, _ in first }
        var parts: [EventRows] = []
        while let columns = try copy.next(
            rowsMax: ServingLimits.memoryChunkRows,
            bytesMax: ServingLimits.memoryChunkBytes
        ) {
            parts.append(query.rows(columns) { positions[$0] ?? 0 })
        }
        return EventRows.ordered(parts)
    }
}
