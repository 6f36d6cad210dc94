import Forest
import Foundation
import TestSupport
import Testing

@testable import Training

/// Importance by shuffling, training rows told from test rows, and the line of calibration, each beside its definition.
@Suite struct TrialCheckTests {
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `shuffled losses are those of rows that are put together one by one`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let widths = (0..<random.int(1...5)).map { _ in random.int(1...4) }
        let width = widths.reduce(0, +)
        let rowCount = random.int(1...60)
        let values = (0..<rowCount * width).map { _ in Float(random.int(-50...50)) / 8 }
        // Depends on places and rows, so that any other order is another loss.
        func loss(_ values: [Float]) -> Double {
            values.enumerated().reduce(0.0) { $0 + Double($1.element) * Double(1 + $1.offset % 17) }
        }
        let found = PermutationImportance.losses(values, widths: widths, seed: seed, loss: loss)
        try #require(found.count == widths.count)
        var start = 0
        for (input, inputWidth) in widths.enumerated() {
            let order = PermutationImportance.order(rowCount, seed: seed, input: input)
            #expect(order.sorted() == Array(0..<rowCount), "seed \(seed)")
            var rows: [[Float]] = []
            for row in 0..<rowCount {
                var made: [Float] = []
                for place in 0..<width {
                    let isOwn = place < start || place >= start + inputWidth
                    made.append(values[(isOwn ? row : order[row]) * width + place])
                }
                rows.append(made)
            }
            #expect(found[input] == loss(rows.flatMap(\.self)) - loss(values), "seed \(seed), input \(input)")
            start += inputWidth
        }
    }

    @Test func `an input that decides costs much when shuffled, one that is not read nothing`() throws {
        var random = SeededRandom(seed: 11)
        let rows = (0..<2_000).map { _ in [Float(random.int(0...1)), Float(random.int(0...99))] }
        let losses = PermutationImportance.losses(rows.flatMap(\.self), widths: [1, 1], seed: 3) { values in
            // Right where the first number is what it was.
            zip(rows, stride(from: 0, to: values.count, by: 2)).reduce(0.0) { $0 + ($1.0[0] == values[$1.1] ? 0 : 1) }
                / Double(rows.count)
        }
        #expect(abs(losses[0] - 0.5) < 0.05 && losses[1] == 0, "\(losses)")
    }

    @Test(arguments: [0.0, 0.5, 3.0])
    func `training and test rows are told apart by as much as they differ`(shift: Double) throws {
        var random = SeededRandom(seed: 5)
        func normal() -> Double { (0..<12).reduce(0.0) { sum, _ in sum + Double(random.int(0...999)) / 999 } - 6 }
        func rows(_ count: Int, _ mean: Double) -> [Float] {
            (0..<count).flatMap { _ in [Float(normal() + mean), Float(normal()), random.oneIn(9) ? .nan : 1] }
        }
        let (training, test) = (rows(3_000, 0), rows(1_000, shift))
        let found = try #require(
            LeakChecks.adversarialAUC(training: training, test: test, names: ["a", "b", "c"], seed: 7)
        )
        // That a normal value is less than one shifted: the pairs, counted.
        var pairs = 0.0
        for row in 0..<1_000 { for other in 0..<1_000 where test[row * 3] > training[other * 3] { pairs += 1 } }
        let expected = pairs / 1_000_000
        #expect(abs(found - expected) < 0.03, "\(found) instead of \(expected)")
        #expect(
            LeakChecks.adversarialAUC(training: training, test: test, names: ["a", "b", "c"], seed: 7) == found
        )
    }

    @Test func `too few rows are not told apart`() {
        #expect(LeakChecks.adversarialAUC(training: [1, 2, 3], test: [1, 2, 3, 4], names: ["a"], seed: 1) == nil)
        #expect(LeakChecks.adversarialAUC(training: [], test: [], names: [], seed: 1) == nil)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `no line near the one of calibration is more likely`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let scores = (0..<400).map { _ in Double(random.int(1...999)) / 1_000 }
        let labels = scores.map { Double(random.int(1...999)) / 1_000 < 0.2 + 0.6 * $0 ? 1.0 : 0 }
        let line = try #require(CalibrationLine(scores: scores, labels: labels))
        func likelihood(_ slope: Double, _ intercept: Double) -> Double {
            zip(scores, labels).reduce(0) { sum, pair in
                let probability = 1 / (1 + exp(-(slope * log(pair.0 / (1 - pair.0)) + intercept)))
                return sum + log(pair.1 == 1 ? probability : 1 - probability)
            }
        }
        let best = likelihood(line.slope, line.intercept)
        for (slope, intercept) in [(0.01, 0.0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.01, -0.01), (-0.5, 0.5)] {
            #expect(likelihood(line.slope + slope, line.intercept + intercept) < best, "seed \(seed)")
        }
        // Scores drawn to the middle are too little sure, and the slope says so: their labels are less apart than they say.
        #expect(line.slope > 0.3 && line.slope < 0.8, "seed \(seed): \(line)")
    }

    @Test func `scores that mean what they say have slope 1, parted or equal ones no line`() throws {
        // Of 10 rows of score 0.3 three are true, and so on.
        var (scores, labels) = ([Double](), [Double]())
        for tenth in 1...9 {
            for row in 0..<10 {
                scores.append(Double(tenth) / 10)
                labels.append(row < tenth ? 1 : 0)
            }
        }
        let line = try #require(CalibrationLine(scores: scores, labels: labels))
        #expect(abs(line.slope - 1) < 1e-9 && abs(line.intercept) < 1e-9, "\(line)")
        #expect(CalibrationLine(scores: [0.1, 0.2, 0.8, 0.9], labels: [0, 0, 1, 1]) == nil)
        #expect(CalibrationLine(scores: [0.5, 0.5, 0.5], labels: [0, 1, 1]) == nil)
        #expect(CalibrationLine(scores: [0.1, 0.9], labels: [1, 1]) == nil)
        #expect(CalibrationLine(scores: [], labels: []) == nil)
        #expect(CalibrationLine(scores: [0, 1, 0, 1], labels: [0, 1, 1, 0]) != nil)
    }
}
