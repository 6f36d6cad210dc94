/// What looks too good to be known at the label's time.
package enum LeakChecks {
    /// Above this, one feature by itself tells the label as hardly anything does that was known before.
    package static let suspectAUC = 0.95

    /// The AUC of each number by itself against a binary label, better side up; missing values count as one score below all.
    /// - Parameters:
    ///   - values: rows of as many values as there are names.
    ///   - labels: 0 or 1, one a row.
    /// - Returns: `nil` where all labels are the same; in the order of the names.
    package static func singleAUCs(values: [Float], names: [String], labels: [Double]) -> [Double?] {
        names.indices.map { column in
            let scores = labels.indices.map { row in
                let value = values[row * names.count + column]
                return value.isNaN ? -Double.infinity : Double(value)
            }
            return ScoreCurve(scores: scores, labels: labels).auc.map { max($0, 1 - $0) }
        }
    }
}

/// Intervals of a metric by drawing whole days again: rows of a day hang together, so that single rows would promise too much.
package enum DayBootstrap {
    /// - Parameters:
    ///   - days: of each row, any number that is the same for the rows of a day.
    ///   - metric: of some rows, by number, one row possibly several times.
    /// - Returns: the bounds between which 95 % of the draws lie; `nil` where too few draws had a value.
    package static func interval(
        days: [Int64],
        draws: Int,
        seed: UInt64,
        metric: ([Int]) -> Double?
    ) -> (low: Double, high: Double)? {
        var rowsOfDay: [Int64: [Int]] = [:]
        for (row, day) in days.enumerated() { rowsOfDay[day, default: []].append(row) }
        let blocks = rowsOfDay.sorted { $0.key < $1.key }.map(\.value)
        guard blocks.count >= 2 else { return nil }
        var random = SplitMix(seed: seed)
        var found: [Double] = []
        for _ in 0..<draws {
            var rows: [Int] = []
            for _ in blocks.indices { rows += blocks[random.below(blocks.count)] }
            if let value = metric(rows) { found.append(value) }
        }
        guard found.count >= 20 else { return nil }
        found.sort()
        return (found[found.count * 25 / 1_000], found[min(found.count * 975 / 1_000, found.count - 1)])
    }
}
