import Glibc

/// How well numbers are predicted.
package struct RegressionMetrics: Hashable, Sendable, Codable {
    package var rows: Int
    package var rmse: Double
    package var mae: Double
    /// `nil` where all labels are the same.
    package var r2: Double?

    package init(predictions: [Double], labels: [Double], weights: [Double]? = nil) {
        precondition(predictions.count == labels.count, "one label a prediction")
        rows = labels.count
        let weight = { (row: Int) in weights?[row] ?? 1 }
        let total = labels.indices.reduce(0) { $0 + weight($1) }
        let mean = total > 0 ? labels.indices.reduce(0) { $0 + weight($1) * labels[$1] } / total : 0
        var (squares, distances, spread) = (0.0, 0.0, 0.0)
        for row in labels.indices {
            let difference = predictions[row] - labels[row]
            squares += weight(row) * difference * difference
            distances += weight(row) * abs(difference)
            spread += weight(row) * (labels[row] - mean) * (labels[row] - mean)
        }
        rmse = total > 0 ? (squares / total).squareRoot() : 0
        mae = total > 0 ? distances / total : 0
        r2 = spread > 0 ? 1 - squares / spread : nil
    }
}

/// How well classes are predicted.
package struct MulticlassMetrics: Hashable, Sendable, Codable {
    package var rows: Int
    package var logLoss: Double
    package var accuracy: Double
    /// The mean of F1 over the classes that occur as labels or as predictions.
    package var macroF1: Double
    /// The share of rows whose class is among the three most probable.
    package var top3: Double

    /// - Parameters:
    ///   - probabilities: rows of `classes` values.
    ///   - labels: places of classes.
    package init(probabilities: [Double], labels: [Int], classes: Int, weights: [Double]? = nil) {
        precondition(probabilities.count == labels.count * classes, "a probability for each class of each row")
        rows = labels.count
        let weight = { (row: Int) in weights?[row] ?? 1 }
        var (total, loss, right, near) = (0.0, 0.0, 0.0, 0.0)
        var hits = [Double](repeating: 0, count: classes)
        var predicted = hits
        var actual = hits
        for (row, label) in labels.enumerated() {
            let shares = probabilities[row * classes..<(row + 1) * classes]
            let sum = shares.reduce(0, +)
            let share = min(max(probabilities[row * classes + label] / sum, .ulpOfOne), 1 - .ulpOfOne)
            total += weight(row)
            loss -= weight(row) * log(share)
            var best = 0
            for place in 1..<classes where shares[shares.startIndex + place] > shares[shares.startIndex + best] {
                best = place
            }
            let above = shares.count { $0 > probabilities[row * classes + label] }
            if above < 3 { near += weight(row) }
            predicted[best] += weight(row)
            actual[label] += weight(row)
            if best == label {
                right += weight(row)
                hits[label] += weight(row)
            }
        }
        logLoss = total > 0 ? loss / total : 0
        accuracy = total > 0 ? right / total : 0
        top3 = total > 0 ? near / total : 0
        let occurring = (0..<classes).filter { predicted[$0] + actual[$0] > 0 }
        let scores = occurring.map { 2 * hits[$0] / (predicted[$0] + actual[$0]) }
        macroF1 = occurring.isEmpty ? 0 : scores.reduce(0, +) / Double(occurring.count)
    }
}
