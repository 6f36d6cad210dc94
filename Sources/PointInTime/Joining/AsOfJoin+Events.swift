package import Features

extension AsOfJoin {
    /// Finds for each place the newest event in force: the greatest time, then id.
    ///
    /// - Parameters:
    ///   - all: every run of the view's history.
    ///   - keys: the types of the view's keys.
    ///   - event: the type of its ids.
    ///   - rowsMax: about how many rows of history each thread may have in memory.
    package func mergeEvents(
        _ all: [any HistoryRun],
        keys: [FeatureType],
        event: FeatureType,
        rowsMax: Int
    ) throws(HistoryRunError) {
        precondition(runs.isEmpty, "events are merged all at once")
        var parts: GroupParts = []
        if spine.positions != nil { parts.insert(.positions) }
        if rules.isKnownAtLabel { parts.insert(.knownAt) }
        let untils = (0..<spine.entityCount).map { rules.bound(spine.labels[Int(spine.entityStarts[$0 + 1]) - 1]) }
        let history = EventRuns(
            all,
            keys: keys,
            event: event,
            of: EventRuns.Entities(
                keys: spine.keys,
                after: [Int64](repeating: .min, count: spine.entityCount),
                until: untils
            ),
            position: rules.position,
            parts: parts,
            keptRowsMax: rowsMax,
            meter: meter
        )
        runs = all
        firstGroups = history.firstGroups
        let pieces = history.pieces(rowsMax: rowsMax)
        // Safe: each piece matches places of its own entities.
        nonisolated(unsafe) let join = self
        try workers.each(pieces.count) { piece throws(HistoryRunError) in
            join.match(try history.rows(of: pieces[piece]), pieces[piece])
        }
    }

    private func match(_ history: EventHistory, _ entities: Range<Int>) {
        let isPlain = spine.positions == nil && !rules.isKnownAtLabel
        let (inForce, starts) = isPlain ? history.inForce() : ([], history.starts)
        let firsts = isPlain ? nil : FirstKnown(history)
        for (index, entity) in entities.enumerated() {
            // Rows, or places among those in force, before it are not too new for the last place.
            var upper = starts[index]
            for place in Int(spine.entityStarts[entity])..<Int(spine.entityStarts[entity + 1]) {
                let bound = rules.bound(spine.labels[place])
                let end = starts[index + 1]
                while upper < end, history.times[isPlain ? Int(inForce[upper]) : upper] <= bound { upper += 1 }
                let row =
                    isPlain
                    ? (upper > starts[index] ? Int(inForce[upper - 1]) : nil)
                    : newest(history, firsts, starts[index]..<upper, place)
                guard let row else { continue }
                matches.offer(
                    place,
                    time: history.times[row],
                    position: 0,
                    group: history.groups[row],
                    row: history.rows[row]
                )
            }
        }
    }

    /// The newest event that a place knows.
    private func newest(
        _ history: EventHistory,
        _ firsts: FirstKnown?,
        _ rows: Range<Int>,
        _ place: Int
    ) -> Int? {
        let position = spine.positions.map { $0[place] } ?? .max
        let knownBy = rules.isKnownAtLabel ? spine.labels[place] : .max
        var row = rows.upperBound - 1
        while row >= rows.lowerBound {
            if let firsts {
                row = firsts.last(rows.lowerBound...row, position: position, knownBy: knownBy)
                if row < rows.lowerBound { return nil }
            }
            let (first, known) = history.version(upTo: row, position: position, knownBy: knownBy)
            if let known { return known }
            row = first - 1
        }
        return nil
    }
}

/// When the first row of each block of rows is known: what a place cannot know is passed over a block at a time, where most of what
/// came later is unknown to it.
private struct FirstKnown {
    private static let blockRows = 128

    private let history: EventHistory
    private var positions: [Int64] = []
    private var times: [Int64] = []

    init(_ history: EventHistory) {
        self.history = history
        func least(_ values: [Int64]?) -> [Int64] {
            guard let values else { return [] }
            return stride(from: 0, to: values.count, by: Self.blockRows).map { start in
                values[start..<min(values.count, start + Self.blockRows)].min() ?? .max
            }
        }
        positions = least(history.positions)
        times = least(history.knownAt)
    }

    /// The last of some rows that may be known; before them where there is none.
    func last(_ rows: ClosedRange<Int>, position: Int64, knownBy: Int64) -> Int {
        var row = rows.upperBound
        while row >= rows.lowerBound {
            let block = row / Self.blockRows
            let isUnknown =
                !positions.isEmpty && positions[block] > position || !times.isEmpty && times[block] > knownBy
            guard !isUnknown else {
                row = block * Self.blockRows - 1
                continue
            }
            let isKnown =
                history.positions.map { $0[row] <= position } ?? true
                && history.knownAt.map { $0[row] <= knownBy } ?? true
            if isKnown { return row }
            row -= 1
        }
        return rows.lowerBound - 1
    }
}
