import Glibc

/// How well probabilities of a binary label do, exactly: ties of scores count as ties.
package struct BinaryMetrics: Hashable, Sendable, Codable {
    package var rows: Int
    /// The share of rows whose label is true.
    package var rate: Double
    /// `nil` where all labels are the same.
    package var auc: Double?
    package var averagePrecision: Double?
    package var logLoss: Double
    package var brier: Double
    /// The share of the true among the tenth of rows with the highest scores, over ``rate``.
    package var lift: Double?
    /// By bins of a tenth of probability; empty bins are left out.
    package var calibration: [CalibrationBin]
    /// The mean distance of a bin's share of true labels from its mean probability, weighted by rows.
    package var calibrationError: Double

    package struct CalibrationBin: Hashable, Sendable, Codable {
        package var rows: Int
        package var meanScore: Double
        package var rate: Double
    }

    /// - Parameters:
    ///   - scores: probabilities, 0 to 1.
    ///   - labels: 0 or 1, one for each.
    ///   - weights: one for each; `nil` = 1 each.
    /// - Complexity: O(rows × log rows).
    package init(scores: [Double], labels: [Double], weights: [Double]? = nil) {
        precondition(
            scores.count == labels.count && weights?.count ?? scores.count == scores.count,
            "one label a score"
        )
        rows = scores.count
        let weight = { (row: Int) in weights?[row] ?? 1 }
        let total = scores.indices.reduce(0) { $0 + weight($1) }
        let positives = scores.indices.reduce(0) { $0 + weight($1) * labels[$1] }
        rate = total > 0 ? positives / total : 0
        let curve = ScoreCurve(scores: scores, labels: labels, weights: weights)
        auc = curve.auc
        averagePrecision = curve.averagePrecision
        var (loss, squares) = (0.0, 0.0)
        for row in scores.indices {
            let score = min(max(scores[row], .ulpOfOne), 1 - .ulpOfOne)
            loss -= weight(row) * (labels[row] == 1 ? log(score) : log(1 - score))
            squares += weight(row) * (scores[row] - labels[row]) * (scores[row] - labels[row])
        }
        logLoss = total > 0 ? loss / total : 0
        brier = total > 0 ? squares / total : 0
        let best = curve.positives(among: total / 10)
        lift = nil
        if let best, rate > 0 { lift = best / (total / 10) / rate }
        var bins = [(rows: Int, weight: Double, scores: Double, positives: Double)](
            repeating: (0, 0, 0, 0),
            count: 10
        )
        for row in scores.indices {
            // Also of scores that are none: a file from elsewhere may give NaN, or more than 1.
            let tenth = scores[row] * 10
            let bin = tenth >= 0 ? (tenth < 10 ? Int(tenth) : 9) : 0
            bins[bin].rows += 1
            bins[bin].weight += weight(row)
            bins[bin].scores += weight(row) * scores[row]
            bins[bin].positives += weight(row) * labels[row]
        }
        calibration = []
        calibrationError = 0
        for bin in bins where bin.weight > 0 {
            let (score, rate) = (bin.scores / bin.weight, bin.positives / bin.weight)
            calibration.append(CalibrationBin(rows: bin.rows, meanScore: score, rate: rate))
            calibrationError += bin.weight / total * abs(score - rate)
        }
    }
}

/// True and false positives by falling score, equal scores at once.
package struct ScoreCurve: Sendable {
    /// Sums of weights down to each of the distinct scores.
    package private(set) var truePositives: [Double] = []
    package private(set) var falsePositives: [Double] = []

    /// - Parameters: as of ``BinaryMetrics/init(scores:labels:weights:)``.
    package init(scores: [Double], labels: [Double], weights: [Double]? = nil) {
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        var (positive, negative) = (0.0, 0.0)
        for (place, row) in order.enumerated() {
            let weight = weights?[row] ?? 1
            if labels[row] == 1 { positive += weight } else { negative += weight }
            if place + 1 == order.count || scores[order[place + 1]] != scores[row] {
                truePositives.append(positive)
                falsePositives.append(negative)
            }
        }
    }

    private var positives: Double { truePositives.last ?? 0 }
    private var negatives: Double { falsePositives.last ?? 0 }

    /// Of so much weight with the highest scores, how much is true; of equal scores each counts for its share.
    func positives(among weight: Double) -> Double? {
        var (lastTrue, lastAll) = (0.0, 0.0)
        for index in truePositives.indices {
            let all = truePositives[index] + falsePositives[index]
            if all >= weight, all > lastAll {
                return lastTrue + (truePositives[index] - lastTrue) * (weight - lastAll) / (all - lastAll)
            }
            (lastTrue, lastAll) = (truePositives[index], all)
        }
        return nil
    }

    /// The area below the curve of true over false positives; `nil` where there are none of either.
    package var auc: Double? {
        guard positives > 0, negatives > 0 else { return nil }
        var (area, lastTrue, lastFalse) = (0.0, 0.0, 0.0)
        for index in truePositives.indices {
            area += (falsePositives[index] - lastFalse) * (truePositives[index] + lastTrue) / 2
            (lastTrue, lastFalse) = (truePositives[index], falsePositives[index])
        }
        return area / positives / negatives
    }

    /// The mean precision, each weighted by the recall that it adds; `nil` where no label is true.
    package var averagePrecision: Double? {
        guard positives > 0 else { return nil }
        var (sum, lastTrue) = (0.0, 0.0)
        for index in truePositives.indices {
            let found = truePositives[index]
            if found > lastTrue { sum += (found - lastTrue) / positives * (found / (found + falsePositives[index])) }
            lastTrue = found
        }
        return sum
    }

    /// At most about `count` points (false positive rate, true positive rate) from (0, 0) to (1, 1).
    package func rocPoints(_ count: Int) -> [(x: Double, y: Double)] {
        guard positives > 0, negatives > 0 else { return [] }
        let step = max(1, truePositives.count / max(count, 1))
        let places =
            stride(from: step - 1, to: truePositives.count - 1, by: step).map { $0 } + [truePositives.count - 1]
        return [(0, 0)] + places.map { (falsePositives[$0] / negatives, truePositives[$0] / positives) }
    }

    /// At most about `count` points (recall, precision) by rising recall.
    package func precisionPoints(_ count: Int) -> [(x: Double, y: Double)] {
        guard positives > 0 else { return [] }
        let step = max(1, truePositives.count / max(count, 1))
        let places =
            stride(from: step - 1, to: truePositives.count - 1, by: step).map { $0 } + [truePositives.count - 1]
        return places.compactMap { place in
            let all = truePositives[place] + falsePositives[place]
            return all > 0 ? (truePositives[place] / positives, truePositives[place] / all) : nil
        }
    }
}
