package import Features

/// All runs of the history of a view of events, from which the rows of some entities are taken in one order, whatever runs they
/// lie in.
///
/// An as-of join of other views needs one row an entity, the best of each run. Of events a later run may take away what an
/// earlier one has; and windows need all of them. Entities may be named by the leading keys of the view: their rows are
/// those of several keys then.
package struct EventRuns: Sendable {
    package struct Entities: Sendable {
        /// Leading keys of the view, at least one; one row an entity, ascending.
        package var keys: [Column]
        /// Rows after this time and up to that are wanted, µs, one an entity.
        package var after: [Int64]
        package var until: [Int64]

        package init(keys: [Column], after: [Int64], until: [Int64]) {
            self.keys = keys
            self.after = after
            self.until = until
        }

        package var count: Int { after.count }
    }

    let runs: [any HistoryRun]
    /// The number of each run's first group, and after the last one the number of groups.
    let firstGroups: [Int32]
    let keyTypes: [FeatureType]
    let eventType: FeatureType
    private let entities: Entities
    private let entityKeys: EntityKeys
    /// Rows of greater positions do not exist; `nil` where the runs have none.
    private let position: Int64?
    private let parts: GroupParts
    private let meter: ScanMeter
    /// For each group of all runs the entities that its rows may belong to.
    private let reach: [Range<Int>]
    private let kept: KeptGroups

    /// - Parameters:
    ///   - runs: those whose rows are older first. A wrong order costs time only.
    ///   - keys: the types of all keys of the view.
    ///   - event: the type of its ids.
    ///   - parts: which of ``EventHistory/positions`` and ``EventHistory/knownAt`` are wanted.
    ///   - keptRowsMax: how many rows of groups that several pieces need stay decoded between them.
    /// - Complexity: O(groups · log entities).
    package init(
        _ runs: [any HistoryRun],
        keys: [FeatureType],
        event: FeatureType,
        of entities: Entities,
        position: Int64?,
        parts: GroupParts,
        keptRowsMax: Int,
        meter: ScanMeter
    ) {
        self.runs = runs
        kept = KeptGroups(rowsMax: keptRowsMax)
        self.entities = entities
        self.position = position
        self.meter = meter
        keyTypes = keys
        eventType = event
        self.parts = position == nil ? parts : parts.union(.positions)
        let entityKeys = EntityKeys(entities.keys, count: entities.count)
        self.entityKeys = entityKeys
        var firstGroups: [Int32] = [0]
        var reach: [Range<Int>] = []
        for run in runs {
            for group in run.groups {
                let last = entityKeys.find(group.lastKeys)
                let first = entityKeys.find(group.firstKeys).entity
                reach.append(first..<max(first, last.isEqual ? last.entity + 1 : last.entity))
            }
            firstGroups.append(Int32(reach.count))
        }
        self.firstGroups = firstGroups
        self.reach = reach
        meter.offer(groups: reach.count, rows: runs.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.rowCount } })
    }

    /// How many of the view's keys name an entity.
    var entityKeyCount: Int { entities.keys.count }

    /// The entities in pieces of about so many rows, or of one entity that has more.
    ///
    /// A group's rows are taken to be shared out to all its entities alike.
    package func pieces(rowsMax: Int) -> [Range<Int>] {
        var changes = [Double](repeating: 0, count: entities.count + 1)
        for (group, reached) in zip(runs.flatMap(\.groups), reach) where !reached.isEmpty {
            let share = Double(group.rowCount) / Double(reached.count)
            changes[reached.lowerBound] += share
            changes[reached.upperBound] -= share
        }
        var pieces: [Range<Int>] = []
        var (start, rows, each) = (0, 0.0, 0.0)
        for entity in 0..<entities.count {
            each += changes[entity]
            if entity > start, rows + each > Double(rowsMax) {
                pieces.append(start..<entity)
                (start, rows) = (entity, 0)
            }
            rows += each
        }
        if start < entities.count { pieces.append(start..<entities.count) }
        return pieces
    }

    /// The rows of some entities. Threads may ask side by side.
    ///
    /// - Throws: what a run throws.
    /// - Complexity: reads the groups that may have them; O(rows), and a sort of what several runs or keys have of an entity.
    package func rows(of piece: Range<Int>) throws(HistoryRunError) -> EventHistory {
        var gathered = GatheredEvents(parts)
        for (number, run) in runs.enumerated() {
            let first = Int(firstGroups[number])
            for group in run.groups.indices {
                let reached = reach[first + group].clamped(to: piece)
                guard mayMatch(reached, run.groups[group].times) else { continue }
                let isLast = reach[first + group].upperBound <= piece.upperBound
                var (order, isDecoded) = try kept.order(of: first + group, isLast: isLast) {
                    () throws(HistoryRunError) in
                    try run.order(ofGroup: group, with: parts)
                }
                if isDecoded { meter.readGroup(first + group, rows: order.rowCount) }
                let isWhole = order.keys.count == entities.keys.count
                order.keys.removeLast(order.keys.count - entities.keys.count)
                let place = Int32(first + group)
                if let keys = entityKeys.integerKeys(order) {
                    gather(keys, order, reached, place, isWhole, &gathered)
                } else {
                    gather(entityKeys.keys(order), order, reached, place, isWhole, &gathered)
                }
                withExtendedLifetime(order.owner) {}
            }
        }
        return try EventHistory(gathered, self, piece)
    }

    private func mayMatch(_ reached: Range<Int>, _ times: ClosedRange<Int64>) -> Bool {
        reached.contains { entities.after[$0] < times.upperBound && entities.until[$0] >= times.lowerBound }
    }

    /// One pass over a group's rows and the entities that may have some of them.
    private func gather<Keys: RowKeys>(
        _ keys: Keys,
        _ order: GroupOrder,
        _ reached: Range<Int>,
        _ group: Int32,
        _ isWhole: Bool,
        _ gathered: inout GatheredEvents
    ) {
        var row = 0
        for entity in reached {
            row = Self.first(row, order.rowCount) { keys.compare($0, entity) >= 0 }
            guard row < order.rowCount else { return }
            let end = Self.first(row, order.rowCount) { keys.compare($0, entity) > 0 }
            let (after, until) = (entities.after[entity], entities.until[entity])
            if isWhole, position == nil {
                // Rows of one key ascend by time.
                let start = Self.first(row, end) { order.times[$0] > after }
                let last = Self.first(start, end) { order.times[$0] > until }
                gathered.append(entity, order, group, start..<last)
            } else {
                for row in row..<end where order.times[row] > after && order.times[row] <= until {
                    if let position, let positions = order.positions, positions[row] > position { continue }
                    gathered.append(entity, order, group, row..<row + 1)
                }
            }
            row = end
        }
    }

    /// The first of ascending rows from `row` on for which a condition holds, which then holds for all that follow.
    ///
    /// Leaps that double, since it is often near.
    @inline(__always)
    private static func first(_ row: Int, _ end: Int, where isBehind: (Int) -> Bool) -> Int {
        var (low, high, step) = (row, row, 1)
        while high < end, !isBehind(high) {
            low = high + 1
            high += step
            step *= 2
        }
        high = min(high, end)
        while low < high {
            let middle = low + (high - low) / 2
            if isBehind(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Rows as runs give them: pieces of one entity and group.
struct GatheredEvents {
    struct Piece {
        let entity: Int
        let rows: Range<Int>
    }

    private(set) var pieces: [Piece] = []
    private(set) var times: [Int64] = []
    private(set) var groups: [Int32] = []
    private(set) var rows: [Int32] = []
    private(set) var positions: [Int64]?
    private(set) var knownAt: [Int64]?

    init(_ parts: GroupParts) {
        positions = parts.contains(.positions) ? [] : nil
        knownAt = parts.contains(.knownAt) ? [] : nil
    }

    /// Appends rows of a group.
    mutating func append(_ entity: Int, _ order: GroupOrder, _ group: Int32, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let start = times.count
        times.append(contentsOf: order.times[range])
        groups.append(contentsOf: repeatElement(group, count: range.count))
        rows.append(contentsOf: Int32(range.lowerBound)..<Int32(range.upperBound))
        if let column = order.positions { positions?.append(contentsOf: column[range]) }
        if let column = order.knownAt { knownAt?.append(contentsOf: column[range]) }
        if let last = pieces.last, last.entity == entity {
            pieces[pieces.count - 1] = Piece(entity: entity, rows: last.rows.lowerBound..<times.count)
        } else {
            pieces.append(Piece(entity: entity, rows: start..<times.count))
        }
    }
}
