import Foundation
import TestSupport
import Testing

@testable import Training

/// Metrics equal their definitions, written out pair by pair, on random scores with many ties.
@Suite struct MetricsTests {
    struct Sample {
        var scores: [Double] = []
        var labels: [Double] = []
        var weights: [Double] = []

        init(_ random: inout SeededRandom) {
            for _ in 0..<random.int(2...60) {
                scores.append(Double(random.int(0...8)) / 8)
                labels.append(random.oneIn(3) ? 1 : 0)
                weights.append(Double(random.int(1...5)) / 2)
            }
            labels[0] = 1
            labels[1] = 0
        }
    }

    private static func isNear(_ left: Double?, _ right: Double?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        return abs(left - right) <= 1e-12 * max(1, abs(right))
    }

    @Test func `AUC is the share of pairs in which the true one has the higher score, ties half`() {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let sample = Sample(&random)
            var (won, all) = (0.0, 0.0)
            for row in sample.labels.indices where sample.labels[row] == 1 {
                for other in sample.labels.indices where sample.labels[other] == 0 {
                    let weight = sample.weights[row] * sample.weights[other]
                    all += weight
                    if sample.scores[row] > sample.scores[other] { won += weight }
                    if sample.scores[row] == sample.scores[other] { won += weight / 2 }
                }
            }
            let metrics = BinaryMetrics(scores: sample.scores, labels: sample.labels, weights: sample.weights)
            #expect(Self.isNear(metrics.auc, won / all), "seed \(seed)")
        }
    }

    @Test func `average precision sums precision over the recall that each score adds`() {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let sample = Sample(&random)
            let positives = zip(sample.labels, sample.weights).reduce(0) { $0 + $1.0 * $1.1 }
            var (sum, recall) = (0.0, 0.0)
            for threshold in Set(sample.scores).sorted(by: >) {
                let rows = sample.scores.indices.filter { sample.scores[$0] >= threshold }
                let found = rows.reduce(0) { $0 + sample.labels[$1] * sample.weights[$1] }
                let all = rows.reduce(0) { $0 + sample.weights[$1] }
                sum += (found / positives - recall) * found / all
                recall = found / positives
            }
            let metrics = BinaryMetrics(scores: sample.scores, labels: sample.labels, weights: sample.weights)
            #expect(Self.isNear(metrics.averagePrecision, sum), "seed \(seed)")
        }
    }

    @Test func `log loss, Brier score, calibration and lift are those of a small example`() throws {
        let metrics = BinaryMetrics(
            scores: [0.9, 0.8, 0.2, 0.25, 0.6, 0.1, 0.05, 0.3, 0.35, 0.4],
            labels: [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]
        )
        let loss =
            -(log(0.9) + log(0.8) + log(0.8) + log(0.25) + log(0.4) + log(0.9) + log(0.95) + log(0.7) + log(0.65)
            + log(0.6)) / 10
        #expect(Self.isNear(metrics.logLoss, loss))
        let squares = [0.01, 0.04, 0.04, 0.5625, 0.36, 0.01, 0.0025, 0.09, 0.1225, 0.16].reduce(0, +)
        #expect(Self.isNear(metrics.brier, squares / 10))
        #expect(Self.isNear(metrics.lift, 1 / 0.3))
        #expect(metrics.calibration.map(\.rows) == [1, 1, 2, 2, 1, 1, 1, 1])
        #expect(Self.isNear(metrics.rate, 0.3))
    }

    @Test func `of equal scores each counts for its share of the best tenth`() {
        let constant = BinaryMetrics(
            scores: [Double](repeating: 0.3, count: 40),
            labels: (0..<40).map { $0 < 10 ? 1 : 0 }
        )
        #expect(Self.isNear(constant.lift, 1))
        let two = BinaryMetrics(
            scores: [0.9, 0.5, 0.5, 0.5] + [Double](repeating: 0.1, count: 16),
            labels: [1, 1, 0, 0] + [Double](repeating: 0, count: 16)
        )
        #expect(Self.isNear(two.lift, (1 + 1.0 / 3) / 2 / 0.1))
    }

    @Test func `certain and wrong scores have a finite loss, one kind of label no AUC`() {
        let metrics = BinaryMetrics(scores: [0, 1], labels: [1, 1])
        #expect(metrics.logLoss.isFinite)
        #expect(metrics.auc == nil)
        #expect(BinaryMetrics(scores: [0.5], labels: [0]).averagePrecision == nil)
    }

    @Test func `metrics of numbers and of classes are those of small examples`() {
        let numbers = RegressionMetrics(predictions: [1, 2, 4], labels: [1, 3, 5])
        #expect(Self.isNear(numbers.rmse, (2.0 / 3).squareRoot()))
        #expect(Self.isNear(numbers.mae, 2.0 / 3))
        #expect(Self.isNear(numbers.r2, 1 - 2.0 / 8))
        let classes = MulticlassMetrics(
            probabilities: [0.7, 0.1, 0.1, 0.1, 0.2, 0.5, 0.2, 0.1, 0.3, 0.3, 0.3, 0.1],
            labels: [0, 2, 3],
            classes: 4
        )
        #expect(Self.isNear(classes.accuracy, 1.0 / 3))
        #expect(Self.isNear(classes.logLoss, -(log(0.7) + log(0.2) + log(0.1)) / 3))
        // Class 0 was said twice and right once, class 1 was never a label.
        #expect(Self.isNear(classes.macroF1, (2.0 / 3) / 4))
        #expect(Self.isNear(classes.top3, 2.0 / 3))
    }
}
