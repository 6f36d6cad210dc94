import Foundation
import TestSupport
import Testing
import XGBoost

/// A model that XGBoost has fitted to random rows, and rows to predict from that trip models over.
struct GrownForest {
    let booster: XGBoostBooster
    let width: Int
    let probes: [Float]
    let probeCount: Int
    let matrix: XGBoostMatrix

    static let library = Result { try XGBoostLibrary(path: XGBoostLibrary.path(ProcessInfo.processInfo.environment)) }

    struct Shape: Sendable, CustomTestStringConvertible {
        var parameters: [String: String]
        var rounds: Int
        var width = 8
        /// How many of the first features are categories.
        var categorical = 0
        var rows = 400

        var testDescription: String {
            parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
                + " rounds=\(rounds) categories=\(categorical)"
        }
    }

    private static func value(_ random: inout SeededRandom, isCategory: Bool, isProbe: Bool) -> Float {
        if random.oneIn(12) { return .nan }
        if isCategory {
            guard isProbe, random.oneIn(10) else { return Float(random.int(0...40)) }
            return random.pick([41, 63, 64, 1_000, 0.5])
        }
        // Infinite values are refused when a matrix is made, so XGBoost cannot be asked about them.
        let odd: [Float] = [
            0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e-30, -1e30,
        ]
        if isProbe, random.oneIn(8) { return random.pick(odd) }
        return Float(random.int(-1_000...1_000)) / 100
    }

    init(_ shape: Shape, seed: UInt64, probeCount: Int = 300) throws {
        var random = SeededRandom(seed: seed)
        let library = try Self.library.get()
        width = shape.width
        self.probeCount = probeCount
        let names = (0..<width).map { "f\($0)" }
        let types = (0..<width).map { $0 < shape.categorical ? "c" : "q" }
        func rows(_ count: Int, isProbe: Bool) -> [Float] {
            (0..<count * shape.width).map {
                Self.value(&random, isCategory: $0 % shape.width < shape.categorical, isProbe: isProbe)
            }
        }
        let values = rows(shape.rows, isProbe: false)
        let train = try XGBoostMatrix(library, values: values, rowCount: shape.rows, names: names, types: types)
        let classes = shape.parameters["num_class"].flatMap { Int($0) } ?? 2
        let isRegression = shape.parameters["objective"]?.hasPrefix("reg:") == true
        try train.set(
            "label",
            (0..<shape.rows).map { row in
                let signal = values[row * shape.width + shape.width - 1]
                if isRegression { return signal.isNaN ? 3 : signal * 2 + Float(random.int(0...9)) }
                let noisy = (signal.isNaN ? 0 : signal) + Float(random.int(-5...5))
                return classes == 2 ? (noisy > 0 ? 1 : 0) : Float(abs(Int(noisy)) % classes)
            }
        )
        var parameters = [
            (name: "seed", value: "\(seed)"), (name: "nthread", value: "1"), (name: "tree_method", value: "hist"),
        ]
        parameters += shape.parameters.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        booster = try XGBoostBooster(library, [train], parameters: parameters, names: names, types: types)
        for round in 0..<shape.rounds { try booster.update(round: round, on: train) }
        probes = rows(probeCount, isProbe: true)
        matrix = try XGBoostMatrix(library, values: probes, rowCount: probeCount, names: names, types: types)
    }
}

/// Whether two lists of numbers are the same bits.
func sameBits(_ left: [Float], _ right: [Float]) -> Bool { left.map(\.bitPattern) == right.map(\.bitPattern) }
