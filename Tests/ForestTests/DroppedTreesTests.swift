import Foundation
import TestSupport
import Testing
import XGBoost

@testable import Forest

/// Models of dropped trees, in both places of their weights, and models that were stopped early.
@Suite struct DroppedTreesTests {
    private static func grown() throws -> GrownForest {
        try GrownForest(
            .init(parameters: ["objective": "binary:logistic", "booster": "dart", "rate_drop": "0.5"], rounds: 8),
            seed: 3
        )
    }

    @Test func `weights that stand around the trees, as in older versions, count as those beside them`() throws {
        let grown = try Self.grown()
        var text = String(decoding: try grown.booster.save(format: .json), as: UTF8.self)
        let weights = try #require(text.firstRange(of: #/,"weight_drop":\[[^\]]*\]/#))
        let moved = String(text[weights])
        #expect(moved.contains(".") || moved.contains("E-"), "a tree counts less than fully")
        text.removeSubrange(weights)
        text = text.replacing("\"gradient_booster\":{", with: "\"gradient_booster\":{\"gbtree\":{")
        text = text.replacing("},\"name\":\"gbtree\"}", with: "},\"name\":\"gbtree\"},\"name\":\"dart\"\(moved)}")
        text = text.replacing("\"version\":[3,4,1]", with: "\"version\":[3,0,5]")
        let old = Array(text.utf8)
        let expected = try grown.booster.margins(grown.matrix)
        #expect(sameBits(try XGBoostBooster(try GrownForest.library.get(), bytes: old).margins(grown.matrix), expected))
        #expect(sameBits(try Forest(bytes: old).margins(grown.probes, count: grown.probeCount), expected))
    }

    @Test(arguments: ["[1E0]", "[]x", "[1E999,1,1,1,1,1,1,1]", "\"1\""])
    func `weights that are not one finite number a tree are refused`(_ other: String) throws {
        let text = String(decoding: try Self.grown().booster.save(format: .json), as: UTF8.self)
        let changed = text.replacing(#/"weight_drop":\[[^\]]*\]/#, with: "\"weight_drop\":\(other)")
        #expect(throws: ForestError.self) { try Forest(bytes: Array(changed.utf8)) }
    }

    @Test func `training that stops early gives the model cut after its best round`() throws {
        let shape = GrownForest.Shape(parameters: ["objective": "binary:logistic"], rounds: 1)
        var random = SeededRandom(seed: 11)
        let library = try GrownForest.library.get()
        let names = (0..<shape.width).map { "f\($0)" }
        let types = [String](repeating: "q", count: shape.width)
        func matrix(_ count: Int) throws -> XGBoostMatrix {
            let values = (0..<count * shape.width).map { _ in Float(random.int(-100...100)) }
            let matrix = try XGBoostMatrix(library, values: values, rowCount: count, names: names, types: types)
            try matrix.set(
                "label",
                (0..<count).map { values[$0 * shape.width] + Float(random.int(-90...90)) > 0 ? 1 : 0 }
            )
            return matrix
        }
        let parameters = [("objective", "binary:logistic"), ("eta", "0.7"), ("nthread", "1"), ("seed", "1")]
        let training = XGBoostTraining(
            parameters: parameters.map { (name: $0, value: $1) },
            rounds: 200,
            earlyStopping: 5
        )
        var told: [Int] = []
        let (train, valid) = (try matrix(300), try matrix(300))
        let result = try training.run(library, train: train, valid: valid, names: names, types: types) { round, _ in
            told.append(round)
            return true
        }
        #expect(told == Array(result.history.indices))
        #expect(result.history.count == result.bestRound + 6)
        #expect(result.history.min() == result.history[result.bestRound])
        #expect(try Forest(bytes: try result.model.save()).treeCount == result.bestRound + 1)
    }
}
