import Forest
import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct LinearFitTests {
    /// Rows of three columns, the second with missing values, and a label that hangs on them.
    private static func rows(_ count: Int, seed: UInt64) -> (values: [Float], labels: [Double]) {
        var random = SeededRandom(seed: seed)
        var (values, labels) = ([Float](), [Double]())
        for _ in 0..<count {
            let row = [
                Float(random.int(-100...100)) / 10, random.oneIn(5) ? Float.nan : Float(random.int(0...1_000)),
                Float(random.int(0...1)),
            ]
            values += row
            let noise = Double(random.int(-30...30)) / 10
            labels.append(
                Double(row[0]) + (row[1].isNaN ? 2 : Double(row[1]) / 500) - Double(row[2]) + noise > 1 ? 1 : 0
            )
        }
        return (values, labels)
    }

    @Test func `logistic regression ends where the gradient of the penalized loss is zero`() throws {
        let (values, labels) = Self.rows(500, seed: 3)
        let model = LinearFit(values: values, rowCount: 500, names: ["a", "b", "c"], penalty: 2).logistic(labels)
        // The loss is convex: a step to any side along any weight must not lessen it.
        let deviations = Self.deviations(values, 3)
        func loss(_ model: LinearModel) -> Double {
            var sum = 0.0
            for row in labels.indices {
                var margin = model.intercept[0]
                for column in 0..<3 {
                    let value = values[row * 3 + column]
                    margin +=
                        value.isNaN
                        ? model.missing[column] * model.weights[0][column] + model.indicator[0][column]
                        : Double(value) * model.weights[0][column]
                }
                sum += labels[row] == 1 ? log1p(exp(-margin)) : log1p(exp(margin))
            }
            for column in 0..<3 {
                let standardized = model.weights[0][column] * deviations[column]
                sum += standardized * standardized + model.indicator[0][column] * model.indicator[0][column]
            }
            return sum
        }
        let best = loss(model)
        for column in 0..<3 {
            for step in [1e-4, -1e-4] {
                var other = model
                other.weights[0][column] += step / deviations[column]
                other.intercept[0] -= step / deviations[column] * model.missing[column]
                #expect(loss(other) > best)
                other = model
                other.indicator[0][column] += step
                if column == 1 { #expect(loss(other) > best) }
            }
        }
    }

    private static func deviations(_ values: [Float], _ width: Int) -> [Double] {
        (0..<width).map { column in
            let present = stride(from: column, to: values.count, by: width).map { Double(values[$0]) }.filter {
                !$0.isNaN
            }
            let mean = present.reduce(0, +) / Double(present.count)
            return (present.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(present.count)).squareRoot()
        }
    }

    @Test func `ridge regression without a penalty finds the plane that labels lie on`() {
        let (values, _) = Self.rows(200, seed: 4)
        let labels = (0..<200).map { row -> Double in
            let middle = values[row * 3 + 1]
            return 5 + 2 * Double(values[row * 3]) + (middle.isNaN ? 7 : 0.25 * Double(middle))
                - Double(values[row * 3 + 2])
        }
        let model = LinearFit(values: values, rowCount: 200, names: ["a", "b", "c"], penalty: 1e-9).ridge(labels)
        for (found, expected) in zip(model.weights[0], [2, 0.25, -1]) { #expect(abs(found - expected) < 1e-6) }
        #expect(abs(model.intercept[0] - 5) < 1e-5)
    }

    @Test func `softmax of two classes is logistic regression, whose weights it halves between them`() {
        let (values, labels) = Self.rows(300, seed: 5)
        let fit = LinearFit(values: values, rowCount: 300, names: ["a", "b", "c"], penalty: 1)
        let classes = fit.softmax(labels.map { Int($0) }, classes: 2, rounds: 5_000)
        // Halved weights have half of the penalty, of which there are two.
        let single = LinearFit(values: values, rowCount: 300, names: ["a", "b", "c"], penalty: 0.5).logistic(labels)
        for column in 0..<3 {
            #expect(abs(classes.weights[1][column] - classes.weights[0][column] - single.weights[0][column]) < 1e-4)
        }
    }

    @Test func `the same rows give the same bytes, and Forest reads them`() throws {
        let (values, labels) = Self.rows(100, seed: 6)
        let texts = (0..<2).map { _ in
            LinearFit(values: values, rowCount: 100, names: ["a", "b", "c"]).logistic(labels).json
        }
        #expect(texts[0] == texts[1])
        let forest = try Forest(bytes: Array(texts[0].utf8))
        let scores = forest.predictions(fromMargins: forest.margins(values, count: 100)).map(Double.init)
        let auc = BinaryMetrics(scores: scores, labels: labels).auc ?? 0
        #expect(auc > 0.9)
    }

    @Test func `a column that never moves and an empty one are no obstacle`() {
        let values: [Float] = [1, .nan, 1, .nan, 1, .nan, 1, .nan]
        let model = LinearFit(values: values, rowCount: 4, names: ["a", "b"]).logistic([0, 1, 0, 1])
        #expect(model.weights[0] == [0, 0])
        let rest = model.intercept + model.indicator[0]
        #expect(rest.allSatisfy { $0.isFinite })
    }

    @Test func `a feature that tells the label is named, and days are drawn whole`() throws {
        let labels = (0..<100).map { Double($0 % 2) }
        let values = labels.flatMap { [Float($0), Float.nan] }
        let found = LeakChecks.singleAUCs(values: values, names: ["leak", "empty"], labels: labels)
        #expect(found == [1, 0.5])
        let intervals = DayBootstrap.intervals(days: (0..<100).map { Int64($0 / 10) }, draws: 100, seed: 1) { rows in
            [rows.isEmpty ? nil : rows.reduce(0) { $0 + labels[$1] } / Double(rows.count), nil, Double(rows.count)]
        }
        #expect(intervals.count == 3 && intervals[1] == nil)
        for (interval, expected) in [(intervals[0], 0.5), (intervals[2], 100)] {
            let interval = try #require(interval)
            #expect(interval.low == expected && interval.high == expected)
        }
    }
}
