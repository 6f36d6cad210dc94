import Foundation
import TestSupport
import XGBoost

@testable import Forest

/// What trains the forests that the tests compare with: rows of quantities and of one category, a seed, the library.
struct ForestSample {
    static let library = Swift.Result { () throws(XGBoostError) in
        try XGBoostLibrary.open(XGBoostLibrary.path(ProcessInfo.processInfo.environment))
    }

    /// The last column is a category of 0 to 39; the first has values that stand often.
    static let width = 6
    static let types = ["q", "q", "q", "q", "q", "c"]

    let count: Int
    let rows: [Float]
    let labels: [Float]

    init(seed: UInt64, count: Int, classes: Int) {
        var random = SeededRandom(seed: seed)
        var rows = [Float]()
        var labels = [Float]()
        for _ in 0..<count {
            var row = (0..<Self.width).map { _ in Float.random(in: -2...2, using: &random) }
            row[0] = row[0].rounded()
            row[5] = Float(Int.random(in: 0..<40, using: &random))
            let score =
                row[0] * row[1] + row[2] + (Int(row[5]) % 3 == 0 ? 1 : -1) + Float.random(in: -1...1, using: &random)
            for column in row.indices where Int.random(in: 0..<10, using: &random) == 0 { row[column] = .nan }
            rows += row
            labels.append(
                classes == 0
                    ? score
                    : classes == 2
                        ? (score > 0 ? 1 : 0) : Float(min(classes - 1, max(0, Int(score + Float(classes) / 2))))
            )
        }
        self.count = count
        self.rows = rows
        self.labels = labels
    }

    func matrix(threads: Int = 1) throws -> XGBoostMatrix {
        try XGBoostMatrix(
            try Self.library.get(),
            rows: rows,
            count: count,
            width: Self.width,
            types: Self.types,
            labels: labels,
            threads: threads
        )
    }

    func train(_ parameters: [(name: String, value: String)], rounds: Int, threads: Int = 1) throws -> [UInt8] {
        let fixed = [("nthread", "\(threads)"), ("seed", "7"), ("verbosity", "0")]
        let training = XGBoostTraining(parameters: fixed + parameters, rounds: rounds)
        return try training.run(try Self.library.get(), train: try matrix(threads: threads), valid: nil).model
    }

    /// Rows with everything that a float can be.
    static func hardRows(seed: UInt64, count: Int) -> [Float] {
        var random = SeededRandom(seed: seed)
        let hard: [Float] = [
            .nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
            .greatestFiniteMagnitude,
            1, -1, 2, 0.5, -0.25, 39, 40, 1e9, -.nan,
        ]
        return (0..<(count * width)).map { index in
            if Int.random(in: 0..<4, using: &random) == 0 { return hard.randomElement(using: &random) ?? 0 }
            if index % width == 5 {
                return Float(Int.random(in: -3..<60, using: &random)) * (Bool.random(using: &random) ? 1 : 1.25)
            }
            return Float.random(in: -3...3, using: &random)
        }
    }

    static func booster(_ bytes: [UInt8]) throws -> XGBoostBooster {
        let booster = try XGBoostBooster(try library.get(), parameters: [("nthread", "1"), ("verbosity", "0")])
        try booster.load(bytes)
        return booster
    }

    static func bits(_ values: [Float]) -> [UInt32] { values.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern } }
}
