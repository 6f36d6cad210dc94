import Columnar
import Features
import PointInTime
import TestSupport
import Testing

@Suite struct RoundTripTests {
    static let types: [FeatureType] = [
        .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(3), .listInt64, .listString,
    ]

    @Test(
        "what is written is read back identically, for every type and format",
        arguments: FileFormat.allCases,
        [1, 2, 3, 4, 5, 6] as [UInt64]
    )
    func random(format: FileFormat, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let scratch = try Scratch()
        let path = scratch.path + "/table"
        let columns = Self.types.map { (name: "a \"\($0.text)\"", type: $0) }
        let writer = try TableWriter(path: path, format: format, columns: columns)
        var written: [[Value]] = []
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let rowCount = Int.random(in: 0...200, using: &random)
            let rows = (0..<rowCount).map { _ in Self.types.map { RandomValue.make($0, using: &random) } }
            written += rows
            let batch = ColumnBatch(
                names: columns.map(\.name),
                columns: Self.types.indices.map { index in Column(Self.types[index], rows.map { $0[index] }) },
                rowCount: rowCount
            )
            try writer.write(batch)
        }
        try writer.finish()

        var options = InputOptions()
        options.batchRows = Int.random(in: 1...100, using: &random)
        options.chunkBytes = Int.random(in: 1...5_000, using: &random)
        let requests = columns.map { ColumnRequest(sourceName: $0.name, type: $0.type) }
        let read = try readAll(path, format, requests, options)
        #expect(read.map { $0.map(bits) } == written.map { $0.map(bits) }, "seed \(seed)")
    }
}
