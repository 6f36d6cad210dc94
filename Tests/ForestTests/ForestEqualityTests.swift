import Foundation
import TestSupport
import Testing
import XGBoost

@testable import Forest

/// Margins are the library's, bit for bit. `ASOF_FOREST_CASES` says how many random forests, 16 where nothing says.
@Suite struct ForestEqualityTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var objective: String
        var classes: Int
        var depth: Int
        var rounds: Int
        var more: [String: String] = [:]

        var testDescription: String { "\(objective) depth \(depth) rounds \(rounds) \(more)" }

        var parameters: [(name: String, value: String)] {
            var all = more.merging(["objective": objective, "max_depth": "\(depth)"]) { mine, _ in mine }
            if classes > 2 { all["num_class"] = "\(classes)" }
            return all.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        }
    }

    static let cases: [Case] = [
        Case(objective: "binary:logistic", classes: 2, depth: 1, rounds: 1),
        Case(objective: "binary:logistic", classes: 2, depth: 6, rounds: 60),
        Case(objective: "binary:logistic", classes: 2, depth: 1, rounds: 3000),
        Case(objective: "binary:logistic", classes: 2, depth: 12, rounds: 10, more: ["min_child_weight": "0"]),
        Case(
            objective: "binary:logistic",
            classes: 2,
            depth: 6,
            rounds: 20,
            more: ["booster": "dart", "rate_drop": "0.3"]
        ),
        Case(objective: "binary:logistic", classes: 2, depth: 5, rounds: 9, more: ["max_cat_to_onehot": "100"]),
        Case(objective: "binary:logistic", classes: 2, depth: 4, rounds: 9, more: ["base_score": "0.3"]),
        Case(
            objective: "binary:logistic",
            classes: 2,
            depth: 6,
            rounds: 20,
            more: ["gamma": "2", "num_parallel_tree": "3"]
        ),
        Case(
            objective: "binary:logistic",
            classes: 2,
            depth: 0,
            rounds: 9,
            more: ["grow_policy": "lossguide", "max_leaves": "90"]
        ),
        Case(objective: "multi:softprob", classes: 3, depth: 5, rounds: 17),
        Case(objective: "multi:softmax", classes: 7, depth: 3, rounds: 9, more: ["num_parallel_tree": "2"]),
        Case(
            objective: "multi:softprob",
            classes: 3,
            depth: 3,
            rounds: 9,
            more: ["booster": "dart", "rate_drop": "0.5"]
        ),
        Case(objective: "reg:squarederror", classes: 0, depth: 6, rounds: 33),
        Case(objective: "reg:absoluteerror", classes: 0, depth: 4, rounds: 9),
        Case(objective: "reg:squarederror", classes: 0, depth: 7, rounds: 9, more: ["base_score": "-12.5"]),
        Case(objective: "reg:pseudohubererror", classes: 0, depth: 2, rounds: 9),
    ]

    static let randomCases: [Case] = {
        let count = ProcessInfo.processInfo.environment["ASOF_FOREST_CASES"].flatMap(Int.init) ?? 16
        var random = SeededRandom(seed: 12)
        return (0..<count).map { _ in
            let (objective, classes) =
                [
                    ("binary:logistic", 2), ("multi:softprob", Int.random(in: 3...5, using: &random)),
                    ("reg:squarederror", 0),
                ].randomElement(using: &random) ?? ("binary:logistic", 2)
            var more = ["eta": "0.2", "max_bin": "\([4, 64, 256].randomElement(using: &random) ?? 4)"]
            if Bool.random(using: &random) {
                more["booster"] = "dart"
                more["rate_drop"] = "0.2"
            }
            if Bool.random(using: &random) { more["max_cat_to_onehot"] = "41" }
            return Case(
                objective: objective,
                classes: classes,
                depth: Int.random(in: 1...12, using: &random),
                rounds: Int.random(in: 1...25, using: &random),
                more: more
            )
        }
    }()

    private func check(_ forest: Forest, _ booster: XGBoostBooster, rows: [Float]) throws {
        let width = ForestSample.width
        let count = rows.count / width
        let expected = ForestSample.bits(try booster.predict(rows, count: count, width: width))
        let margins = forest.margins(rows, count: count)
        #expect(ForestSample.bits(margins) == expected)
        #expect(ForestSample.bits(forest.scalarMargins(rows, count: count)) == expected)
        for row in stride(from: 0, to: count, by: 37) {
            let one = forest.margins(Array(rows[(row * width)..<((row + 1) * width)]), count: 1)
            #expect(ForestSample.bits(one) == Array(expected[(row * forest.outputs)..<((row + 1) * forest.outputs)]))
        }
    }

    @Test(arguments: cases + randomCases)
    func `margins of any forest are the library's, in a batch, alone and by the slow walk`(_ given: Case) throws {
        let sample = ForestSample(seed: 3, count: 400, classes: given.classes)
        let model = try sample.train(given.parameters, rounds: given.rounds)
        let forest = try Forest(bytes: model)
        let booster = try ForestSample.booster(model)
        #expect(forest.featureTypes == ForestSample.types)
        #expect(forest.width == ForestSample.width)
        #expect(forest.outputs == max(1, given.classes > 2 ? given.classes : 1))
        let rows = ForestSample.hardRows(seed: 5, count: 500)
        try check(forest, booster, rows: rows)
        let json = try Forest(bytes: try booster.bytes(as: .json))
        #expect(json.margins(rows, count: 500).map(\.bitPattern) == forest.margins(rows, count: 500).map(\.bitPattern))
        guard given.objective != "multi:softmax" else { return }
        let predictions = forest.predictions(fromMargins: forest.margins(rows, count: 500))
        #expect(
            ForestSample.bits(predictions)
                == ForestSample.bits(try booster.predict(rows, count: 500, width: 6, predictions: true))
        )
    }

    @Test(arguments: ["\"[4.95E-1]\"", "\"4.95E-1\"", "\"0.495\"", "4.95E-1", "\"[0.495]\"", "[0.495]"])
    func `base_score is read in every spelling`(_ spelling: String) throws {
        let sample = ForestSample(seed: 3, count: 200, classes: 2)
        let model = try sample.train([("objective", "binary:logistic"), ("base_score", "0.495")], rounds: 3)
        let text = String(decoding: try ForestSample.booster(model).bytes(as: .json), as: UTF8.self)
        let pattern = try Regex(#""base_score":"[^"]*""#)
        let other = text.replacing(pattern, with: "\"base_score\":\(spelling)")
        #expect(spelling.hasPrefix("\"[4") || other != text)
        let rows = ForestSample.hardRows(seed: 8, count: 50)
        let expected = try Forest(bytes: model).margins(rows, count: 50)
        #expect(try Forest(bytes: Array(other.utf8)).margins(rows, count: 50) == expected)
    }

    @Test
    func `a model of 1.7 to 3.0 has one base_score for all classes, and its weights of dropped trees around them`()
        throws
    {
        let sample = ForestSample(seed: 3, count: 200, classes: 3)
        let model = try sample.train(
            [("objective", "multi:softprob"), ("num_class", "3"), ("booster", "dart"), ("rate_drop", "0.5")],
            rounds: 4
        )
        var text = String(decoding: try ForestSample.booster(model).bytes(as: .json), as: UTF8.self)
        text = text.replacing(try Regex(#""base_score":"[^"]*""#), with: "\"base_score\":\"5E-1\"")
        let weights = try #require(text.firstRange(of: try Regex(#","weight_drop":\[[^\]]*\]"#)))
        let moved = String(text[weights])
        text.removeSubrange(weights)
        text = text.replacing("\"gradient_booster\":{", with: "\"gradient_booster\":{\"gbtree\":{")
        text = text.replacing("},\"name\":\"gbtree\"}", with: "},\"name\":\"gbtree\"},\"name\":\"dart\"\(moved)}")
        text = text.replacing("\"version\":[3,4,1]", with: "\"version\":[3,0,5]")
        let old = Array(text.utf8)
        try check(
            try Forest(bytes: old),
            try ForestSample.booster(old),
            rows: ForestSample.hardRows(seed: 8, count: 100)
        )
    }

    @Test func `training gives the same bytes with one thread and with two`() throws {
        for more in [[], [("subsample", "0.7"), ("colsample_bytree", "0.5")]] {
            let sample = ForestSample(seed: 4, count: 3000, classes: 2)
            let parameters = [("objective", "binary:logistic"), ("max_depth", "6")] + more
            #expect(try sample.train(parameters, rounds: 8) == sample.train(parameters, rounds: 8, threads: 2))
        }
    }

    @Test func `training that stops early gives the model cut after its best round`() throws {
        let sample = ForestSample(seed: 4, count: 300, classes: 2)
        let other = ForestSample(seed: 5, count: 300, classes: 2)
        let training = XGBoostTraining(
            parameters: [
                ("objective", "binary:logistic"), ("eta", "0.9"), ("nthread", "1"), ("eval_metric", "logloss"),
            ],
            rounds: 200,
            earlyStopping: 5
        )
        var told = 0
        let result = try training.run(
            try ForestSample.library.get(),
            train: try sample.matrix(),
            valid: try other.matrix()
        ) { round, _ in
            #expect(round == told)
            told += 1
            return true
        }
        let losses = result.history.map { $0.first { $0.name == "valid-logloss" }?.value ?? .nan }
        #expect(losses.indices.min { losses[$0] < losses[$1] } == result.bestRound)
        #expect(result.history.count == result.bestRound + 6 && told == result.history.count)
        let forest = try Forest(xgboost: result.model)
        #expect(forest.treeCount == result.bestRound + 1)
        try check(forest, try ForestSample.booster(result.model), rows: ForestSample.hardRows(seed: 8, count: 100))
        #expect(!result.gains.isEmpty)
    }

    @Test func `a library that is none, or is not there, is told with what to do`() throws {
        #expect(throws: XGBoostError.self) { try XGBoostLibrary.open("/nowhere/libxgboost.so") }
        do throws(XGBoostError) {
            _ = try XGBoostLibrary.open("libc.so.6")
            Issue.record("libc was taken")
        } catch {
            #expect("\(error)".contains("it has no XGBoostVersion; run scripts/setup"))
        }
    }
}
