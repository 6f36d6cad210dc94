package import Features

/// A run without some of its rows: those that were removed from history after its file was written.
///
/// Groups that keep all of their rows are the run's own, at no cost. Of the others keys and times are copied without the removed
/// rows whenever they are asked for, and row numbers are moved past them.
package final class RemainingRun: HistoryRun {
    private struct Place {
        let group: Int
        /// Rows within the group, ascending, apart from one another; empty = it keeps all.
        let removed: [Range<Int>]
    }

    private let run: any HistoryRun
    private let places: [Place]
    package let groups: [HistoryGroup]

    /// - Parameter removed: rows of the run, counted over all groups; ascending, apart from one another.
    /// - Throws: where keys of a group that loses rows cannot be read.
    /// - Complexity: reads keys and times of the groups that lose some of their rows.
    package init(_ run: any HistoryRun, without removed: [Range<Int>]) throws(HistoryRunError) {
        self.run = run
        var places: [Place] = []
        var groups: [HistoryGroup] = []
        var start = 0
        var next = 0
        for (number, group) in run.groups.enumerated() {
            let end = start + group.rowCount
            var ranges: [Range<Int>] = []
            while next < removed.count, removed[next].lowerBound < end {
                let range = removed[next].clamped(to: start..<end)
                if !range.isEmpty { ranges.append(range.lowerBound - start..<range.upperBound - start) }
                // What reaches into the next group comes again there.
                guard removed[next].upperBound <= end else { break }
                next += 1
            }
            let place = Place(group: number, removed: ranges)
            if ranges.isEmpty {
                places.append(place)
                groups.append(group)
            } else if let remaining = try Self.remaining(run, place, group) {
                places.append(place)
                groups.append(remaining)
            }
            start = end
        }
        self.places = places
        self.groups = groups
    }

    package var name: String { run.name }
    package var bytesRead: Int { run.bytesRead }
    package func valueBytes(of field: HistoryField) -> Int? { run.valueBytes(of: field) }
    package func releaseOrder(ofGroup group: Int) { run.releaseOrder(ofGroup: places[group].group) }

    /// What is known of a group without its removed rows; `nil` where it has no others.
    private static func remaining(
        _ run: any HistoryRun,
        _ place: Place,
        _ group: HistoryGroup
    ) throws(HistoryRunError) -> HistoryGroup? {
        let kept = kept(place, group.rowCount)
        guard let first = kept.first?.lowerBound, let last = kept.last.map({ $0.upperBound - 1 }) else { return nil }
        let order = try run.order(ofGroup: place.group, with: [])
        return withExtendedLifetime(order.owner) {
            var (low, high) = (order.times[first], order.times[first])
            for range in kept {
                for row in range {
                    low = min(low, order.times[row])
                    high = max(high, order.times[row])
                }
            }
            return HistoryGroup(
                rowCount: kept.reduce(0) { $0 + $1.count },
                firstKeys: order.keys.map { $0.value(first) },
                lastKeys: order.keys.map { $0.value(last) },
                times: low...high
            )
        }
    }

    /// The rows of a group that are there, ascending.
    private static func kept(_ place: Place, _ rowCount: Int) -> [Range<Int>] {
        var kept: [Range<Int>] = []
        var start = 0
        for range in place.removed {
            if start < range.lowerBound { kept.append(start..<range.lowerBound) }
            start = range.upperBound
        }
        if start < rowCount { kept.append(start..<rowCount) }
        return kept
    }

    package func order(ofGroup group: Int, with parts: GroupParts) throws(HistoryRunError) -> GroupOrder {
        let place = places[group]
        let whole = try run.order(ofGroup: place.group, with: parts)
        if place.removed.isEmpty { return whole }
        let kept = Self.kept(place, whole.rowCount)
        let rowCount = groups[group].rowCount
        return withExtendedLifetime(whole.owner) {
            let copies = Copies()
            return GroupOrder(
                keys: whole.keys.map { copies.keys($0, kept, rowCount) },
                times: copies.values(whole.times, kept, rowCount),
                positions: whole.positions.map { copies.values($0, kept, rowCount) },
                knownAt: whole.knownAt.map { copies.values($0, kept, rowCount) },
                events: whole.events.map { copies.keys($0, kept, rowCount) },
                owner: copies
            )
        }
    }

    package func append(
        _ field: HistoryField,
        ofGroup group: Int,
        rows: UnsafeBufferPointer<Int32>,
        to column: inout Column
    ) throws(HistoryRunError) {
        let place = places[group]
        if place.removed.isEmpty { return try run.append(field, ofGroup: place.group, rows: rows, to: &column) }
        var moved = [Int32](repeating: 0, count: rows.count)
        var next = 0
        var before: Int32 = 0
        for (index, row) in rows.enumerated() {
            while next < place.removed.count, Int32(place.removed[next].lowerBound) <= row + before {
                before += Int32(place.removed[next].count)
                next += 1
            }
            moved[index] = row + before
        }
        // Typed throws end at the closure of an array's buffer; the failure comes out beside it.
        var failure: HistoryRunError?
        moved.withUnsafeBufferPointer { moved in
            do throws(HistoryRunError) {
                try run.append(field, ofGroup: place.group, rows: moved, to: &column)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Memory of a group's copied order, freed with this.
    private final class Copies {
        private var numbers: [UnsafeMutableBufferPointer<Int64>] = []
        private var offsets: [UnsafeMutableBufferPointer<Int>] = []
        private var bytes: [UnsafeMutableBufferPointer<UInt8>] = []

        deinit {
            for buffer in numbers { buffer.deallocate() }
            for buffer in offsets { buffer.deallocate() }
            for buffer in bytes { buffer.deallocate() }
        }

        func values(
            _ source: UnsafeBufferPointer<Int64>,
            _ kept: [Range<Int>],
            _ rowCount: Int
        ) -> UnsafeBufferPointer<Int64> {
            let copy = UnsafeMutableBufferPointer<Int64>.allocate(capacity: rowCount)
            numbers.append(copy)
            // Safe: the ranges lie in the source, and have `rowCount` rows together.
            var end = 0
            for range in kept {
                _ = copy[end...].initialize(fromContentsOf: source[range])
                end += range.count
            }
            return UnsafeBufferPointer(copy)
        }

        func keys(_ source: GroupOrder.Keys, _ kept: [Range<Int>], _ rowCount: Int) -> GroupOrder.Keys {
            switch source {
            case .int64(let values): return .int64(self.values(values, kept, rowCount))
            case .string(let from, let texts):
                let byteCount = kept.reduce(0) { $0 + from[$1.upperBound] - from[$1.lowerBound] }
                let places = UnsafeMutableBufferPointer<Int>.allocate(capacity: rowCount + 1)
                let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, byteCount))
                offsets.append(places)
                bytes.append(copy)
                copy.initialize(repeating: 0)
                // Safe: as in `values`; text *i* is `texts[from[i]..<from[i + 1]]`.
                places.initializeElement(at: 0, to: 0)
                var (row, end) = (0, 0)
                for range in kept {
                    let text = from[range.lowerBound]..<from[range.upperBound]
                    _ = copy[end...].update(fromContentsOf: texts[text])
                    for source in range {
                        row += 1
                        places.initializeElement(at: row, to: end + from[source + 1] - text.lowerBound)
                    }
                    end += text.count
                }
                return .string(offsets: UnsafeBufferPointer(places), bytes: UnsafeBufferPointer(copy))
            }
        }
    }
}

extension HistoryRun {
    /// The rows whose key in one column has a value, counted over all groups: ascending, apart from one another.
    ///
    /// - Complexity: reads the keys of groups that may have it: of the first key column few, of another one all.
    package func rows(whoseKey column: Int, is key: Value) throws(HistoryRunError) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var start = 0
        for (number, group) in groups.enumerated() {
            defer { start += group.rowCount }
            if column == 0, key.isBefore(group.firstKeys[0]) || group.lastKeys[0].isBefore(key) { continue }
            let order = try order(ofGroup: number, with: [])
            withExtendedLifetime(order.owner) {
                for row in 0..<order.rowCount where order.keys[column].isEqual(row, to: key) {
                    if let last = found.last, last.upperBound == start + row {
                        found[found.count - 1] = last.lowerBound..<start + row + 1
                    } else {
                        found.append(start + row..<start + row + 1)
                    }
                }
            }
            releaseOrder(ofGroup: number)
        }
        return found
    }
}

extension Value {
    /// Whether this key stands before another of its type.
    fileprivate func isBefore(_ other: Value) -> Bool {
        switch (self, other) {
        case (.int64(let left), .int64(let right)): left < right
        case (.string(let left), .string(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
        default: false
        }
    }
}

extension GroupOrder.Keys {
    fileprivate func value(_ row: Int) -> Value {
        switch self {
        case .int64(let values): .int64(values[row])
        case .string(let offsets, let bytes):
            .string(String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self))
        }
    }

    fileprivate func isEqual(_ row: Int, to key: Value) -> Bool {
        switch (self, key) {
        case (.int64(let values), .int64(let key)): values[row] == key
        case (.string(let offsets, let bytes), .string(let key)):
            bytes[offsets[row]..<offsets[row + 1]].elementsEqual(key.utf8)
        default: false
        }
    }
}
