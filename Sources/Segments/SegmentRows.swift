import Features
import PointInTime
import Store

/// History rows of one partition, in order, on their way into row groups.
///
/// Batches become positions, and rows that the state does not have are left out. Where batches overtook one another,
/// rows of equal keys and event time, which come by batch, are put in the order of their positions.
struct SegmentRows {
    private let view: StoredView
    private let positions: BatchPositions
    /// Whether the order of batches may differ from the order of positions.
    private let isOvertaken: Bool
    /// Keys, event times, positions, known at, deleted, features.
    private var columns: [Column]
    private let keyCount: Int

    init(_ view: StoredView, _ positions: BatchPositions, isOvertaken: Bool) {
        self.view = view
        self.positions = positions
        self.isOvertaken = isOvertaken
        keyCount = view.storageKeys.count
        columns = Self.types(view).map { Column(emptyOf: $0) }
    }

    /// The types of what ``query(_:_:)`` gives: keys, event time, batch, known at, deleted, features. Those of the
    /// segment's columns are the same: a position is an int64 as a batch is.
    static func types(_ view: StoredView) -> [FeatureType] {
        view.storageKeys.map(\.type.featureType) + [.timestamp, .int64, .timestamp, .bool]
            + view.definition.features.map(\.type)
    }

    /// SQL: a partition's rows in the order of a segment, but for ties that positions decide.
    static func query(_ view: StoredView, _ range: PartitionRange) -> String {
        let conditions = range.conditions("h")
        let filter = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        return """
            SELECT \(view.keyList("h")), h._event_time, h._batch, h._known_at, h._deleted, \(view.featureList("h"))
            FROM \(view.historyTable) h\(filter) ORDER BY \(view.keyList("h")), h._event_time, h._batch
            """
    }

    var rowCount: Int { columns[keyCount].rowCount }
    var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// Takes rows of the query.
    mutating func append(_ block: [Column]) throws(StoreError) {
        var block = block
        let batches = block[keyCount + 1].int64Values
        var places = [Int](repeating: 0, count: batches.count)
        var isComplete = true
        for row in batches.indices {
            places[row] = positions.place(batches[row])
            if places[row] < 0 { isComplete = false }
        }
        if !isComplete {
            let kept = places.indices.filter { places[$0] >= 0 }
            places = kept.map { places[$0] }
            block = block.map { $0.gather(kept.map { Int32($0) }) }
        }
        block[keyCount + 1] = Column(type: .int64, values: .int64(places.map { positions.position($0) }))
        block[keyCount + 2] = knownAt(block[keyCount + 2], places)
        for index in block.indices where index < keyCount + 4 {
            guard block[index].validity?.contains(false) != true else {
                throw .conflict("history of view '\(view.name)' has a null where none may be")
            }
            block[index].validity = nil
        }
        for index in columns.indices { columns[index].append(block[index]) }
    }

    private func knownAt(_ column: Column, _ places: [Int]) -> Column {
        guard let validity = column.validity else { return column }
        var values = column.int64Values
        for row in values.indices where !validity[row] { values[row] = positions.committedAt(places[row]) }
        return Column(type: .timestamp, values: .int64(values))
    }

    /// The rows so far as a row group; `nil` where there are none yet that can be given.
    ///
    /// - Parameter isLast: no rows follow; otherwise the last rows of equal keys and event time may be kept back.
    mutating func takeGroup(isLast: Bool) -> [Column]? {
        var count = rowCount
        if isOvertaken {
            if !isLast { count = lastRunStart() }
            orderTies(count)
        }
        guard count > 0 else { return nil }
        if count == rowCount {
            let group = columns
            columns = group.map { Column(emptyOf: $0.type) }
            return group
        }
        let group = columns.map { $0.slice(0..<count) }
        columns = columns.map { $0.slice(count..<$0.rowCount) }
        return group
    }

    private func isTie(_ row: Int, _ times: [Int64], _ comparator: KeyComparator) -> Bool {
        times[row] == times[row - 1] && comparator.compare(row, row - 1) == 0
    }

    private func lastRunStart() -> Int {
        guard rowCount > 0 else { return 0 }
        let times = columns[keyCount].int64Values
        let comparator = KeyComparator(keys: Array(columns[..<keyCount]))
        var start = rowCount - 1
        while start > 0, isTie(start, times, comparator) { start -= 1 }
        return start
    }

    /// Orders ties among the first `count` rows by position.
    private mutating func orderTies(_ count: Int) {
        let times = columns[keyCount].int64Values
        let positions = columns[keyCount + 1].int64Values
        let comparator = KeyComparator(keys: Array(columns[..<keyCount]))
        var order = (0..<Int32(rowCount)).map(\.self)
        var hasChanged = false
        var start = 0
        while start < count {
            var end = start + 1
            while end < count, isTie(end, times, comparator) { end += 1 }
            if end - start > 1, (start + 1..<end).contains(where: { positions[$0] < positions[$0 - 1] }) {
                order[start..<end].sort { positions[Int($0)] < positions[Int($1)] }
                hasChanged = true
            }
            start = end
        }
        if hasChanged { columns = columns.map { $0.gather(order) } }
    }
}
