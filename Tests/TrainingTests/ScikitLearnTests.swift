import Foundation
import TestSupport
import Testing

@testable import Training

/// scikit-learn, where the lane `models` has put it: a folder for Python's path of modules.
private enum ScikitLearn {
    static let folder = ProcessInfo.processInfo.environment["ASOF_SCIKIT_LEARN"]
    static let isThere = folder.map { FileManager.default.fileExists(atPath: $0 + "/sklearn") } ?? false
    static let notice: Comment = "scripts/test --lane models fetches scikit-learn"

    /// What scikit-learn finds in the cases of a file of JSON: of each, metrics by name.
    static func metrics(_ script: String, _ cases: some Encodable) throws -> [[String: Double]] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("asof-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: path) }
        try JSONEncoder().encode(cases).write(to: path)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-W", "error", "-c", script, folder ?? "", path.path]
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try JSONDecoder().decode([[String: Double]].self, from: bytes)
    }

    static let opening = """
        import json, sys
        sys.path.insert(0, sys.argv[1])
        import numpy as np
        from sklearn import metrics as m
        with open(sys.argv[2]) as file:
            cases = json.load(file)
        found = []
        """
    static let closing = "\njson.dump(found, sys.stdout)\n"

    static func isNear(_ own: Double?, _ other: Double?) -> Bool {
        guard let own, let other else { return own == nil && other == nil }
        return abs(own - other) <= 1e-12 * max(1, abs(other))
    }
}

/// Metrics equal scikit-learn's to 1e-12: 1,000 random vectors of each task, with ties, half with weights.
@Suite(.enabled(if: ScikitLearn.isThere, ScikitLearn.notice))
struct ScikitLearnTests {
    private static func weights(_ random: inout SeededRandom, _ count: Int) -> [Double] {
        (0..<count).map { _ in Double(random.int(1...1_000)) / 100 }
    }

    @Test func `metrics of a binary label`() throws {
        struct Case: Encodable {
            var scores: [Double]
            var labels: [Double]
            var weights: [Double]?
        }
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let cases = (0..<1_000).map { number -> Case in
            let count = random.int(2...400)
            let steps = [3, 10, 1_000_000][number % 3]
            var labels = (0..<count).map { _ in random.oneIn(3) ? 1.0 : 0 }
            (labels[0], labels[1]) = (1, 0)
            return Case(
                scores: (0..<count).map { _ in Double(random.int(0...steps)) / Double(steps) },
                labels: labels,
                weights: number % 2 == 0 ? nil : Self.weights(&random, count)
            )
        }
        let script =
            ScikitLearn.opening + """

                for c in cases:
                    s, y, w = np.array(c["scores"]), np.array(c["labels"]), c.get("weights")
                    found.append({
                        "auc": m.roc_auc_score(y, s, sample_weight=w),
                        "average_precision": m.average_precision_score(y, s, sample_weight=w),
                        "log_loss": m.log_loss(y, s, sample_weight=w),
                        "brier": m.brier_score_loss(y, s, sample_weight=w),
                    })
                """ + ScikitLearn.closing
        for (number, (sample, other)) in try zip(cases, ScikitLearn.metrics(script, cases)).enumerated() {
            let own = BinaryMetrics(scores: sample.scores, labels: sample.labels, weights: sample.weights)
            let comment: Comment = "case \(number) of seed \(seed)"
            #expect(ScikitLearn.isNear(own.auc, other["auc"]), comment)
            #expect(ScikitLearn.isNear(own.averagePrecision, other["average_precision"]), comment)
            #expect(ScikitLearn.isNear(own.logLoss, other["log_loss"]), comment)
            #expect(ScikitLearn.isNear(own.brier, other["brier"]), comment)
        }
    }

    @Test func `metrics of several classes`() throws {
        struct Case: Encodable {
            var classes: Int
            var probabilities: [Double]
            var labels: [Int]
            var weights: [Double]?
        }
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let cases = (0..<1_000).map { number -> Case in
            let (count, classes) = (random.int(2...200), random.int(4...9))
            // Without ties: of equal ones, scikit-learn's top 3 takes those of later classes, ours all.
            let probabilities = (0..<count).flatMap { _ -> [Double] in
                let parts = (0..<classes).map { place in Double(random.int(1...100_000)) + Double(place) / 16 }
                let sum = parts.reduce(0, +)
                return parts.map { $0 / sum }
            }
            return Case(
                classes: classes,
                probabilities: probabilities,
                labels: (0..<count).map { _ in random.int(0...classes - 1) },
                weights: number % 2 == 0 ? nil : Self.weights(&random, count)
            )
        }
        let script =
            ScikitLearn.opening + """

                for c in cases:
                    k, w = c["classes"], c.get("weights")
                    p, y = np.array(c["probabilities"]).reshape(-1, k), np.array(c["labels"])
                    best, all = p.argmax(axis=1), np.arange(k)
                    found.append({
                        "log_loss": m.log_loss(y, p, sample_weight=w, labels=all),
                        "accuracy": m.accuracy_score(y, best, sample_weight=w),
                        "macro_f1": m.f1_score(y, best, average="macro", sample_weight=w),
                        "top_3": m.top_k_accuracy_score(y, p, k=3, sample_weight=w, labels=all),
                    })
                """ + ScikitLearn.closing
        for (number, (sample, other)) in try zip(cases, ScikitLearn.metrics(script, cases)).enumerated() {
            let own = MulticlassMetrics(
                probabilities: sample.probabilities,
                labels: sample.labels,
                classes: sample.classes,
                weights: sample.weights
            )
            let comment: Comment = "case \(number) of seed \(seed)"
            #expect(ScikitLearn.isNear(own.logLoss, other["log_loss"]), comment)
            #expect(ScikitLearn.isNear(own.accuracy, other["accuracy"]), comment)
            #expect(ScikitLearn.isNear(own.macroF1, other["macro_f1"]), comment)
            #expect(ScikitLearn.isNear(own.top3, other["top_3"]), comment)
        }
    }

    @Test func `metrics of numbers`() throws {
        struct Case: Encodable {
            var predictions: [Double]
            var labels: [Double]
            var weights: [Double]?
        }
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let cases = (0..<1_000).map { number -> Case in
            let count = random.int(2...400)
            let labels = (0..<count).map { Double(random.int(-1_000...1_000)) / 8 + Double($0) }
            return Case(
                predictions: labels.map { $0 + Double(random.int(-500...500)) / 8 },
                labels: labels,
                weights: number % 2 == 0 ? nil : Self.weights(&random, count)
            )
        }
        let script =
            ScikitLearn.opening + """

                for c in cases:
                    p, y, w = np.array(c["predictions"]), np.array(c["labels"]), c.get("weights")
                    found.append({
                        "rmse": m.root_mean_squared_error(y, p, sample_weight=w),
                        "mae": m.mean_absolute_error(y, p, sample_weight=w),
                        "r2": m.r2_score(y, p, sample_weight=w),
                    })
                """ + ScikitLearn.closing
        for (number, (sample, other)) in try zip(cases, ScikitLearn.metrics(script, cases)).enumerated() {
            let own = RegressionMetrics(
                predictions: sample.predictions,
                labels: sample.labels,
                weights: sample.weights
            )
            let comment: Comment = "case \(number) of seed \(seed)"
            #expect(ScikitLearn.isNear(own.rmse, other["rmse"]), comment)
            #expect(ScikitLearn.isNear(own.mae, other["mae"]), comment)
            #expect(ScikitLearn.isNear(own.r2, other["r2"]), comment)
        }
    }

    @Test func `100,000 texts fall into the buckets of FeatureHasher, with its signs`() throws {
        struct Case: Encodable {
            var buckets: Int
            var texts: [String]
        }
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let alphabet = Array("abcXYZ019 =^-_.é日\u{10FFFF}🙂")
        let cases = [8, 1_000, 1 << 18, 1 << 20, 1_048_573].map { buckets in
            Case(
                buckets: buckets,
                texts: (0..<20_000).map { number in
                    let name = String((0..<random.int(0...12)).map { _ in random.pick(alphabet) })
                    return "\(name)=\(number % 3 == 0 ? "\(random.int(-1_000_000...1_000_000))" : name)"
                }
            )
        }
        let script =
            ScikitLearn.opening + """

                from sklearn.feature_extraction import FeatureHasher
                for c in cases:
                    hasher = FeatureHasher(n_features=c["buckets"], input_type="string", dtype=np.float64)
                    matrix = hasher.transform([[text] for text in c["texts"]]).tocsr()
                    assert (np.diff(matrix.indptr) == 1).all()
                    found += [{"bucket": int(b), "sign": s} for b, s in zip(matrix.indices, matrix.data)]
                """ + ScikitLearn.closing
        let others = try ScikitLearn.metrics(script, cases)
        let texts = cases.flatMap { sample in sample.texts.map { (sample.buckets, $0) } }
        try #require(others.count == texts.count && texts.count == 100_000)
        for ((buckets, text), other) in zip(texts, others) {
            let (bucket, isNegative) = FeatureHash(buckets: buckets, isSigned: true).bucket(Array(text.utf8)[...])
            #expect(
                Double(bucket) == other["bucket"] && (isNegative ? -1 : 1) == other["sign"],
                "'\(text)' of seed \(seed)"
            )
        }
    }
}
