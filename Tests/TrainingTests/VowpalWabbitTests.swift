import Foundation
import Learning
import TestSupport
import Testing

@testable import Training

/// Vowpal Wabbit, where the lane `learn` has put it: a folder for Python's path of modules.
private enum VowpalWabbit {
    static let folder = ProcessInfo.processInfo.environment["ASOF_VOWPAL_WABBIT"]
    static let isThere = folder.map { FileManager.default.fileExists(atPath: $0 + "/vowpalwabbit") } ?? false
    static let notice: Comment = "scripts/test --lane learn fetches Vowpal Wabbit"

    /// - Returns: what it predicts of each example before it learns from it.
    static func predictions(_ examples: String, _ options: String) throws -> [Double] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("asof-\(UUID().uuidString).vw")
        let answers = path.appendingPathExtension("out")
        defer {
            try? FileManager.default.removeItem(at: path)
            try? FileManager.default.removeItem(at: answers)
        }
        try Data(examples.utf8).write(to: path)
        let script = """
            import sys
            sys.path.insert(0, sys.argv[1])
            import vowpalwabbit
            vowpalwabbit.Workspace(f"-d {sys.argv[2]} -p {sys.argv[3]} --quiet " + sys.argv[4]).finish()
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script, folder ?? "", path.path, answers.path, options]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try String(contentsOf: answers, encoding: .utf8).split(separator: "\n").compactMap { Double($0) }
    }
}

/// Example by example the predictions of `--ftrl`, which computes in single precision, with its hashes of names.
@Suite(.enabled(if: VowpalWabbit.isThere, VowpalWabbit.notice))
struct VowpalWabbitTests {
    private static let bits = 18
    /// Its hash of the intercept.
    private static let constant = 11_650_396

    /// Flights that depend on carrier, destination and weather, as text and as rows.
    private static func examples(
        _ random: inout SeededRandom,
        _ objective: FTRL.Objective
    ) -> (
        text: String, rows: [SparseRow], labels: [Double]
    ) {
        let seed = MurmurHash3.hash(Array("a".utf8)[...])
        var (text, rows, labels) = ("", [SparseRow](), [Double]())
        for _ in 0..<20_000 {
            let (carrier, dest) = (random.int(0...15), random.int(0...100))
            let names = [
                "carrier=C\(carrier)", "dest=D\(dest)", "tail=N\(random.int(0...4_000))", "cross=C\(carrier)^D\(dest)",
            ]
            let temperature = Double(random.int(-300...300)) / 100
            let chance = 10 + carrier * 3 + (dest % 7 == 0 ? 20 : 0) + Int(temperature * 4)
            let isLate = random.int(0...99) < chance
            let label = objective == .logistic ? (isLate ? 1 : 0) : Double(chance) / 50 + (isLate ? 0.5 : 0)
            let shown = objective == .logistic ? (isLate ? "1" : "-1") : "\(label)"
            text += "\(shown) |a \(names.joined(separator: " ")) temp:\(temperature)\n"
            var row = SparseRow()
            for name in names + ["temp"] {
                let hash = MurmurHash3.hash(Array(name.utf8)[...], seed: seed)
                row.append(slot: Int(hash) & (1 << bits - 1), name == "temp" ? temperature : 1)
            }
            row.append(slot: constant & (1 << bits - 1), 1)
            rows.append(row)
            labels.append(label)
        }
        return (text, rows, labels)
    }

    @Test(arguments: [
        FTRL.Parameters(alpha: 0.05, beta: 1, l1: 0, l2: 0), FTRL.Parameters(alpha: 0.1, beta: 1, l1: 0, l2: 10),
        FTRL.Parameters(alpha: 0.5, beta: 0.5, l1: 1, l2: 1),
    ])
    func `probabilities are within 2e-6`(parameters: FTRL.Parameters) throws {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let (text, rows, labels) = Self.examples(&random, .logistic)
        let other = try VowpalWabbit.predictions(
            text,
            "--ftrl --loss_function logistic --link logistic -b \(Self.bits) --ftrl_alpha \(parameters.alpha) --ftrl_beta \(parameters.beta) --l1 \(parameters.l1) --l2 \(parameters.l2)"
        )
        try #require(other.count == rows.count)
        var learner = FTRL(parameters, .logistic, slotCount: 1 << Self.bits)
        let own = zip(rows, labels).map { learner.learn($0, label: $1) }
        let largest = zip(own, other).map { abs($0 - $1) }.max() ?? 1
        #expect(largest <= 2e-6, "seed \(seed): \(largest)")
    }

    @Test func `a slot that a row meets several times is updated as often`() throws {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        var (text, rows, labels) = ("", [SparseRow](), [Double]())
        for _ in 0..<5_000 {
            // Names of digits are slots.
            let slots = (0..<6).map { _ in random.int(1...8) }
            let label = random.int(0...1)
            text += "\(label == 1 ? 1 : -1) |\(slots.map { " \($0):1" }.joined())\n"
            var row = SparseRow()
            for slot in slots + [Self.constant & (1 << Self.bits - 1)] { row.append(slot: slot, 1) }
            rows.append(row)
            labels.append(Double(label))
        }
        let other = try VowpalWabbit.predictions(
            text,
            "--ftrl --loss_function logistic --link logistic -b \(Self.bits) --ftrl_alpha 0.5 --ftrl_beta 1 --l2 1"
        )
        try #require(other.count == rows.count)
        var learner = FTRL(FTRL.Parameters(alpha: 0.5, beta: 1, l1: 0, l2: 1), .logistic, slotCount: 1 << Self.bits)
        let own = zip(rows, labels).map { learner.learn($0, label: $1) }
        let largest = zip(own, other).map { abs($0 - $1) }.max() ?? 1
        #expect(largest <= 2e-6, "seed \(seed): \(largest)")
    }

    /// Its squared loss is the square itself, whose derivative is twice ours: a β and an l2 twice as large undo that.
    @Test func `numbers are within 2e-5 of 1`() throws {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let (text, rows, labels) = Self.examples(&random, .squared)
        let parameters = FTRL.Parameters(alpha: 0.1, beta: 1, l1: 0, l2: 2)
        let other = try VowpalWabbit.predictions(
            text,
            "--ftrl --loss_function squared -b \(Self.bits) --ftrl_alpha 0.1 --ftrl_beta 2 --l2 4 --min_prediction -100 --max_prediction 100"
        )
        try #require(other.count == rows.count)
        var learner = FTRL(parameters, .squared, slotCount: 1 << Self.bits)
        let own = zip(rows, labels).map { learner.learn($0, label: $1) }
        let largest = zip(own, other).map { abs($0 - $1) }.max() ?? 1
        #expect(largest <= 2e-5, "seed \(seed): \(largest)")
    }
}
