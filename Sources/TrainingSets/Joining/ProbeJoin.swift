import Dispatch
import Features
import PointInTime
import Store
import Synchronization
import Windowing

/// Blocks of a spine looked up on several sessions side by side.
struct ProbeJoin {
    let pool: SessionPool
    let pinned: PinnedState
    let options: JoinOptions

    /// - Returns: one row for each row of the spine, in its order.
    func join(
        _ role: ViewRole,
        keys: [Column],
        labelTimes: Column,
        rowPositions: Column?
    ) throws(StoreError) -> JoinedView {
        // In key order neighbouring look-ups touch the same pages of index and table, and blocks touch different ones.
        let order = KeyComparator(keys: keys).sorted(times: labelTimes.int64Values).map(\.row)
        var joined = try joinInBlocks(
            role,
            keys.map { $0.gather(order) },
            labelTimes.gather(order),
            rowPositions?.gather(order)
        )
        var inverse = order
        for (place, row) in order.enumerated() { inverse[Int(row)] = Int32(place) }
        joined.features = joined.features.map { $0.gather(inverse) }
        joined.eventTimes = joined.eventTimes?.gather(inverse)
        joined.positions = joined.positions?.gather(inverse)
        joined.ages = joined.ages.gather(inverse)
        return joined
    }

    private func joinInBlocks(
        _ role: ViewRole,
        _ keys: [Column],
        _ labels: Column,
        _ positions: Column?
    ) throws(StoreError) -> JoinedView {
        let rowCount = labels.rowCount
        let starts = Array(stride(from: 0, to: rowCount, by: TrainingSetLimits.probeRowsMax))
        let results = Mutex<[Int: Result<JoinedView, StoreError>]>([:])
        DispatchQueue.concurrentPerform(iterations: starts.count) { index in
            let rows = starts[index]..<min(rowCount, starts[index] + TrainingSetLimits.probeRowsMax)
            let result = pool.use { session throws(StoreError) in
                let keys = keys.map { $0.slice(rows) }
                let (labels, positions) = (labels.slice(rows), positions?.slice(rows))
                if let windows = role.windows {
                    return try join(windows, session, keys: keys, times: labels, rowPositions: positions)
                }
                return try Probe(session: session, state: pinned, options: options).join(
                    role,
                    keys: keys,
                    labelTimes: labels,
                    rowPositions: positions
                )
            }
            results.withLock { $0[index] = result }
        }
        return try concatenate(results.withLock { $0 }, count: starts.count, role)
    }

    /// Windows of a block.
    private func join(
        _ windows: WindowRole,
        _ session: Session,
        keys: [Column],
        times: Column,
        rowPositions: Column?
    ) throws(StoreError) -> JoinedView {
        let values = try WindowReader(session, pinned, windows).read(
            WindowRequests(
                keys: keys,
                times: times,
                isKnownAtLabel: options.knownAtLabel,
                positions: rowPositions
            )
        )
        return JoinedView(values, at: times, options)
    }

    private func concatenate(
        _ results: [Int: Result<JoinedView, StoreError>],
        count: Int,
        _ role: ViewRole
    ) throws(StoreError) -> JoinedView {
        var whole = JoinedView(
            features: role.features.map { Column(emptyOf: $0.type) },
            eventTimes: options.witness ? Column(emptyOf: .timestamp) : nil,
            positions: options.witness ? Column(emptyOf: .int64) : nil,
            ages: Column(emptyOf: .int64),
            counts: JoinCounts()
        )
        for index in 0..<count {
            guard let part = try results[index]?.get() else { throw .conflict("a block of the spine was not joined") }
            for (feature, column) in part.features.enumerated() { whole.features[feature].append(column) }
            if let times = part.eventTimes { whole.eventTimes?.append(times) }
            if let positions = part.positions { whole.positions?.append(positions) }
            whole.ages.append(part.ages)
            whole.counts += part.counts
        }
        return whole
    }
}

extension JoinedView {
    /// What windows gave at some times; a row without any event in them counts as missing.
    init(_ windows: WindowValues, at times: Column, _ options: JoinOptions) {
        let newest = windows.eventTimes
        var counts = JoinCounts()
        counts.missing = newest.nullCount
        counts.matched = times.rowCount - newest.nullCount
        let ages = zip(times.int64Values, newest.int64Values).map { $0.subtractingSaturating($1) }
        self.init(
            features: windows.values,
            eventTimes: options.witness ? newest : nil,
            positions: options.witness ? Column(nullsOf: .int64, rowCount: times.rowCount) : nil,
            ages: Column(type: .int64, validity: newest.validity, values: .int64(ages)),
            counts: counts
        )
    }
}
