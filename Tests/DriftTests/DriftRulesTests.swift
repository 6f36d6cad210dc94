import Features
import Foundation
import PointInTime
import TestSupport
import Testing
import Training

@testable import Drift

/// Bins, counts and the rules of an alarm.
@Suite struct DriftRulesTests {
    private static func normal(_ random: inout SeededRandom, _ mean: Double = 0, _ deviation: Double = 1) -> Float {
        let (first, second) = (Double.random(in: 1e-12...1, using: &random), Double.random(in: 0...1, using: &random))
        return Float(mean + deviation * (-2 * log(first)).squareRoot() * cos(2 * .pi * second))
    }

    private static func counts(_ column: BinnedColumn, _ values: [Float]) -> ColumnCounts {
        var counts = [Int](repeating: 0, count: column.countsLength)
        counts.withUnsafeMutableBufferPointer { counts in for value in values { column.count(value, in: counts, at: 0) }
        }
        return ColumnCounts(counts[...])
    }

    @Test func `quantile bins hold about as many values each, equal values in one bin`() {
        var random = SeededRandom(seed: 1)
        let values = (0..<10_000).map { _ in Self.normal(&random) }
        let column = BinnedColumn(name: "x", values: values + [.nan, .nan])
        let reference = ColumnCounts(column.reference[...])
        #expect(column.binCount == 10 && reference.nulls == 2 && reference.rows == 10_002 && reference.outside == 0)
        #expect(reference.bins.allSatisfy { (950...1_050).contains($0) }, "\(reference.bins)")
        let mostly = BinnedColumn(name: "y", values: [Float](repeating: 0, count: 900) + (1...100).map(Float.init))
        #expect(mostly.binCount == 2 && ColumnCounts(mostly.reference[...]).bins == [900, 100], "\(mostly)")
        let constant = BinnedColumn(name: "z", values: [Float](repeating: 7, count: 50))
        #expect(constant.binCount == 1 && ColumnCounts(constant.reference[...]).bins == [50])
        let empty = BinnedColumn(name: "n", values: [.nan, .nan])
        #expect(empty.binCount == 1 && ColumnCounts(empty.reference[...]).nulls == 2)
        let outside = Self.counts(constant, [6, 8, 8, .infinity, -.infinity, .nan])
        #expect(outside.below == 2 && outside.above == 3 && outside.nulls == 1 && outside.rows == 6)
    }

    @Test func `the most frequent texts have a bin each, the others share one`() {
        var places: [Float] = []
        for level in 0..<30 { places += [Float](repeating: Float(level), count: 100 - level) }
        let column = BinnedColumn(name: "c", places: places + [.nan], levels: 30)
        let reference = ColumnCounts(column.reference[...])
        #expect(column.binCount == 19 && reference.bins[0] == 100 && reference.nulls == 1)
        #expect(reference.bins[18] == (18..<30).reduce(0) { $0 + 100 - $1 })
        let few = BinnedColumn(name: "c", places: [0, 1, 1], levels: 2)
        #expect(few.binCount == 2 && ColumnCounts(few.reference[...]).bins == [2, 1])
    }

    @Test func `the index is that of its formula, less its noise`() {
        let column = BinnedColumn(name: "x", values: (0..<1_000).map(Float.init))
        let reference = ColumnCounts(column.reference[...])
        let current = Self.counts(column, (0..<1_000).map { Float($0 < 700 ? $0 % 100 : $0) })
        var sum = 0.0
        for (now, then) in zip(current.bins, reference.bins) {
            let (p, q) = ((Double(now) + 0.5) / 1_005, (Double(then) + 0.5) / 1_005)
            sum += (p - q) * log(p / q)
        }
        let psi = DriftRules().psi(current, reference) ?? -1
        #expect(abs(psi - (sum - 9 * 2 / 1_000)) < 1e-12)
        #expect(DriftRules().psi(reference, reference) == 0)
        #expect(DriftRules().psi(Self.counts(column, [1, 2, 3]), reference) == nil)
    }

    @Test func `windows without drift alarm next to never`() {
        var random = SeededRandom(seed: 7)
        let column = BinnedColumn(name: "x", values: (0..<5_000).map { _ in Self.normal(&random) })
        let texts = BinnedColumn(name: "t", places: (0..<5_000).map { _ in Float(random.int(0...11)) }, levels: 12)
        let rules = DriftRules()
        var alarms = 0
        for _ in 0..<1_000 {
            let values = (0..<500).map { _ in random.oneIn(200) ? Float.nan : Self.normal(&random) }
            if !rules.judge(column, Self.counts(column, values), past: []).signs.isEmpty { alarms += 1 }
            let places = (0..<500).map { _ in Float(random.int(0...11)) }
            if !rules.judge(texts, Self.counts(texts, places), past: []).signs.isEmpty { alarms += 1 }
        }
        #expect(alarms == 0)
    }

    @Test func `a shift, nulls, unseen texts and values out of range alarm, each by its name`() {
        var random = SeededRandom(seed: 8)
        let fahrenheit = (0..<20_000).map { _ in Self.normal(&random, 60, 15) }
        let column = BinnedColumn(name: "temp", values: fahrenheit)
        let rules = DriftRules()
        // Degrees of another scale.
        let celsius = (0..<1_000).map { _ in (Self.normal(&random, 40, 12) - 32) * 5 / 9 }
        let shifted = rules.judge(column, Self.counts(column, celsius), past: [])
        #expect(shifted.isAlarm && shifted.signs.map(\.kind).contains(.distribution), "\(shifted)")
        let half = fahrenheit.prefix(1_000).map { random.oneIn(4) ? Float.nan : $0 }
        #expect(rules.judge(column, Self.counts(column, half), past: []).signs.map(\.kind).contains(.nulls))
        // An effect that is no effect: many rows, a shift of a hundredth of a deviation.
        let near = (0..<200_000).map { _ in Self.normal(&random, 60.15, 15) }
        #expect(rules.judge(column, Self.counts(column, near), past: []).signs.isEmpty)
        let beyond = fahrenheit.prefix(1_000).enumerated().map { $0 % 50 == 0 ? Float(500) : $1 }
        let outside = rules.judge(column, Self.counts(column, beyond), past: [])
        #expect(outside.signs.map(\.kind) == [.outside] && outside.isAlarm, "\(outside)")
        var counts = ColumnCounts((column.reference)[...])
        counts.unseen = counts.rows / 10
        #expect(rules.judge(column, counts, past: []).signs.first { $0.kind == .unseen }?.severity == .warning)
        counts.unseen = counts.rows
        #expect(rules.judge(column, counts, past: []).signs.first { $0.kind == .unseen }?.severity == .alarm)
    }

    @Test func `what a column always does is no alarm`() {
        var random = SeededRandom(seed: 9)
        let column = BinnedColumn(name: "x", values: (0..<5_000).map { _ in Self.normal(&random) })
        func window(_ mean: Double) -> ColumnCounts {
            Self.counts(column, (0..<1_000).map { _ in Self.normal(&random, mean) })
        }
        let rules = DriftRules()
        let current = window(0.8)
        let alone = rules.judge(column, current, past: [])
        #expect(alone.isAlarm && alone.threshold == 0.2)
        let usual = rules.judge(column, current, past: [window(0), window(0.75)])
        #expect(!usual.isAlarm && usual.threshold > 0.2)
        // Only the last eight count.
        let old = [window(0.75)] + (0..<8).map { _ in window(0) }
        #expect(rules.judge(column, current, past: old).isAlarm)
    }

    @Test func `rows of a matrix are counted as one by one`() {
        var random = SeededRandom(seed: 10)
        let signature = ModelSignature(
            task: .binary,
            inputs: [
                .init(name: "n", type: .float64, encoder: .number),
                .init(name: "c", type: .string, encoder: .categories(["a", "b", "c"])),
                .init(name: "o", type: .string, encoder: .onehot(["x", "y"])),
                .init(name: "v", type: .vector(2), encoder: .elements(2)),
            ]
        )
        func columns(_ count: Int) -> [Column] {
            let texts = ["a", "b", "c", "d"]
            let others = ["x", "y", "z"]
            func nullable(_ values: [Value], _ type: FeatureType) -> Column {
                Column(type: type, values.map { random.oneIn(5) ? .null : $0 })
            }
            return [
                nullable((0..<count).map { _ in .float64(Double(random.int(0...99))) }, .float64),
                nullable((0..<count).map { _ in .string(texts[random.int(0...3)]) }, .string),
                nullable((0..<count).map { _ in .string(others[random.int(0...2)]) }, .string),
                nullable((0..<count).map { _ in .vector([Float(random.int(0...9)), 1]) }, .vector(2)),
            ]
        }
        let training = DesignMatrix(columns(400), signature, rowCount: 400)
        let reference = ReferenceHistograms(training, signature, predictions: (0..<100).map { Float($0) / 100 })
        let given = columns(300)
        let matrix = DesignMatrix(given, signature, rowCount: 300)
        let answers = (0..<300).map { $0 % 7 == 0 ? nil : Float($0 % 50) / 50 }
        var all = [Int](repeating: 0, count: reference.countsLength)
        TrafficCounter(reference, signature).add(matrix, answers, to: &all)
        let counted = reference.split(all)
        #expect(counted.allSatisfy { $0.rows == 300 }, "\(counted)")
        // By the columns themselves.
        for (index, column) in given.enumerated() {
            #expect(counted[index].nulls == column.nullCount, "\(signature.inputs[index].name)")
        }
        func unseen(_ column: Column, _ known: [String]) -> Int {
            (0..<300).count { row in
                if case .string(let text) = column.value(row) { !known.contains(text) } else { false }
            }
        }
        #expect(counted[1].unseen == unseen(given[1], ["a", "b", "c"]) && counted[1].unseen > 0)
        #expect(counted[2].unseen == unseen(given[2], ["x", "y"]) && counted[2].unseen > 0)
        #expect(counted[4].nulls == 43)
        // One row at a time is the same.
        var single = [Int](repeating: 0, count: reference.countsLength)
        let counter = TrafficCounter(reference, signature)
        for row in 0..<300 {
            let one = DesignMatrix(given.map { $0.slice(row..<row + 1) }, signature, rowCount: 1)
            counter.add(one, [answers[row]], to: &single)
        }
        #expect(single == all)
    }

    @Test func `histograms that do not fit a signature are named`() {
        let signature = ModelSignature(
            task: .binary,
            inputs: [
                .init(name: "n", type: .float64, encoder: .number),
                .init(name: "c", type: .string, encoder: .categories(["a", "b", "c"])),
            ]
        )
        let columns = [
            Column(type: .float64, values: .float64((0..<30).map(Double.init))),
            Column(type: .string, values: .text(TextValues((0..<30).map { ["a", "b", "c"][$0 % 3] }))),
        ]
        let matrix = DesignMatrix(columns, signature, rowCount: 30)
        let fitting = ReferenceHistograms(matrix, signature, predictions: (0..<30).map { Float($0) / 30 })
        #expect(fitting.fault(signature) == nil)
        func fault(_ change: (inout ReferenceHistograms) -> Void) -> String? {
            var changed = fitting
            change(&changed)
            return changed.fault(signature)
        }
        #expect(fault { $0.inputs.removeLast() } == "have 1 inputs and 1 outputs, the signature 2 and 1")
        #expect(fault { $0.outputs = [] } != nil)
        #expect(fault { $0.inputs[0].edges.append(1e9) } == "of the input 'n' have other bins than it has values")
        #expect(fault { $0.inputs[0].binCount = .max } != nil)
        #expect(fault { $0.inputs[0].reference.removeLast() } != nil)
        #expect(fault { $0.inputs[0].reference[0] = .max } != nil)
        #expect(fault { $0.inputs[0].levelBins = [0, 0, 0] } != nil)
        #expect(fault { $0.inputs[1].levelBins = [0, 1, 3] } != nil)
        #expect(fault { $0.inputs[1].levelBins = [0, 1] } != nil)
        #expect(fault { $0.outputs[0].levelBins = [0] } == "of the output 'score' have other bins than it has values")
    }
}
