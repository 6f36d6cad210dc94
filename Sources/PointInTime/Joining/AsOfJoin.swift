package import Features
import Synchronization

/// The as-of join of one view with a block of spine rows: for each row the newest row of history that the rules admit.
///
/// Runs are merged one after the other, the one with the newest rows best first; each may improve what was found. Then
/// the values of the features are taken, only where rows matched. What comes out does not depend on how history is cut
/// into runs and groups, nor on the number of threads.
package final class AsOfJoin {
    let spine: SortedSpine
    private let entityKeys: EntityKeys
    let rules: JoinRules
    private let features: [(field: Int, type: FeatureType)]
    let workers: Workers
    let meter: ScanMeter
    let matches: Matches
    var runs: [any HistoryRun] = []
    /// The number of each run's first group, and after the last one the number of groups.
    var firstGroups: [Int32] = [0]

    /// Memory for each row of the spine beside the spine and the features: matches and picks.
    package static let bytesPerRow = Matches.bytesPerPlace + 24

    /// - Parameter features: the place of each wanted feature among those that the runs know, and its type.
    package init(
        spine: SortedSpine,
        rules: JoinRules,
        features: [(field: Int, type: FeatureType)],
        workers: Workers,
        meter: ScanMeter,
        piecePlacesMin: Int = 32_768
    ) {
        self.piecePlacesMin = piecePlacesMin
        self.spine = spine
        entityKeys = EntityKeys(spine)
        self.rules = rules
        self.features = features
        self.workers = workers
        self.meter = meter
        matches = Matches(placeCount: spine.placeCount)
    }

    /// At least so many places are a piece of a merge. Beyond that there are about as many pieces as groups, each of which
    /// is read for every piece that it reaches into.
    private let piecePlacesMin: Int

    /// Merges a run.
    ///
    /// - Parameter needsPositions: whether other runs have rows of the same event times, or matched positions are wanted.
    /// - Throws: what the run throws; the join is of no use then.
    package func merge(_ run: any HistoryRun, needsPositions: Bool) throws(HistoryRunError) {
        var parts: GroupParts = []
        if needsPositions || rules.position != nil || spine.positions != nil { parts.insert(.positions) }
        if rules.isKnownAtLabel { parts.insert(.knownAt) }
        let first = firstGroups[firstGroups.count - 1]
        runs.append(run)
        firstGroups.append(first + Int32(run.groups.count))
        meter.offer(groups: run.groups.count, rows: run.groups.reduce(0) { $0 + $1.rowCount })
        let merge = RunMerge(
            run,
            firstGroup: first,
            parts: parts,
            rules: rules,
            spine: spine,
            entityKeys: entityKeys,
            matches: matches,
            meter: meter
        )
        guard let merge else { return }
        let placeCount = spine.placeCount
        let pieces = max(workers.count, run.groups.count)
        let piecePlaces = max(piecePlacesMin, (placeCount + pieces - 1) / pieces)
        try workers.each((placeCount + piecePlaces - 1) / piecePlaces) { piece throws(HistoryRunError) in
            try merge.merge(piece * piecePlaces..<min(placeCount, (piece + 1) * piecePlaces))
        }
    }

    /// Copies what the last merged run has contributed so far, so that the run itself can go.
    ///
    /// Memory grows by the rows that it has improved, to twice as many as the spine has, and once more while they are put together.
    package func keepLastRun() throws(HistoryRunError) {
        guard !runs.isEmpty else { return }
        try keepRuns(from: runs.count - 1)
        let first = (runs.lastIndex { !($0 is KeptRows) } ?? -1) + 1
        let keptCount = runs[first...].reduce(0) { $0 + $1.groups[0].rowCount }
        if runs.count - first > 1, keptCount > 2 * spine.placeCount {
            try keepRuns(from: first)
        }
    }

    /// How many runs were merged, those that were kept together counting as one.
    package var runCount: Int { runs.count }

    /// Replaces the runs from `run` on by a copy of their matched rows.
    package func keepRuns(from run: Int) throws(HistoryRunError) {
        guard run < runs.count else { return }
        let first = firstGroups[run]
        let picks = Picks(matches, runs, firstGroups) { [matches] in matches.groups[$0] >= first }
        let kept = KeptRows(
            deleted: try picks.take(.deleted, .bool),
            positions: try picks.take(.position, .int64),
            features: try values(picks)
        )
        for (pick, place) in picks.places.enumerated() {
            matches.groups[Int(place)] = first
            matches.rows[Int(place)] = Int32(pick)
        }
        runs[run...] = [kept]
        firstGroups[(run + 1)...] = [first + 1]
    }

    /// The features' values for each pick; at the place of a feature that is not wanted nothing.
    private func values(_ picks: Picks) throws(HistoryRunError) -> [Column?] {
        let taken = try columns(features.count) { [features] index throws(HistoryRunError) in
            try picks.take(.feature(features[index].field), features[index].type)
        }
        var values = [Column?](repeating: nil, count: (features.map(\.field).max() ?? -1) + 1)
        for (feature, column) in zip(features, taken) { values[feature.field] = column }
        return values
    }

    /// Makes columns side by side.
    private func columns(
        _ count: Int,
        _ make: @Sendable (Int) throws(HistoryRunError) -> Column
    ) throws(HistoryRunError) -> [Column] {
        let made = Mutex([Column?](repeating: nil, count: count))
        try workers.each(count) { index throws(HistoryRunError) in
            let column = try make(index)
            made.withLock { $0[index] = column }
        }
        return made.withLock { $0.compactMap(\.self) }
    }

    /// What was found, one row for each row of the spine, in the spine's order.
    ///
    /// - Parameter witness: whether matched event times and positions are wanted.
    package func result(witness: Bool) throws(HistoryRunError) -> JoinedView {
        let ttl = rules.ttl
        let picks = Picks(matches, runs, firstGroups) { [matches, spine] place in
            guard let ttl else { return true }
            return matches.times[place] >= spine.labels[place].subtractingSaturating(ttl)
        }
        meter.take(rows: picks.rows.count)
        var counts = JoinCounts()
        for place in 0..<spine.placeCount where matches.groups[place] >= 0 { counts.expired += 1 }
        counts.expired -= picks.rows.count
        // The pick of each row of the spine; and of those rows that have values.
        var pickOf = [Int32](repeating: -1, count: spine.rowCount)
        for (pick, place) in picks.places.enumerated() { pickOf[Int(spine.rows[Int(place)])] = Int32(pick) }
        var valuePickOf = pickOf
        let deleted = try picks.take(.deleted, .bool)
        counts.matched = picks.rows.count
        if case .bool(let flags) = deleted.values, flags.contains(true) {
            for (pick, place) in picks.places.enumerated() where flags[pick] {
                valuePickOf[Int(spine.rows[Int(place)])] = -1
                counts.matched -= 1
            }
        }
        counts.missing = spine.rowCount - counts.matched - counts.expired
        // Features in the order of their cost, so that threads end together; then what the join itself knows.
        let byCost = features.indices.sorted { features[$0].type.typicalBytes > features[$1].type.typicalBytes }
        let columns = try columns(features.count + (witness ? 3 : 1)) {
            [features, matches, spine, pickOf, valuePickOf] index throws(HistoryRunError) in
            switch index - features.count {
            case 0:
                return Column(
                    type: .int64,
                    values: .int64(
                        picks.places.map { place in
                            spine.labels[Int(place)].subtractingSaturating(matches.times[Int(place)])
                        }
                    )
                ).gatherOrNull(valuePickOf)
            case 1:
                return Column(type: .timestamp, values: .int64(picks.places.map { matches.times[Int($0)] }))
                    .gatherOrNull(pickOf)
            case 2: return try picks.take(.position, .int64).gatherOrNull(pickOf)
            default:
                let feature = features[byCost[index]]
                return try picks.take(.feature(feature.field), feature.type).gatherOrNull(valuePickOf)
            }
        }
        var ordered = Array(columns[..<features.count])
        for (place, feature) in byCost.enumerated() { ordered[feature] = columns[place] }
        return JoinedView(
            features: ordered,
            eventTimes: witness ? columns[features.count + 1] : nil,
            positions: witness ? columns[features.count + 2] : nil,
            ages: columns[features.count],
            counts: counts
        )
    }
}
