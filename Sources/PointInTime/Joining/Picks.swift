import Features

/// Rows of history that are wanted, in the order in which runs give their values best: group by group, ascending.
struct Picks: Sendable {
    /// A group, and its picks.
    private struct Part: Sendable {
        let run: any HistoryRun
        let group: Int
        let picks: Range<Int>
    }

    /// For each pick the row within its group, and the place that it was picked for.
    let rows: [Int32]
    let places: [Int32]
    private let parts: [Part]

    /// - Parameters:
    ///   - firstGroups: the number of each run's first group, and after the last one the number of groups.
    ///   - isWanted: of places that have a match.
    init(_ matches: Matches, _ runs: [any HistoryRun], _ firstGroups: [Int32], _ isWanted: (Int) -> Bool) {
        self.init(
            groups: UnsafeBufferPointer(matches.groups),
            rows: UnsafeBufferPointer(matches.rows),
            runs,
            firstGroups,
            isWanted
        )
    }

    /// - Parameters:
    ///   - groups: for each place the number of its group among those of all runs; -1 = none.
    ///   - rows: for each place its row within the group.
    ///   - isWanted: of places that have a group.
    /// - Complexity: O(places + groups); more only where rows do not ascend with places.
    init(
        groups: UnsafeBufferPointer<Int32>,
        rows matched: UnsafeBufferPointer<Int32>,
        _ runs: [any HistoryRun],
        _ firstGroups: [Int32],
        _ isWanted: (Int) -> Bool
    ) {
        let groupCount = Int(firstGroups[runs.count])
        var starts = [Int](repeating: 0, count: groupCount + 1)
        var isTaken = [Bool](repeating: false, count: groups.count)
        for place in groups.indices where groups[place] >= 0 && isWanted(place) {
            isTaken[place] = true
            starts[Int(groups[place]) + 1] += 1
        }
        for group in 0..<groupCount { starts[group + 1] += starts[group] }
        let count = starts[groupCount]
        var places = [Int32](repeating: 0, count: count)
        var ends = starts
        for place in groups.indices where isTaken[place] {
            let group = Int(groups[place])
            places[ends[group]] = Int32(place)
            ends[group] += 1
        }
        for group in 0..<groupCount where starts[group] < starts[group + 1] {
            Self.sort(&places, starts[group]..<starts[group + 1], matched)
        }
        rows = places.map { matched[Int($0)] }
        self.places = places
        var parts: [Part] = []
        for (index, run) in runs.enumerated() {
            let first = Int(firstGroups[index])
            for group in first..<Int(firstGroups[index + 1]) where starts[group] < starts[group + 1] {
                parts.append(Part(run: run, group: group - first, picks: starts[group]..<starts[group + 1]))
            }
        }
        self.parts = parts
    }

    /// Rows ascend with places by themselves, unless a place was sent back to an earlier row.
    private static func sort(_ places: inout [Int32], _ range: Range<Int>, _ matched: UnsafeBufferPointer<Int32>) {
        var isAscending = true
        for index in range.dropFirst()
        where matched[Int(places[index])] < matched[Int(places[index - 1])] {
            isAscending = false
            break
        }
        if isAscending { return }
        places[range].sort { left, right in
            let rows = (matched[Int(left)], matched[Int(right)])
            return rows.0 == rows.1 ? left < right : rows.0 < rows.1
        }
    }

    /// A field's value for each pick.
    func take(_ field: HistoryField, _ type: FeatureType) throws(HistoryRunError) -> Column {
        var columns: [Column] = []
        columns.reserveCapacity(parts.count)
        for part in parts { columns.append(try take(field, type, part)) }
        return Column(type: type, concatenating: columns)
    }

    private func take(_ field: HistoryField, _ type: FeatureType, _ part: Part) throws(HistoryRunError) -> Column {
        var column = Column(emptyOf: type)
        let failure: HistoryRunError? = rows.withUnsafeBufferPointer { rows in
            let wanted = UnsafeBufferPointer(rebasing: rows[part.picks])
            do throws(HistoryRunError) {
                try part.run.append(field, ofGroup: part.group, rows: wanted, to: &column)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        precondition(column.rowCount == part.picks.count, "a run gives one value for each row asked for")
        return column
    }
}

/// Matched rows of runs that are gone: one group, which nothing is merged with any more.
final class KeptRows: HistoryRun {
    let name = "rows that matched"
    let groups: [HistoryGroup]
    private let deleted: Column
    private let positions: Column
    private let features: [Column?]

    init(deleted: Column, positions: Column, features: [Column?]) {
        self.deleted = deleted
        self.positions = positions
        self.features = features
        groups = [HistoryGroup(rowCount: deleted.rowCount, firstKeys: [], lastKeys: [], times: 0...0)]
    }

    func order(ofGroup group: Int, with parts: GroupParts) -> GroupOrder {
        preconditionFailure("rows that matched are not merged again")
    }

    func append(
        _ field: HistoryField,
        ofGroup group: Int,
        rows: UnsafeBufferPointer<Int32>,
        to column: inout Column
    ) {
        switch field {
        case .feature(let feature):
            guard let values = features[feature] else { preconditionFailure("a feature that was not kept") }
            column.append(values.gather(Array(rows)))
        case .deleted: column.append(deleted.gather(Array(rows)))
        case .position: column.append(positions.gather(Array(rows)))
        case .key, .event: preconditionFailure("a field that was not kept")
        }
    }
}
