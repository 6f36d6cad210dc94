/// Merges one run into the matches of a sorted spine.
///
/// Groups are visited from the last to the first, so that a place whose entity's rows begin in an earlier group is carried
/// there. Within a group one cursor goes forward over rows and places together: by single steps where both are dense, by
/// leaps where the spine is sparse. A place that already has a row newer than anything in the run is passed over, and a
/// group without a place left is not read.
struct RunMerge: Sendable {
    let run: any HistoryRun
    /// The number of the run's first group among all runs' groups.
    let firstGroup: Int32
    let parts: GroupParts
    let rules: JoinRules
    let spine: SortedSpine
    let entityKeys: EntityKeys
    let matches: Matches
    let meter: ScanMeter
    /// For each group the first place whose keys are not before the group's, and the entities of its first and last
    /// row; -1 where the spine has them not.
    private let firstPlaces: [Int]
    private let firstEntities: [Int32]
    private let lastEntities: [Int32]
    /// Event times of the run's rows.
    private let times: ClosedRange<Int64>

    /// - Returns: `nil` for a run without rows.
    /// - Complexity: O(groups · log entities).
    init?(
        _ run: any HistoryRun,
        firstGroup: Int32,
        parts: GroupParts,
        rules: JoinRules,
        spine: SortedSpine,
        entityKeys: EntityKeys,
        matches: Matches,
        meter: ScanMeter
    ) {
        guard let first = run.groups.first else { return nil }
        self.run = run
        self.firstGroup = firstGroup
        self.parts = parts
        self.rules = rules
        self.spine = spine
        self.entityKeys = entityKeys
        self.matches = matches
        self.meter = meter
        let firsts = run.groups.map { entityKeys.find($0.firstKeys) }
        firstPlaces = firsts.map { Int(spine.entityStarts[$0.entity]) }
        firstEntities = firsts.map { $0.isEqual ? Int32($0.entity) : -1 }
        lastEntities = run.groups.map { group in
            let found = entityKeys.find(group.lastKeys)
            return found.isEqual ? Int32(found.entity) : -1
        }
        times = run.groups.reduce(into: first.times) { times, group in
            times =
                min(times.lowerBound, group.times.lowerBound)...max(times.upperBound, group.times.upperBound)
        }
    }

    /// Merges the run into some of the places; others may be at work in other threads.
    func merge(_ places: Range<Int>) throws(HistoryRunError) {
        let open = openPlaces(places)
        var upper = open.count
        var carried: [Int32] = []
        for group in run.groups.indices.reversed() where upper > 0 || !carried.isEmpty {
            let lower = Self.first(in: open[..<upper], from: firstPlaces[group])
            let own = open[lower..<upper]
            upper = lower
            if own.isEmpty && carried.isEmpty { continue }
            carried = try merge(group, own, carried)
        }
    }

    /// The places that the run may have something for: what its newest row cannot replace, or its oldest is too new for,
    /// needs no look at it. Of many partitions most places are open in few.
    private func openPlaces(_ places: Range<Int>) -> [Int32] {
        let (newest, earliest) = (times.upperBound, rules.earliestLabel(for: times.lowerBound))
        return spine.labels.withUnsafeBufferPointer { labels in
            [Int32](unsafeUninitializedCapacity: places.count) { open, count in
                var found = 0
                for place in places {
                    // Safe: there are as many slots as places. One that is not open is overwritten by the next.
                    open.initializeElement(at: found, to: Int32(truncatingIfNeeded: place))
                    let isOpen = matches.times[place] <= newest && labels[place] >= earliest
                    found &+= isOpen ? 1 : 0
                }
                count = found
            }
        }
    }

    /// The index of the first of some ascending places that is not before `place`.
    private static func first(in places: ArraySlice<Int32>, from place: Int) -> Int {
        var (low, high) = (places.startIndex, places.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if Int(places[middle]) < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Merges one group.
    ///
    /// - Parameter own: places with keys from the group's first on.
    /// - Returns: the places to go on with in the group before.
    private func merge(_ group: Int, _ own: ArraySlice<Int32>, _ carried: [Int32]) throws(HistoryRunError) -> [Int32] {
        let earliest = run.groups[group].times.lowerBound
        let mayCarry = group > 0 && firstEntities[group] >= 0 && lastEntities[group - 1] == firstEntities[group]
        // A group of one entity that is newer than all of its places is not read.
        if mayCarry, firstEntities[group] == lastEntities[group] {
            let end = Int(spine.entityStarts[Int(firstEntities[group]) + 1])
            let mine = own[..<Self.first(in: own, from: end)]
            if let last = (carried.last ?? mine.last).map({ Int($0) }), rules.bound(spine.labels[last]) < earliest {
                return mine + carried
            }
        }
        let order = try run.order(ofGroup: group, with: parts)
        meter.readGroup(Int(firstGroup) + group, rows: order.rowCount)
        var cursor = GroupCursor(
            merge: self,
            order: order,
            group: group,
            carriesEntity: mayCarry ? firstEntities[group] : -1
        )
        if let keys = entityKeys.integerKeys(order) {
            cursor.run(keys, own, carried)
        } else {
            cursor.run(entityKeys.keys(order), own, carried)
        }
        withExtendedLifetime(order.owner) {}
        return cursor.carried
    }
}
