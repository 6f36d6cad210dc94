import Metrics
package import Online
import Serving

/// From keys to rows, while memories are locked.
extension RowLookup {
    /// What became of an attempt to read the rows of one position.
    enum Attempt {
        case visited
        /// Something is being applied, or was published.
        case isChanging
        /// Memory has a row that is newer than the time asked for, or not all events of its windows.
        case isNewer
        /// Windows would take longer than one hold of the locks may.
        case isBeyond
    }

    /// µs; asked for only where something depends on it.
    func requestTime(_ reads: FeatureReads) -> Int64 {
        if let time = time ?? moment { return time }
        if hasWindows { return reads.source.now() }
        let hasTTL = ttls.map { $0.contains { $0 != nil } } ?? views.contains { $0.ttlUs != nil }
        return hasTTL || wantsPosition || computation != nil ? reads.source.now() : 0
    }

    /// Where it is said that a value is not of the type in which it is asked for; `nil` where all are.
    var refusal: RowRefusal? { computation?.columns.narrowed.isEmpty == false ? RowRefusal() : nil }

    /// Calls `body` once with the rows, none of which is computed of events.
    func visit(_ memories: [ViewMemory], _ reads: FeatureReads, _ body: (borrowing FoundRows) -> Void) {
        let rows = FoundRows(rowCount: rowCount, roleCount: roleCount, time: requestTime(reads), refusal: refusal)
        if memories.count == 1, computation == nil, !hasWindows {
            memories[0].withReader { reader in
                keys[0].find(0, in: rows, reader.shared)
                show(0, of: 0, rows, isCounted: isCounted)
                body(rows)
            }
            return
        }
        withReaders(memories) { readers in
            var budget = Int.max
            let kept = find(0..<rowCount, rows, readers, memories, reads, isCounted: isCounted, &budget)
            body(rows)
            withExtendedLifetime(kept) {}
        }
    }

    /// Calls `body` with the rows of one position, and with it; or not at all.
    func visitExactly(
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        of catalog: Catalog,
        _ body: (borrowing FoundRows, Int64) -> Void
    ) -> Attempt {
        withReaders(memories) { readers in
            // A change that begins after the first count cannot touch the memories, which are locked.
            guard let count = reads.source.changeCount(), reads.source.catalog() === catalog else { return .isChanging }
            let position = reads.source.position()
            guard reads.source.changeCount() == count else { return .isChanging }
            let rows = FoundRows(
                rowCount: rowCount,
                roleCount: roleCount,
                time: requestTime(reads),
                refusal: refusal
            )
            if let time {
                for role in views.indices { keys[role].find(role, in: rows, readers[role]) }
                guard rows.isWithin(time, roles: views.indices) else { return .isNewer }
            }
            guard hasEvents(memories, at: rows.time) else { return .isNewer }
            var budget = Self.budget
            guard let kept = find(0..<rowCount, rows, readers, memories, reads, isCounted: isCounted, &budget) else {
                return .isBeyond
            }
            body(rows, position)
            withExtendedLifetime(kept) {}
            return .visited
        }
    }

    /// What windows may cost in one hold of the locks.
    static let budget = ReadingLimits.windowEventsMax * ResidentRole.costOfEvent

    /// Whether all events are there of which windows at a time are computed. It stays so while memories are locked.
    func hasEvents(_ memories: [ViewMemory], at time: Int64) -> Bool {
        // Events of long ago are not kept, and a memory may be loaded just now, or have gone.
        views.indices.allSatisfy { computed($0, memories)?.answers(at: time) ?? true }
    }

    /// Looks some of the rows up, and computes what is computed.
    /// - Returns: to be kept as long as the rows; `nil` where the budget is not enough.
    func find(
        _ range: Range<Int>,
        _ rows: borrowing FoundRows,
        _ readers: [ViewMemory.SharedReader],
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        isCounted: Bool,
        _ budget: inout Int
    ) -> [PackedColumns]? {
        var kept: [PackedColumns] = []
        for role in views.indices {
            if let windows = computed(role, memories) {
                guard let made = compute(windows, range, role, rows, &budget) else { return nil }
                kept.append(made)
            } else {
                keys[role].find(range, role, in: rows, readers[role])
            }
        }
        for role in views.indices { show(role, of: role, rows, isCounted: isCounted) }
        if let computation {
            kept.append(computation.fill(rows, range) { if isCounted { reads.noteDerivedErrors($0) } })
        }
        return kept
    }

    /// Computes a role's windows at the time of the rows: a row for each key, also where it has no events.
    private func compute(
        _ resident: ResidentRole,
        _ range: Range<Int>,
        _ role: Int,
        _ rows: borrowing FoundRows,
        _ budget: inout Int
    ) -> PackedColumns? {
        let places = keys[role].places(range, in: resident.events)
        guard let packed = resident.rows(places, at: rows.time, budget: &budget) else { return nil }
        for row in places.indices { rows.set(row &* rows.roleCount &+ role, packed.row(row)) }
        return packed
    }

    /// Calls `body` with each of one role's rows that is shown, while its memory is locked.
    package func eachRow(of role: Int, _ memory: ViewMemory, _ reads: FeatureReads, _ body: (PackedRow) -> Void) {
        let rows = FoundRows(rowCount: keys[role].count, roleCount: 1, time: requestTime(reads))
        memory.withReader { reader in
            keys[role].find(0, in: rows, reader.shared)
            show(0, of: role, rows, isCounted: isCounted)
            for row in 0..<rows.rowCount { if let row = rows.shown(row, role: 0) { body(row) } }
        }
    }

    /// Hides what has expired by then.
    /// - Parameters:
    ///   - place: the role's place in `rows`.
    ///   - role: one of this look-up's.
    private func show(_ place: Int, of role: Int, _ rows: borrowing FoundRows, isCounted: Bool) {
        var earliest = Int64.min
        let ttl: Int64? = if let ttls { ttls[role] } else { views[role].ttlUs }
        if let ttl {
            let (bound, overflow) = rows.time.subtractingReportingOverflow(ttl)
            earliest = overflow ? .min : bound
        }
        let counts = rows.show(role: place, earliest: earliest)
        if isCounted { views[role].counters.add(hits: counts.hits, misses: counts.misses, expired: counts.expired) }
    }
}
