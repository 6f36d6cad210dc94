import Features
import PointInTime
import Store

/// History rows of one partition, in order, on their way into row groups.
///
/// Batches become positions, and rows that the state does not have are left out. Where batches overtook one another,
/// versions of one row, which come by batch, are put in the order of their positions.
struct SegmentRows {
    private let view: StoredView
    private let positions: BatchPositions
    /// Whether the order of batches may differ from the order of positions.
    private let isOvertaken: Bool
    private let layout: HistoryColumns
    private var columns: [Column]

    init(_ view: StoredView, _ positions: BatchPositions, isOvertaken: Bool) {
        self.view = view
        self.positions = positions
        self.isOvertaken = isOvertaken
        layout = Self.layout(view)
        columns = layout.types.map { Column(emptyOf: $0) }
    }

    /// What ``query(_:_:)`` gives, and the segment's columns.
    static func layout(_ view: StoredView) -> HistoryColumns {
        HistoryColumns(view, features: view.definition.features)
    }

    /// SQL: a partition's rows in the order of a segment, but for what positions decide.
    static func query(_ view: StoredView, _ range: PartitionRange) -> String {
        let conditions = range.conditions("h")
        let filter = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        let layout = layout(view)
        return "SELECT \(layout.list("h")) FROM \(view.historyTable) h\(filter) ORDER BY \(layout.order("h"))"
    }

    var rowCount: Int { columns[layout.eventTime].rowCount }
    var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// Takes rows of the query.
    mutating func append(_ block: [Column]) throws(StoreError) {
        var block = block
        let batches = block[layout.position].int64Values
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
        block[layout.position] = Column(type: .int64, values: .int64(places.map { positions.position($0) }))
        block[layout.knownAt] = knownAt(block[layout.knownAt], places)
        for index in 0..<layout.features {
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
    /// - Parameter isLast: no rows follow; otherwise the last rows, which may have later versions, may be kept back.
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

    /// What versions of one row have in common, beside the event time.
    private var identity: KeyComparator {
        KeyComparator(keys: layout.identity.filter { $0 != layout.eventTime }.map { columns[$0] })
    }

    private func isTie(_ row: Int, _ times: [Int64], _ identity: KeyComparator) -> Bool {
        times[row] == times[row - 1] && identity.compare(row, row - 1) == 0
    }

    private func lastRunStart() -> Int {
        guard rowCount > 0 else { return 0 }
        let (times, identity) = (columns[layout.eventTime].int64Values, identity)
        var start = rowCount - 1
        while start > 0, isTie(start, times, identity) { start -= 1 }
        return start
    }

    /// Orders ties among the first `count` rows by position.
    private mutating func orderTies(_ count: Int) {
        let (times, identity) = (columns[layout.eventTime].int64Values, identity)
        let positions = columns[layout.position].int64Values
        var order = (0..<Int32(rowCount)).map(\.self)
        var hasChanged = false
        var start = 0
        while start < count {
            var end = start + 1
            while end < count, isTie(end, times, identity) { end += 1 }
            if end - start > 1, (start + 1..<end).contains(where: { positions[$0] < positions[$0 - 1] }) {
                order[start..<end].sort { positions[Int($0)] < positions[Int($1)] }
                hasChanged = true
            }
            start = end
        }
        if hasChanged { columns = columns.map { $0.gather(order) } }
    }
}
