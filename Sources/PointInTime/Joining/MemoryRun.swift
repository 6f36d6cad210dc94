import Features

/// Rows of history in memory as a run: those past the segments, or all where there are none.
package final class MemoryRun: HistoryRun, @unchecked Sendable {
    // Sendable: nothing changes after `init`.
    package let name: String
    package let groups: [HistoryGroup]
    /// Rows of one group, but the last.
    package static let groupRows = 65_536
    private let groupRows: Int

    /// For each row of the run its row in the columns below.
    private let order: [Int32]
    private let keys: [SortedKeys]
    private let times: UnsafeMutableBufferPointer<Int64>
    private let positions: UnsafeMutableBufferPointer<Int64>
    private let knownAt: UnsafeMutableBufferPointer<Int64>?
    private let events: SortedKeys?
    private let positionColumn: Column
    private let deleted: Column
    private let features: [Column]

    private enum SortedKeys {
        case int64(UnsafeMutableBufferPointer<Int64>)
        case string(UnsafeMutableBufferPointer<Int>, UnsafeMutableBufferPointer<UInt8>)

        func order(_ rows: Range<Int>) -> GroupOrder.Keys {
            switch self {
            case .int64(let values): .int64(UnsafeBufferPointer(rebasing: values[rows]))
            case .string(let offsets, let bytes):
                .string(
                    offsets: UnsafeBufferPointer(rebasing: offsets[rows.lowerBound...rows.upperBound]),
                    bytes: UnsafeBufferPointer(bytes)
                )
            }
        }

        func column(_ rows: [Int]) -> Column {
            switch self {
            case .int64(let values): return Column(type: .int64, values: .int64(rows.map { values[$0] }))
            case .string(let offsets, let bytes):
                var texts = TextValues()
                for row in rows { texts.append(UnsafeBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]])) }
                return Column(type: .string, values: .text(texts))
            }
        }

        func deallocate() {
            switch self {
            case .int64(let values): values.deallocate()
            case .string(let offsets, let bytes):
                offsets.deallocate()
                bytes.deallocate()
            }
        }
    }

    /// - Parameters:
    ///   - keys: `int64` or `string` columns without nulls, at least one; rows in any order.
    ///   - times: event times.
    ///   - events: of a view of events their ids, `int64` or `string` without nulls.
    ///   - positions: int64.
    ///   - knownAt: when rows were known, without nulls; `nil` where nobody will ask.
    ///   - deleted: bool.
    ///   - features: in the order in which they are asked for.
    /// - Complexity: O(*n*) for integer keys; 16 bytes a row and the keys beside the columns given.
    package init(
        name: String,
        keys: [Column],
        times: Column,
        events: Column? = nil,
        positions: Column,
        knownAt: Column?,
        deleted: Column,
        features: [Column],
        groupRows: Int = MemoryRun.groupRows
    ) {
        self.name = name
        self.groupRows = groupRows
        let (numbers, eventNumbers) = (KeyRanks.numbers(keys), KeyRanks.numbers(events.map { [$0] } ?? []))
        let rowCount = times.rowCount
        let order = RadixOrder.rows(
            numbers + [times.int64Values] + eventNumbers + [positions.int64Values],
            rowCount: rowCount
        )
        self.order = order
        self.keys = keys.map { Self.sorted($0, order) }
        self.events = events.map { Self.sorted($0, order) }
        self.times = Self.sorted(times.int64Values, order)
        self.positions = Self.sorted(positions.int64Values, order)
        self.knownAt = knownAt.map { Self.sorted($0.int64Values, order) }
        positionColumn = positions
        self.deleted = deleted
        self.features = features
        let sortedTimes = self.times
        groups = stride(from: 0, to: rowCount, by: groupRows).map { start in
            let end = min(rowCount, start + groupRows)
            var (low, high) = (sortedTimes[start], sortedTimes[start])
            for row in start..<end {
                low = min(low, sortedTimes[row])
                high = max(high, sortedTimes[row])
            }
            return HistoryGroup(
                rowCount: end - start,
                firstKeys: keys.map { $0.value(Int(order[start])) },
                lastKeys: keys.map { $0.value(Int(order[end - 1])) },
                times: low...high
            )
        }
    }

    deinit {
        for key in keys { key.deallocate() }
        events?.deallocate()
        times.deallocate()
        positions.deallocate()
        knownAt?.deallocate()
    }

    /// About how many bytes a run of these columns takes.
    package static func byteCount(ofColumns columns: [Column]) -> Int {
        let rowCount = columns.first?.rowCount ?? 0
        return columns.reduce(rowCount * 44) { $0 + $1.byteCount }
    }

    package func order(ofGroup group: Int, with parts: GroupParts) -> GroupOrder {
        let start = group * groupRows
        let rows = start..<start + groups[group].rowCount
        return GroupOrder(
            keys: keys.map { $0.order(rows) },
            times: UnsafeBufferPointer(rebasing: times[rows]),
            positions: UnsafeBufferPointer(rebasing: positions[rows]),
            knownAt: knownAt.map { UnsafeBufferPointer(rebasing: $0[rows]) },
            events: events?.order(rows),
            owner: self
        )
    }

    package func append(
        _ field: HistoryField,
        ofGroup group: Int,
        rows: UnsafeBufferPointer<Int32>,
        to column: inout Column
    ) {
        let start = group * groupRows
        let source = rows.map { order[start + Int($0)] }
        switch field {
        case .feature(let feature): column.append(features[feature].gather(source))
        case .deleted: column.append(deleted.gather(source))
        case .position: column.append(positionColumn.gather(source))
        case .key(let key): column.append(keys[key].column(rows.map { start + Int($0) }))
        case .event:
            guard let events else { preconditionFailure("rows of no view of events") }
            column.append(events.column(rows.map { start + Int($0) }))
        }
    }

    private static func sorted(_ values: [Int64], _ order: [Int32]) -> UnsafeMutableBufferPointer<Int64> {
        let sorted = UnsafeMutableBufferPointer<Int64>.allocate(capacity: order.count)
        values.withUnsafeBufferPointer { values in
            // Safe: `order` is a permutation of the rows.
            for place in order.indices { sorted.initializeElement(at: place, to: values[Int(order[place])]) }
        }
        return sorted
    }

    private static func sorted(_ column: Column, _ order: [Int32]) -> SortedKeys {
        guard case .text(let texts) = column.values else { return .int64(sorted(column.int64Values, order)) }
        let gathered = texts.gather(order)
        let offsets = UnsafeMutableBufferPointer<Int>.allocate(capacity: gathered.offsets.count)
        let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, gathered.bytes.count))
        _ = offsets.initialize(fromContentsOf: gathered.offsets)
        bytes.initialize(repeating: 0)
        _ = bytes.update(fromContentsOf: gathered.bytes)
        return .string(offsets, bytes)
    }
}
