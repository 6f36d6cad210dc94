import Foundation
import TestSupport
import Testing
import XGBoost

@testable import Forest

/// Model files come from strangers: they are refused, or computed with; nothing else happens.
@Suite struct HostileModelTests {
    private static func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<random.int(1...4) {
            guard !bytes.isEmpty else { break }
            let at = random.int(0...bytes.count - 1)
            switch random.int(0...5) {
            case 0: bytes[at] = UInt8(random.int(0...255))
            case 1: bytes[at] ^= 1 << UInt8(random.int(0...7))
            case 2: bytes.remove(at: at)
            case 3: bytes.insert(UInt8(random.int(0...255)), at: at)
            case 4: bytes.removeLast(random.int(0...min(64, bytes.count)))
            // Digits, so that JSON stays JSON and says other numbers.
            default: bytes[at] = random.pick(Array("0123456789-[]{},\"".utf8))
            }
        }
        return bytes
    }

    /// How many files of each kind: more by `ASOF_FOREST_CASES`.
    private static let cases = ProcessInfo.processInfo.environment["ASOF_FOREST_CASES"].flatMap { Int($0) } ?? 1_500

    @Test(arguments: ["json", "ubj", "categories.json", "categories.ubj", "linear"])
    func `a changed model file is refused or predicts something`(kind: String) throws {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let bytes: [UInt8]
        if kind == "linear" {
            bytes = Array(LinearModelTests.model.json.utf8)
        } else {
            let shape = XGBoostEqualityTests.shapes[kind.hasPrefix("cat") ? 8 : 3]
            let grown = try GrownForest(shape, seed: 1, probeCount: 4)
            bytes = try grown.booster.save(format: kind.hasSuffix("json") ? .json : .ubjson)
        }
        var (taken, refused) = (0, 0)
        for _ in 0..<Self.cases {
            let file = Self.mutated(bytes, &random)
            do throws(ForestError) {
                let forest = try Forest(bytes: file)
                guard forest.width <= 64 else { continue }
                let rows = (0..<3 * forest.width).map { _ in random.pick([Float.nan, 0, 1, -1, 1e9, .infinity]) }
                let margins = forest.margins(rows, count: 3)
                #expect(margins.count == 3 * forest.outputs, "seed \(seed)")
                #expect(sameBits(margins, forest.plainMargins(rows, count: 3)), "seed \(seed)")
                taken += 1
            } catch {
                refused += 1
            }
        }
        #expect(refused > 0 && taken > 0, "seed \(seed)")
    }

    private static func tree(
        left: String = "[1,-1,-1]",
        right: String = "[2,-1,-1]",
        features: String = "[0,0,0]",
        conditions: String = "[0.5,1,2]",
        more: String = ""
    ) -> String {
        """
        {"learner":{"feature_names":[],"feature_types":[],"gradient_booster":{"name":"gbtree","model":{"tree_info":[0],\
        "trees":[{"left_children":\(left),"right_children":\(right),"split_indices":\(features),\
        "split_conditions":\(conditions),"default_left":[0,0,0],"tree_param":{"num_nodes":"3"}\(more)}]}},\
        "learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"2"},\
        "objective":{"name":"binary:logistic"}}}
        """
    }

    @Test func `a small tree is read`() throws {
        let forest = try Forest(bytes: Array(Self.tree().utf8))
        #expect(forest.margins([0.4, 0, 0.5, 0, .nan, 0], count: 3) == [1, 2, 2])
    }

    @Test(arguments: [
        (Self.tree(left: "[1,0,-1]", right: "[2,0,-1]"), "two parents"),
        (Self.tree(left: "[1,-1,-1]", right: "[1,-1,-1]"), "two parents"),
        (Self.tree(left: "[9,-1,-1]"), "a child that is not there"),
        (Self.tree(left: "[-1,-1,-1]", right: "[2,-1,-1]"), "a child that is not there"),
        (Self.tree(features: "[2,0,0]"), "feature 2; there are 2"),
        (Self.tree(conditions: "[0.5,1e999,2]"), "not finite"),
        (Self.tree(conditions: "[NaN,1,2]"), "is NaN"),
        (Self.tree(conditions: "[0.5,1]"), "different lengths"),
        (Self.tree(left: "[1.5,-1,-1]"), "'left_children' has 1.5"),
        (
            Self.tree(
                more:
                    ",\"split_type\":[1,0,0],\"categories\":[1],\"categories_nodes\":[],\"categories_segments\":[],\"categories_sizes\":[]"
            ), "splits by categories and has none"
        ),
        (
            Self.tree(
                more:
                    ",\"split_type\":[1,0,0],\"categories\":[1],\"categories_nodes\":[0],\"categories_segments\":[0],\"categories_sizes\":[9]"
            ), "outside their list"
        ),
        (
            Self.tree(
                more:
                    ",\"split_type\":[1,0,0],\"categories\":[1e12],\"categories_nodes\":[0],\"categories_segments\":[0],\"categories_sizes\":[1]"
            ), "a category is"
        ),
        (Self.tree().replacing("5E-1", with: "x"), "base_score"),
        (Self.tree().replacing("5E-1", with: "1.5"), "lies between 0 and 1"),
        (Self.tree().replacing("binary:logistic", with: "rank:ndcg"), "objective is 'rank:ndcg'"),
        (Self.tree().replacing("gbtree", with: "gblinear"), "booster is 'gblinear'"),
        (Self.tree().replacing("\"num_feature\":\"2\"", with: "\"num_feature\":\"9999999\""), "num_feature is 9999999"),
        (Self.tree().replacing("[0],\"trees\"", with: "[3],\"trees\""), "of output 3"),
        ("{}", "without 'learner'"), ("", "an empty file"), ("tree\nversion=v4", "LightGBM"),
        ("\u{8}\u{7}\u{12}\u{7}pytorch", "ONNX"), ("{\"format\":\"other\"}", "'other'"),
        (String(repeating: "[", count: 90), "not known"),
        ("{\"a\":" + String(repeating: "[", count: 90), "nested more than"),
    ])
    func `what is wrong is said`(file: String, expected: String) {
        #expect {
            _ = try Forest(bytes: Array(file.utf8))
        } throws: {
            "\($0)".contains(expected)
        }
    }

    @Test func `a pickle is refused by its name`() {
        #expect {
            _ = try Forest(bytes: [0x80, 0x04, 0x95, 0, 0])
        } throws: {
            "\($0)".contains("a pickle")
        }
    }
}
