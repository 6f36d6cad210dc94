import Learning
import Testing

@testable import Forest

@Suite struct SparseModelTests {
    static let layout = SlotLayout([
        .values(1), .places(numbers: 1, slots: 3, isSigned: false), .mean(numbers: 2, slots: 2),
    ])
    static let model = SparseModel(
        task: "regression",
        features: ["age", "with \"quotes\"\n", "a", "b"],
        layout: layout,
        offset: 10,
        scale: 2,
        weights: [0.5, 0.25, -1, 0, 3, 1e-3, 0, 7, 1, -2]
    )

    @Test func `its text reads back to the same model`() throws {
        let forest = try Forest(bytes: Array(Self.model.json.utf8))
        #expect(forest.sparse == Self.model)
        #expect(forest.outputs == 1 && forest.width == 4 && forest.objective == .identity)
        #expect(forest.featureNames == Self.model.features)
    }

    @Test func `a margin is the offset and the scaled sum, alone and in a batch`() throws {
        let forest = Forest(Self.model)
        let rows: [Float] = [4, 1, 0, 1, .nan, .nan, .nan, .nan]
        let expected = [Float(10 + 2 * (0.5 + 0.25 * 4 + 3 + 7 * 0.5 + 1 * 0.5)), Float(10 + 2 * (0.5 - 1 + 0 - 2))]
        #expect(forest.margins(rows, count: 2) == expected)
        #expect(forest.margins(Array(rows[4...]), count: 1) == [expected[1]])
    }

    @Test(arguments: [
        ("regression", "ranking", "'ranking'"), ("\"scale\": 2.0", "\"scale\": 1e999", "'scale'"),
        ("\"slots\": [1, 3, 2]", "\"slots\": [1, 3]", "groups"),
        ("\"slots\": [1, 3, 2]", "\"slots\": [1, 4194304, 2]", "slots"),
        ("\"mean\"", "\"sum\"", "'sum'"), ("\"at\": [0, ", "\"at\": [99, ", "'at'"), ("[0.5, ", "[", "'weights'"),
        ("\"numbers\": [1, 1, 2]", "\"numbers\": [1, 1, 3]", "groups"),
        ("\"numbers\": [1, 1, 2]", "\"numbers\": [1, 1.5, 2]", "'numbers'"),
        ("\"offset\": 10.0", "\"offset\": \"x\"", "'offset'"),
        ("\"features\": [\"age\"", "\"features\": [[]", "'features'"),
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
