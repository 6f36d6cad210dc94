/// One pass over a group's rows and the places that may match them.
struct GroupCursor {
    private let merge: RunMerge
    private let order: GroupOrder
    private let group: Int32
    /// The entity whose rows begin in the group before; -1 = none.
    private let carriesEntity: Int32
    /// Places of ``carriesEntity`` for which the group had nothing.
    private(set) var carried: [Int32] = []
    /// Rows before it are not behind the last place's keys and time.
    private var upper = 0
    private var positionMinima: GroupMinima?
    private var knownMinima: GroupMinima?

    init(merge: RunMerge, order: GroupOrder, group: Int, carriesEntity: Int32) {
        self.merge = merge
        self.order = order
        self.group = merge.firstGroup + Int32(group)
        self.carriesEntity = carriesEntity
    }

    /// - Parameters:
    ///   - own: places with keys from the group's first on.
    ///   - carried: places of the group's last entity, which come after `own`.
    mutating func run<Keys: RowKeys>(_ keys: Keys, _ own: ArraySlice<Int32>, _ carried: [Int32]) {
        let isPlain = merge.rules.position == nil && merge.spine.positions == nil && !merge.rules.isKnownAtLabel
        merge.spine.labels.withUnsafeBufferPointer { labels in
            merge.spine.entities.withUnsafeBufferPointer { entities in
                for places in [own, carried[...]] {
                    for place in places {
                        let place = Int(place)
                        find(keys, place, Int(entities[place]), labels[place], isPlain: isPlain)
                    }
                }
            }
        }
    }

    @inline(__always)
    private mutating func find<Keys: RowKeys>(
        _ keys: Keys,
        _ place: Int,
        _ entity: Int,
        _ label: Int64,
        isPlain: Bool
    ) {
        advance(keys, entity, merge.rules.bound(label))
        let row = upper - 1
        if row >= 0, keys.compare(row, entity) == 0 {
            if isPlain {
                take(place, row)
                return
            }
            let limits = limits(place, label)
            var candidate = row
            while candidate >= 0, !limits.admit(order, candidate) {
                candidate = skip(from: candidate - 1, limits, steps: row - candidate)
            }
            // Rows of one entity are neighbours: behind another one's row there is none of it.
            if candidate >= 0, keys.compare(candidate, entity) == 0 {
                take(place, candidate)
                return
            }
            if candidate >= 0 { return }
        } else if row >= 0 {
            return
        }
        if entity == Int(carriesEntity) { carried.append(Int32(place)) }
    }

    /// Moves `upper` behind the last row that is not behind the keys and the time.
    @inline(__always)
    private mutating func advance<Keys: RowKeys>(_ keys: Keys, _ entity: Int, _ bound: Int64) {
        let times = order.times
        let count = times.count
        // Safe: rows below `count` only.
        @inline(__always)
        func isBefore(_ row: Int) -> Bool {
            let order = keys.compare(row, entity)
            return order < 0 || (order == 0 && times[row] <= bound)
        }
        var low = upper
        let near = min(count, low + 8)
        while low < near, isBefore(low) { low += 1 }
        guard low == near, low < count else {
            upper = low
            return
        }
        var step = 8
        var high = low
        while high < count, isBefore(high) {
            low = high + 1
            high += step
            step *= 2
        }
        high = min(high, count)
        while low < high {
            let middle = low + (high - low) / 2
            if isBefore(middle) { low = middle + 1 } else { high = middle }
        }
        upper = low
    }

    /// What a row's position and known-at time may be at most.
    private struct RowLimits {
        var position: Int64
        var knownAt: Int64

        @inline(__always)
        func admit(_ order: GroupOrder, _ row: Int) -> Bool {
            // Safe: a row of the group.
            if let positions = order.positions, positions[row] > position { return false }
            if let knownAt = order.knownAt, knownAt[row] > self.knownAt { return false }
            return true
        }
    }

    private func limits(_ place: Int, _ label: Int64) -> RowLimits {
        RowLimits(
            position: min(merge.rules.position ?? .max, merge.spine.positions.map { $0[place] } ?? .max),
            knownAt: merge.rules.isKnownAtLabel ? label : .max
        )
    }

    /// The next row to look at, backwards; after some single steps by leaps.
    private mutating func skip(from row: Int, _ limits: RowLimits, steps: Int) -> Int {
        guard steps >= 32, row >= 0 else { return row }
        var row = row
        if limits.position < .max, let positions = order.positions {
            let minima = positionMinima ?? GroupMinima(positions)
            positionMinima = minima
            row = minima.skip(from: row, limit: limits.position)
        }
        if limits.knownAt < .max, let knownAt = order.knownAt {
            let minima = knownMinima ?? GroupMinima(knownAt)
            knownMinima = minima
            row = minima.skip(from: row, limit: limits.knownAt)
        }
        return row
    }

    @inline(__always)
    private func take(_ place: Int, _ row: Int) {
        merge.matches.offer(
            place,
            time: order.times[row],
            position: order.positions.map { $0[row] } ?? 0,
            group: group,
            row: Int32(row)
        )
    }
}
