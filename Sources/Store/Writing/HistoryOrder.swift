import Features
package import PointInTime

/// The order in which a batch's rows are stored: by entity keys, event time (of those that were rounded up to one µs, by
/// the finer time), and place in the input.
///
/// Of rows with the same keys and event time only the last survives, which is the latest-value rule within a batch.
/// Storing by key makes the B-tree's new entries neighbours, and every writer locks entities in the same order.
package struct HistoryOrder {
    /// Row numbers of the surviving rows, ordered by keys (bytewise, signed) and event time.
    package private(set) var rows: [Int32]
    /// Those of `rows` that are the newest of their entity, in the same order.
    package private(set) var newest: [Int32]
    package let duplicateCount: Int

    /// - Parameters:
    ///   - keys: the key columns, `int64` or `string`, without nulls; none for a global view.
    ///   - eventTimes: µs, one a row.
    ///   - movedNs: how far each was rounded up, ns; `nil` = none was.
    ///   - events: of an event view what identifies each row's event beside key and time, `int64` or `string` without
    ///     nulls: only rows with the same are one row.
    /// - Complexity: O(*n* log *n*).
    package init(keys: [Column], eventTimes: [Int64], movedNs: [UInt16]? = nil, events: Column? = nil) {
        let comparator = KeyComparator(keys: keys)
        var entries = comparator.sorted(times: eventTimes, movedUpNs: movedNs)
        let ids = events.map { KeyComparator(keys: [$0]) }
        if let ids { Self.orderEvents(&entries, comparator, ids) }
        rows = []
        newest = []
        rows.reserveCapacity(entries.count)
        for index in entries.indices {
            let entry = entries[index]
            if index + 1 < entries.count {
                let next = entries[index + 1]
                let isSameEntity = entry.prefix == next.prefix && comparator.compare(Int(entry.row), Int(next.row)) == 0
                let isSameEvent = ids.map { $0.compare(Int(entry.row), Int(next.row)) == 0 } ?? true
                if isSameEntity && entry.time == next.time && isSameEvent { continue }
                if !isSameEntity { newest.append(entry.row) }
            } else {
                newest.append(entry.row)
            }
            rows.append(entry.row)
        }
        duplicateCount = entries.count - rows.count
    }

    /// Orders rows of equal keys and times by their events, of one event as they stand.
    private static func orderEvents(_ entries: inout [SortEntry], _ keys: KeyComparator, _ ids: KeyComparator) {
        var start = 0
        while start < entries.count {
            var end = start + 1
            while end < entries.count, entries[end].time == entries[start].time,
                keys.compare(Int(entries[end].row), Int(entries[start].row)) == 0
            {
                end += 1
            }
            if end - start > 1 {
                let places = (start..<end).sorted { left, right in
                    let order = ids.compare(Int(entries[left].row), Int(entries[right].row))
                    return order == 0 ? left < right : order < 0
                }
                entries.replaceSubrange(start..<end, with: places.map { entries[$0] })
            }
            start = end
        }
    }

    /// Moves rows of the same partition together, keeping their order, so that COPY fills one partition after another.
    ///
    /// - Parameter partitionOf: the number of each row's partition, by row number, below `partitionCount`.
    package mutating func group(by partitionOf: [Int32], partitionCount: Int) {
        var starts = [Int](repeating: 0, count: partitionCount + 1)
        for row in rows { starts[Int(partitionOf[Int(row)]) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var grouped = [Int32](repeating: 0, count: rows.count)
        for row in rows {
            let partition = Int(partitionOf[Int(row)])
            grouped[starts[partition]] = row
            starts[partition] += 1
        }
        rows = grouped
    }
}

/// A row's place in the order of keys and times.
package struct SortEntry {
    /// The first key's order in 64 bits, as far as they go.
    var prefix: UInt64
    var time: Int64
    package var row: Int32
}

/// Compares entities by their keys: integers by value, strings bytewise, the first key first.
package struct KeyComparator {
    private enum Key {
        case int64([Int64])
        case string(TextValues)
    }

    private let keys: [Key]
    /// Whether equal prefixes mean equal entities.
    let isPrefixComplete: Bool

    package init(keys columns: [Column]) {
        keys = columns.map { column in
            switch column.values {
            case .int64(let values): .int64(values)
            case .text(let values): .string(values)
            default: preconditionFailure("a key column is int64 or string, not \(column.type.text)")
            }
        }
        isPrefixComplete =
            switch (keys.count, keys.first) {
            case (0, _): true
            case (1, .int64): true
            default: false
            }
    }

    /// The first key as an unsigned number in the same order: the integer with its sign bit flipped, or the first eight
    /// bytes.
    func prefix(_ row: Int) -> UInt64 {
        guard let first = keys.first else { return 0 }
        switch first {
        case .int64(let values):
            return UInt64(bitPattern: values[row]) ^ (1 << 63)
        case .string(let values):
            let range = values.offsets[row]..<values.offsets[row + 1]
            var prefix: UInt64 = 0
            for index in 0..<8 {
                prefix <<= 8
                if index < range.count { prefix |= UInt64(values.bytes[range.lowerBound + index]) }
            }
            return prefix
        }
    }

    /// Every row, ordered by keys, time and row number.
    ///
    /// - Parameters:
    ///   - times: one a row.
    ///   - movedUpNs: of rows with equal keys and times the one that was moved less is the later one; `nil` = none was.
    /// - Complexity: O(*n* log *n*).
    package func sorted(times: [Int64], movedUpNs: [UInt16]? = nil) -> [SortEntry] {
        var entries: [SortEntry] = []
        entries.reserveCapacity(times.count)
        for row in times.indices {
            entries.append(SortEntry(prefix: prefix(row), time: times[row], row: Int32(row)))
        }
        if let movedUpNs {
            entries.sort { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                let order = isPrefixComplete ? 0 : compare(Int(left.row), Int(right.row))
                if order != 0 { return order < 0 }
                if left.time != right.time { return left.time < right.time }
                let (leftNs, rightNs) = (movedUpNs[Int(left.row)], movedUpNs[Int(right.row)])
                if leftNs != rightNs { return leftNs > rightNs }
                return left.row < right.row
            }
        } else if isPrefixComplete {
            entries.sort { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                if left.time != right.time { return left.time < right.time }
                return left.row < right.row
            }
        } else {
            entries.sort { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                let order = compare(Int(left.row), Int(right.row))
                if order != 0 { return order < 0 }
                if left.time != right.time { return left.time < right.time }
                return left.row < right.row
            }
        }
        return entries
    }

    /// - Returns: negative, zero, positive.
    package func compare(_ left: Int, _ right: Int) -> Int {
        for key in keys {
            switch key {
            case .int64(let values):
                if values[left] != values[right] { return values[left] < values[right] ? -1 : 1 }
            case .string(let values):
                let order = Self.compare(values, left, right)
                if order != 0 { return order }
            }
        }
        return 0
    }

    private static func compare(_ texts: TextValues, _ left: Int, _ right: Int) -> Int {
        let leftStart = texts.offsets[left]
        let rightStart = texts.offsets[right]
        let leftCount = texts.offsets[left + 1] - leftStart
        let rightCount = texts.offsets[right + 1] - rightStart
        for index in 0..<min(leftCount, rightCount) {
            let a = texts.bytes[leftStart + index]
            let b = texts.bytes[rightStart + index]
            if a != b { return a < b ? -1 : 1 }
        }
        return leftCount - rightCount
    }
}
