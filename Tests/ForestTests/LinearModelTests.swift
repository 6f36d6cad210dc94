import TestSupport
import Testing

@testable import Forest

@Suite struct LinearModelTests {
    static let model = LinearModel(
        task: "multiclass",
        features: ["age", "with \"quotes\"\n"],
        intercept: [0.1, -1e-300],
        weights: [[0.25, -3], [1e10, 0.1]],
        missing: [40, 0.5],
        indicator: [[0, 0.75], [2, 0]]
    )

    @Test func `its text reads back to the same model`() throws {
        let forest = try Forest(bytes: Array(Self.model.json.utf8))
        guard case .linear(let read) = forest.kind else {
            Issue.record("not linear")
            return
        }
        #expect(read == Self.model)
        #expect(forest.outputs == 2 && forest.width == 2 && forest.objective == .softmax)
    }

    @Test func `margins are the rounded sums, missing values what the model says`() throws {
        let forest = try Forest(bytes: Array(Self.model.json.utf8))
        #expect(
            forest.margins([4, 2], count: 1) == [Float(0.1 + 4 * 0.25 + 2 * -3.0), Float(-1e-300 + 4e10 + 2 * 0.1)]
        )
        #expect(
            forest.margins([.nan, .nan], count: 1) == [
                Float(0.1 + 40 * 0.25 + 0 + 0.5 * -3 + 0.75), Float(-1e-300 + 40 * 1e10 + 2 + 0.5 * 0.1),
            ]
        )
    }

    @Test(arguments: [
        ("\"outputs\": 2", "\"outputs\": 3", "'intercept'"), ("[40.0", "[1e999", "'missing'"),
        ("multiclass", "ranking", "'ranking'"), ("\"outputs\": 2", "\"outputs\": 1", "'outputs'"),
        ("[0.25, -3.0]", "[0.25]", "'weights'"), ("[\"age\", ", "[[], ", "'features'"),
    ])
    func `what does not fit is refused`(from: String, to: String, expected: String) {
        let text = Self.model.json
        #expect(text.contains(from))
        #expect {
            _ = try Forest(bytes: Array(text.replacing(from, with: to).utf8))
        } throws: {
            "\($0)".contains(expected)
        }
    }
}
