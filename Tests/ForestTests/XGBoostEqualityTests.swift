import Foundation
import TestSupport
import Testing
import XGBoost

@testable import Forest

/// Margins and predictions are those of the library that fitted the model, bit for bit.
@Suite struct XGBoostEqualityTests {
    static let shapes: [GrownForest.Shape] = [
        .init(parameters: ["objective": "binary:logistic", "max_depth": "1"], rounds: 1),
        .init(parameters: ["objective": "binary:logistic", "max_depth": "6", "eta": "0.1"], rounds: 60),
        .init(parameters: ["objective": "binary:logistic", "max_depth": "12", "eta": "0.3"], rounds: 13, rows: 2_000),
        .init(parameters: ["objective": "binary:logistic", "max_depth": "3", "base_score": "0.2"], rounds: 9),
        .init(parameters: ["objective": "multi:softprob", "num_class": "5", "max_depth": "4"], rounds: 11),
        .init(parameters: ["objective": "multi:softmax", "num_class": "3", "max_depth": "2"], rounds: 7),
        .init(parameters: ["objective": "reg:squarederror", "max_depth": "5"], rounds: 40),
        .init(parameters: ["objective": "reg:absoluteerror", "max_depth": "3"], rounds: 10),
        .init(
            parameters: ["objective": "binary:logistic", "max_depth": "6", "max_cat_to_onehot": "2"],
            rounds: 15,
            categorical: 3
        ),
        .init(
            parameters: ["objective": "reg:squarederror", "max_depth": "6", "max_cat_to_onehot": "100"],
            rounds: 15,
            categorical: 8
        ),
        .init(
            parameters: [
                "objective": "binary:logistic", "num_parallel_tree": "3", "subsample": "0.6", "colsample_bynode": "0.5",
                "grow_policy": "lossguide", "max_leaves": "9", "max_depth": "0",
            ],
            rounds: 8
        ),
        .init(parameters: ["objective": "binary:logistic", "max_depth": "1", "eta": "0.01"], rounds: 3_000, rows: 100),
        .init(parameters: ["objective": "binary:logistic", "booster": "dart", "rate_drop": "0.3"], rounds: 20),
        .init(
            parameters: ["objective": "multi:softprob", "num_class": "3", "rate_drop": "0.5", "booster": "dart"],
            rounds: 9,
            categorical: 2
        ),
        .init(parameters: ["objective": "reg:squarederror", "booster": "dart", "one_drop": "1"], rounds: 12),
    ]

    @Test(arguments: Self.shapes)
    func `margins and predictions are the library's`(shape: GrownForest.Shape) throws {
        for seed: UInt64 in 1...3 {
            let grown = try GrownForest(shape, seed: seed)
            let expected = try grown.booster.margins(grown.matrix)
            let predicted = try grown.booster.predictions(grown.matrix)
            for format in [XGBoostBooster.Format.json, .ubjson] {
                let forest = try Forest(bytes: try grown.booster.save(format: format))
                let margins = forest.margins(grown.probes, count: grown.probeCount)
                #expect(sameBits(margins, expected), "seed \(seed), \(format)")
                #expect(sameBits(forest.plainMargins(grown.probes, count: grown.probeCount), expected), "seed \(seed)")
                if shape.parameters["objective"] != "multi:softmax" {
                    #expect(sameBits(forest.predictions(fromMargins: margins), predicted), "seed \(seed)")
                }
                let single = (0..<grown.probeCount).flatMap { row in
                    forest.margins(Array(grown.probes[row * forest.width..<(row + 1) * forest.width]), count: 1)
                }
                #expect(sameBits(single, expected), "seed \(seed), row by row")
                #expect(forest.featureNames == (0..<grown.width).map { "f\($0)" })
            }
        }
    }

    @Test func `infinite values go the way of large ones`() throws {
        let grown = try GrownForest(Self.shapes[1], seed: 9)
        let forest = try Forest(bytes: try grown.booster.save())
        let endless = grown.probes.map { abs($0) > 1e20 ? ($0 > 0 ? Float.infinity : -.infinity) : $0 }
        #expect(
            sameBits(
                forest.margins(endless, count: grown.probeCount),
                forest.margins(grown.probes, count: grown.probeCount)
            )
        )
    }

    @Test(arguments: ["0.25", "[2.5E-1]", "2.5E-1"])
    func `every spelling of base_score that there was is read`(spelling: String) throws {
        var shape = Self.shapes[3]
        shape.parameters["base_score"] = "0.25"
        let grown = try GrownForest(shape, seed: 4)
        let text = String(decoding: try grown.booster.save(format: .json), as: UTF8.self)
        let pattern = #/"base_score":"[^"]*"/#
        #expect(text.contains(pattern))
        let expected = try grown.booster.margins(grown.matrix)
        for value in ["\"\(spelling)\"", spelling] {
            let forest = try Forest(bytes: Array(text.replacing(pattern, with: "\"base_score\":\(value)").utf8))
            #expect(sameBits(forest.margins(grown.probes, count: grown.probeCount), expected))
        }
    }

    @Test func `a model that was cut to its first rounds predicts by them`() throws {
        let grown = try GrownForest(Self.shapes[1], seed: 5)
        let cut = try grown.booster.slice(rounds: 17)
        let forest = try Forest(bytes: try cut.save())
        #expect(forest.treeCount == 17)
        #expect(
            sameBits(forest.margins(grown.probes, count: grown.probeCount), try cut.margins(grown.matrix))
        )
    }

    @Test func `one thread and two fit the same bytes`() throws {
        var shape = Self.shapes[1]
        shape.rows = 3_000
        shape.parameters["subsample"] = "0.7"
        let single = try GrownForest(shape, seed: 6).booster.save()
        shape.parameters["nthread"] = "2"
        // The number of threads is not part of what is saved.
        #expect(try GrownForest(shape, seed: 6).booster.save() == single)
    }

    @Test func `a library that is not there is named with the way out`() {
        #expect {
            try XGBoostLibrary(path: "/nowhere/libxgboost.so")
        } throws: {
            "\($0)".contains("/nowhere/libxgboost.so") && "\($0)".contains("scripts/setup")
        }
    }
}
