import Features
import Forest
import PointInTime
import TestSupport
import Testing
import Training

@testable import Models

/// Answers of static tasks that are kept are those that the model would have, and take no more memory than they may.
@Suite struct AnswerCacheTests {
    private static let width = 3

    private static func forest(_ slope: Double) throws -> Forest {
        let model = LinearModel(
            task: "regression",
            features: (0..<width).map { "pixels_\($0)" },
            intercept: [0.5],
            weights: [[slope, -1, 2]],
            missing: [0, 0, 0],
            indicator: [[0, 0, 0]]
        )
        return try Forest(bytes: Array(model.json.utf8))
    }

    private static func matrix(_ rows: [[Float]]) -> DesignMatrix {
        let signature = ModelSignature(
            task: .regression,
            inputs: [.init(name: "pixels", type: .vector(width), encoder: .elements(width))]
        )
        let column = Column(type: .vector(width), values: .vector(dimensions: width, rows.flatMap { $0 }))
        return DesignMatrix([column], Encoders(signature), rowCount: rows.count)
    }

    @Test(arguments: 1...20)
    func `what is known is what the model says, whatever was asked for before`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let forests = [try Self.forest(1), try Self.forest(3)]
        // Small enough to forget all the time, or never.
        let bytesMax = seed % 2 == 0 ? 4_096 : 1 << 20
        let cache = AnswerCache(bytesMax: bytesMax)
        var (asked, hits, repeated) = (Set<[UInt32]>(), 0, 0)
        for _ in 0..<200 {
            let model = random.int(0...1)
            let rows = (0..<random.int(1...9)).map { _ in
                (0..<Self.width).map { _ in random.int(0...9) == 0 ? Float.nan : Float(random.int(0...4)) - 0.5 }
            }
            let matrix = Self.matrix(rows)
            let artifact = [UInt8](repeating: UInt8(model), count: 32)
            let (margins, known) = cache.margins(forests[model], artifact: artifact, matrix)
            let expected = forests[model].margins(matrix.values, count: rows.count)
            #expect(margins.map(\.bitPattern) == expected.map(\.bitPattern), "seed \(seed)")
            let keys = rows.map { [UInt32(model)] + $0.map(\.bitPattern) }
            repeated += keys.count { asked.contains($0) }
            asked.formUnion(keys)
            hits += known
            #expect(cache.byteCount <= bytesMax)
        }
        #expect(hits > 0 && hits <= repeated, "seed \(seed): \(hits) hits of \(repeated)")
        if seed % 2 == 1 { #expect(hits == repeated, "seed \(seed)") } else { #expect(hits < repeated, "seed \(seed)") }
    }

    @Test func `a row that is asked for again and again stays`() throws {
        let (cache, forest) = (AnswerCache(bytesMax: 4_096), try Self.forest(1))
        let popular = Self.matrix([[0.25, 0.25, 0.25]])
        #expect(cache.margins(forest, artifact: [1], popular).known == 0)
        for row in 0..<1_000 {
            #expect(cache.margins(forest, artifact: [1], Self.matrix([[Float(row), 0, 0]])).known == 0)
            #expect(cache.margins(forest, artifact: [1], popular).known == 1)
        }
    }
}
