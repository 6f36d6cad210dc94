import Features
import Foundation
import PointInTime
import TestSupport
import Testing

@testable import Training

@Suite struct DesignMatrixTests {
    private static let columns: [(name: String, column: Column)] = [
        ("a__flag", Column(type: .bool, validity: [true, false, true], values: .bool([true, false, false]))),
        ("a__count", Column(type: .int64, values: .int64([1, 16_777_217, -3]))),
        (
            "a__embedding",
            Column(
                type: .vector(2),
                validity: [true, true, false],
                values: .vector(dimensions: 2, [1, 2, 3, 4, 0, 0])
            )
        ),
        (
            "a__carrier",
            Column(type: .string, validity: [true, true, false], values: .text(TextValues(["UA", "AA", ""])))
        ),
    ]

    @Test func `each value becomes its single-precision number, null a missing one`() throws {
        let signature = try EncoderFit(Self.columns, for: .trees).signature(.binary)
        let matrix = DesignMatrix(Self.columns.map(\.column), signature, rowCount: 3)
        #expect(matrix.width == 5)
        let text = matrix.values.map { $0.isNaN ? "-" : "\($0)" }.joined(separator: " ")
        #expect(text == "1.0 1.0 1.0 2.0 1.0 - 16777216.0 3.0 4.0 0.0 0.0 -3.0 - - -")
        #expect(signature.featureNames == ["a__flag", "a__count", "a__embedding_0", "a__embedding_1", "a__carrier"])
        #expect(signature.featureTypes == ["q", "q", "q", "q", "c"])
    }

    @Test func `a text that training did not have is missing, or the place of others, and counted`() throws {
        let other = Column(type: .string, validity: [true, false], values: .text(TextValues(["ZZ", ""])))
        let categories = try EncoderFit([Self.columns[3]], for: .trees).signature(.binary)
        let trees = DesignMatrix([other], categories, rowCount: 2)
        #expect(trees.values.allSatisfy(\.isNaN) && trees.unseen == [1])
        let onehot = ["a__carrier": ModelDefinition.Encoding.onehot(minCount: 1)]
        let levels = try EncoderFit([Self.columns[3]], for: .linear, encodings: onehot).signature(.binary)
        let linear = DesignMatrix([other], levels, rowCount: 2)
        #expect(linear.values == [0, 0, 0, 1, 0, 0, 1, 0] && linear.unseen == [1])
    }

    @Test func `dictionaries hold the most frequent texts, in bytewise order`() throws {
        let texts = (0..<300).flatMap { [String](repeating: "t\($0)", count: $0 < 10 ? 1 : 2) }
        let column = Column(type: .string, values: .text(TextValues(texts)))
        let inputs = try EncoderFit([("x", column)], for: .trees).inputs
        guard case .categories(let levels) = inputs[0].encoder else {
            Issue.record("no categories")
            return
        }
        #expect(levels.count == 254 && !levels.contains("t5"))
        #expect(levels == levels.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    @Test func `times and bytes are refused with what to do instead`() {
        for (type, expected) in [(FeatureType.timestamp, "derive an age"), (.bytes, "take it out of the service")] {
            #expect {
                try EncoderFit([("v__x", Column(emptyOf: type))], for: .trees)
            } throws: {
                "\($0)".contains("'v__x'") && "\($0)".contains(expected)
            }
        }
    }

    @Test func `a signature is the same after JSON`() throws {
        let onehot = ["a__carrier": ModelDefinition.Encoding.onehot(minCount: 1)]
        let fit = try EncoderFit(Self.columns, for: .linear, encodings: onehot)
        let signature = fit.signature(.multiclass, classes: ["a", "b"])
        let data = try JSONEncoder().encode(signature)
        #expect(try JSONDecoder().decode(ModelSignature.self, from: data) == signature)
    }

    @Test func `labels are numbers, classes in their order, null is none`() throws {
        let flags = Column(type: .bool, validity: [true, false], values: .bool([true, false]))
        let binary = try Labels(flags, name: "y", .binary, training: [0, 1])
        #expect(binary.values[0] == 1 && binary.values[1].isNaN)
        let numbers = Column(type: .int32, values: .int32([10, 9, 10, 3]))
        let classes = try Labels(numbers, name: "y", .multiclass, training: [0, 1, 2])
        #expect(classes.classes == ["9", "10"])
        #expect(classes.values[..<3] == [1, 0, 1] && classes.values[3].isNaN)
        #expect {
            try Labels(numbers, name: "y", .binary, training: [0])
        } throws: {
            "\($0)".contains("the label 'y' is 10.0 in row 1")
        }
    }
}
