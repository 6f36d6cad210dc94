import Forest

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

    /// How well logistic regression tells training rows from test rows: each half of them by a model of the other half.
    ///
    /// - Parameters:
    ///   - training: rows of as many values as there are names.
    ///   - test: likewise.
    ///   - seed: of the rows that are drawn.
    /// - Returns: the mean AUC of the halves, about 0.5 where they are alike; `nil` where there are too few rows.
    /// - Complexity: O(rows × width²), both bounded.
    package static func adversarialAUC(training: [Float], test: [Float], names: [String], seed: UInt64) -> Double? {
        let width = max(names.count, 1)
        let bound = min(TrainingLimits.adversarialRowsMax, TrainingLimits.adversarialWorkMax / (width * width))
        var random = SplitMix(seed: seed)
        var halves: [(values: [Float], labels: [Double])] = [([], []), ([], [])]
        for (values, label) in [(training, 0.0), (test, 1.0)] {
            let rows = random.drawn(bound / 2, of: values.count / width)
            guard rows.count >= 4 else { return nil }
            for (place, row) in rows.enumerated() {
                halves[place % 2].values += values[row * width..<(row + 1) * width]
                halves[place % 2].labels.append(label)
            }
        }
        let aucs = (0..<2).compactMap { half -> Double? in
            let (own, other) = (halves[half], halves[1 - half])
            let model = LinearFit(values: own.values, rowCount: own.labels.count, names: names).logistic(own.labels)
            guard let forest = try? Forest(bytes: Array(model.json.utf8)) else { return nil }
            let margins = forest.margins(other.values, count: other.labels.count)
            return ScoreCurve(scores: margins.map(Double.init), labels: other.labels).auc
        }
        return aucs.count == 2 ? (aucs[0] + aucs[1]) / 2 : nil
    }
}

/// Intervals of a metric by drawing whole days again: rows of a day hang together, so that single rows would promise too much.
package enum DayBootstrap {
    /// - Parameters:
    ///   - days: of each row, any number that is the same for the rows of a day.
    ///   - metrics: of some rows, by number, one row possibly several times; always as many.
    /// - Returns: of each metric the bounds between which 95 % of the draws lie; `nil` where too few draws had a value. Empty
    ///   where all rows are of one day.
    package static func intervals(
        days: [Int64],
        draws: Int,
        seed: UInt64,
        metrics: ([Int]) -> [Double?]
    ) -> [(low: Double, high: Double)?] {
        var rowsOfDay: [Int64: [Int]] = [:]
        for (row, day) in days.enumerated() { rowsOfDay[day, default: []].append(row) }
        let blocks = rowsOfDay.sorted { $0.key < $1.key }.map(\.value)
        guard blocks.count >= 2 else { return [] }
        var random = SplitMix(seed: seed)
        var found: [[Double]] = []
        for _ in 0..<draws {
            var rows: [Int] = []
            for _ in blocks.indices { rows += blocks[random.below(blocks.count)] }
            for (place, value) in metrics(rows).enumerated() {
                if place == found.count { found.append([]) }
                if let value { found[place].append(value) }
            }
        }
        return found.map { values in
            guard values.count >= 20 else { return nil }
            let sorted = values.sorted()
            return (sorted[sorted.count * 25 / 1_000], sorted[min(sorted.count * 975 / 1_000, sorted.count - 1)])
        }
    }
}
