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
        /// Memory has a row that is newer than the time asked for.
        case isNewer
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

    /// Calls `body` once with the rows.
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
            let kept = find(0..<rowCount, rows, readers, memories, reads, isCounted: isCounted)
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
                for role in views.indices {
                    // Events of so long ago are not kept.
                    if let windows = computed(role, memories), !windows.answers(at: time) { return .isNewer }
                }
            }
            let kept = find(0..<rowCount, rows, readers, memories, reads, isCounted: isCounted)
            body(rows, position)
            withExtendedLifetime(kept) {}
            return .visited
        }
    }

    /// Looks some of the rows up, and computes what is computed.
    /// - Returns: to be kept as long as the rows.
    func find(
        _ range: Range<Int>,
        _ rows: borrowing FoundRows,
        _ readers: [ViewMemory.SharedReader],
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        isCounted: Bool
    ) -> [PackedColumns] {
        var kept: [PackedColumns] = []
        for role in views.indices {
            if let windows = computed(role, memories) {
                kept.append(compute(windows, range, role, rows))
            } else {
                keys[role].find(range, role, in: rows, readers[role])
            }
            show(role, of: role, rows, isCounted: isCounted)
        }
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
        _ rows: borrowing FoundRows
    ) -> PackedColumns {
        let places = keys[role].places(range, in: resident.events)
        let packed = resident.rows(places, at: rows.time)
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
