package import Features

/// Rows of history of some entities of a view of events: by entity, event time, id, other keys, and position.
///
/// Rows of one entity that have those in common but for the position are versions of one event.
package struct EventHistory: Sendable {
    /// For each entity its first row, and after the last one the number of rows.
    package let starts: [Int]
    /// µs.
    package private(set) var times: [Int64]
    /// Where asked for.
    package private(set) var positions: [Int64]?
    /// µs; where asked for.
    package private(set) var knownAt: [Int64]?
    package private(set) var isDeleted: [Bool] = []
    /// Whether a row is a version of the same event as the row before it.
    package private(set) var isLaterVersion: [Bool]
    /// Where each row lies: its group among those of all runs, and its row within it.
    private(set) var groups: [Int32]
    private(set) var rows: [Int32]
    private let source: EventRuns

    init(_ gathered: GatheredEvents, _ source: EventRuns, _ entities: Range<Int>) throws(HistoryRunError) {
        self.source = source
        var starts = [Int](repeating: 0, count: entities.count + 1)
        for piece in gathered.pieces { starts[piece.entity - entities.lowerBound + 1] += piece.rows.count }
        for entity in 0..<entities.count { starts[entity + 1] += starts[entity] }
        self.starts = starts
        times = gathered.times
        positions = gathered.positions
        knownAt = gathered.knownAt
        groups = gathered.groups
        rows = gathered.rows
        isLaterVersion = [Bool](repeating: false, count: gathered.times.count)
        if let order = Self.order(gathered, starts, entities.lowerBound) { reorder(order) }
        try orderTies()
        isDeleted = try flags()
    }

    package var count: Int { times.count }

    /// Rows by entity and time; `nil` where they are as they should be.
    private static func order(_ gathered: GatheredEvents, _ starts: [Int], _ firstEntity: Int) -> [Int32]? {
        var order = [Int32](repeating: 0, count: gathered.times.count)
        var ends = starts
        var isMoved = false
        for piece in gathered.pieces {
            let entity = piece.entity - firstEntity
            if ends[entity] != piece.rows.lowerBound { isMoved = true }
            for row in piece.rows {
                order[ends[entity]] = Int32(truncatingIfNeeded: row)
                ends[entity] += 1
            }
        }
        let times = gathered.times
        for entity in 0..<starts.count - 1 {
            let range = starts[entity]..<starts[entity + 1]
            func isBefore(_ left: Int32, _ right: Int32) -> Bool {
                let (a, b) = (times[Int(left)], times[Int(right)])
                return a == b ? left < right : a < b
            }
            var isAscending = true
            for place in range.dropFirst() where times[Int(order[place])] < times[Int(order[place - 1])] {
                isAscending = false
                break
            }
            if isAscending { continue }
            isMoved = true
            order[range].sort(by: isBefore)
        }
        return isMoved ? order : nil
    }

    private mutating func reorder(_ order: [Int32]) {
        let gathering = Gathering(order, count: times.count)
        times = gathering.values(times, absent: 0)
        groups = gathering.values(groups, absent: 0)
        rows = gathering.values(rows, absent: 0)
        positions = positions.map { gathering.values($0, absent: 0) }
        knownAt = knownAt.map { gathering.values($0, absent: 0) }
    }

    /// Puts rows of one entity and time into their order, and finds which are versions of one event: only these need ids.
    private mutating func orderTies() throws(HistoryRunError) {
        var ties: [Range<Int>] = []
        var tied: [Int32] = []
        for entity in 0..<starts.count - 1 {
            var start = starts[entity]
            while start < starts[entity + 1] {
                var end = start + 1
                while end < starts[entity + 1], times[end] == times[start] { end += 1 }
                if end - start > 1 {
                    ties.append(tied.count..<tied.count + end - start)
                    tied.append(contentsOf: Int32(start)..<Int32(end))
                }
                start = end
            }
        }
        if ties.isEmpty { return }
        let picks = EventPicks(self, tied)
        var identity = [try picks.take(.event, source.eventType)]
        // Where entities are named by leading keys, others tell events apart, too.
        for key in source.entityKeyCount..<source.keyTypes.count {
            identity.append(try picks.take(.key(key), source.keyTypes[key]))
        }
        let numbers = KeyRanks.numbers(identity)
        let positions = try picks.take(.position, .int64).int64Values
        func isSame(_ left: Int, _ right: Int) -> Bool { numbers.allSatisfy { $0[left] == $0[right] } }
        func isBefore(_ left: Int, _ right: Int) -> Bool {
            for column in numbers where column[left] != column[right] { return column[left] < column[right] }
            return positions[left] < positions[right]
        }
        var order = tied
        var hasMoved = false
        for tie in ties {
            var sorted = Array(tie)
            if tie.dropFirst().contains(where: { isBefore($0, $0 - 1) }) {
                sorted.sort(by: isBefore)
                hasMoved = true
            }
            for (place, row) in zip(tie, sorted) {
                order[place] = tied[row]
                if place > tie.lowerBound, isSame(sorted[place - tie.lowerBound - 1], row) {
                    isLaterVersion[Int(tied[place])] = true
                }
            }
        }
        guard hasMoved else { return }
        var all = (0..<Int32(count)).map(\.self)
        for (place, row) in zip(tied, order) { all[Int(place)] = row }
        reorder(all)
    }

    private func flags() throws(HistoryRunError) -> [Bool] {
        let column = try EventPicks(self, (0..<Int32(count)).map(\.self)).take(.deleted, .bool)
        guard case .bool(let flags) = column.values else { preconditionFailure("tombstones are bool") }
        return flags
    }

    /// The last version of each event that is no tombstone: its row; and for each entity the first of them.
    package func inForce() -> (rows: [Int32], starts: [Int]) {
        var found: [Int32] = []
        found.reserveCapacity(count)
        var first = [0]
        for entity in 0..<starts.count - 1 {
            for row in starts[entity]..<starts[entity + 1]
            where !isDeleted[row] && (row + 1 == count || !isLaterVersion[row + 1]) {
                found.append(Int32(truncatingIfNeeded: row))
            }
            first.append(found.count)
        }
        return (found, first)
    }

    /// Of the versions of one event the last that is known.
    ///
    /// - Parameter row: any version but those after it are looked at.
    /// - Returns: the row of the first version, and that of the version; `nil` where none is known, or it is a tombstone.
    package func version(
        upTo row: Int,
        position: Int64,
        knownBy: Int64
    ) -> (first: Int, known: Int?) {
        var (first, known) = (row, nil as Int?)
        while true {
            if known == nil, positions.map({ $0[first] <= position }) ?? true,
                knownAt.map({ $0[first] <= knownBy }) ?? true
            {
                known = first
            }
            guard isLaterVersion[first] else { break }
            first -= 1
        }
        if let version = known, isDeleted[version] { known = nil }
        return (first, known)
    }

    package var runs: EventRuns { source }
}

/// Some rows of an ``EventHistory``, ready to be read of its runs.
package struct EventPicks: Sendable {
    private let picks: Picks
    /// For each row its pick; `nil` where they are in one order.
    private let inverse: [Int32]?

    /// - Complexity: O(rows + groups).
    package init(_ history: EventHistory, _ wanted: [Int32]) {
        let gathering = Gathering(wanted, count: history.count)
        let (groups, rows) = (gathering.values(history.groups, absent: 0), gathering.values(history.rows, absent: 0))
        let source = history.runs
        let picks = groups.withUnsafeBufferPointer { groups in
            rows.withUnsafeBufferPointer { rows in
                Picks(groups: groups, rows: rows, source.runs, source.firstGroups) { _ in true }
            }
        }
        self.picks = picks
        guard picks.places.indices.contains(where: { picks.places[$0] != Int32($0) }) else {
            inverse = nil
            return
        }
        var inverse = picks.places
        for (pick, place) in picks.places.enumerated() { inverse[Int(place)] = Int32(pick) }
        self.inverse = inverse
    }

    /// A field's value for each row, in the rows' order.
    package func take(_ field: HistoryField, _ type: FeatureType) throws(HistoryRunError) -> Column {
        let column = try picks.take(field, type)
        return inverse.map { column.gather($0) } ?? column
    }
}
