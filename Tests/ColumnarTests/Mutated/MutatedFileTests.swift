import Features
import Foundation
import PointInTime
import TestSupport
import Testing

@testable import Columnar

/// Files with random damage: they give rows or an error, and the process lives on.
///
/// `ASOF_MUTATIONS` says how many of each format, 300 where nothing says; the lane `asan` asks for 10,000. A file is
/// on disk before it is read, named by its seed, so that one which ends the process is found: what is printed first tells
/// where.
@Suite(.serialized) struct MutatedFileTests {
    static let count = ProcessInfo.processInfo.environment["ASOF_MUTATIONS"].flatMap(Int.init) ?? 300
    static let firstSeed = ProcessInfo.processInfo.environment["ASOF_MUTATION_SEED"].flatMap(UInt64.init) ?? 1

    /// Small files of every type that a format has, as they are written and as others write them.
    private static func bases(_ format: FileFormat, _ scratch: Scratch) throws -> [[UInt8]] {
        var random = SeededRandom(seed: 5)
        var files: [[UInt8]] = []
        for rowCount in [0, 3, 40] {
            let path = scratch.path + "/base"
            let columns = RoundTripTests.types.map { (name: $0.text, type: $0) }
            let writer = try TableWriter(path: path, format: format, columns: columns)
            let rows = (0..<rowCount).map { _ in RoundTripTests.types.map { RandomValue.make($0, using: &random) } }
            for half in [rows.prefix(rowCount / 2), rows.dropFirst(rowCount / 2)] where !half.isEmpty {
                let values = RoundTripTests.types.indices.map { index in
                    Column(RoundTripTests.types[index], half.map { $0[index] })
                }
                try writer.write(ColumnBatch(names: columns.map(\.name), columns: values, rowCount: half.count))
            }
            try writer.finish()
            files.append(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        }
        let fixtures: [String] =
            switch format {
            case .parquet: ["sources.parquet", "int96.parquet"]
            case .arrow: ["sources.arrow", "sources.arrows", "refused.arrow"]
            case .csv, .jsonLines: []
            }
        for name in fixtures {
            files.append(Array(try Data(contentsOf: URL(fileURLWithPath: ArrowTests.fixture(name)))))
        }
        return files
    }

    /// Reads a file as a caller may, looking at every value.
    private static func read(_ path: String, _ format: FileFormat, _ mutation: inout Mutation) throws {
        var options = InputOptions()
        options.timeUnit = mutation.chance(2) ? .us : nil
        options.skipsBadRows = mutation.chance(2)
        options.isExtraIgnored = mutation.chance(2)
        options.batchRows = mutation.number(1...64)
        options.batchBytes = 1 << 20
        options.chunkBytes = mutation.number(1...4_096)
        options.recordBytesMax = 1 << 20
        let reader = try TableReader(path: path, format: format, options: options)
        var requests: [ColumnRequest]
        switch mutation.number(0...3) {
        case 0 where format == .csv || format == .jsonLines: requests = try reader.inferTypes()
        case 1: requests = RoundTripTests.types.map { ColumnRequest(sourceName: $0.text, type: $0) }
        default:
            // Arrow's files say what their columns are; texts are asked for what was written.
            let known = Dictionary(uniqueKeysWithValues: RoundTripTests.types.map { ($0.text, $0) })
            requests = reader.sourceColumns.compactMap { column in
                (column.type ?? known[column.name]).map { ColumnRequest(sourceName: column.name, type: $0) }
            }
        }
        if mutation.chance(3) { requests.removeAll { _ in mutation.chance(2) } }
        try reader.select(requests)
        // A damaged count may say that there are 2^60 rows of nothing: they would come, a batch at a time.
        var batches = 0
        while batches < 200, let batch = try reader.next() {
            batches += 1
            #expect(batch.rowCount <= options.batchRows)
            for column in batch.columns {
                #expect(column.rowCount == batch.rowCount)
                for row in 0..<batch.rowCount { _ = column.value(row) }
            }
            for reject in reader.batchRejects { #expect(!reject.reason.isEmpty) }
        }
    }

    @Test(arguments: FileFormat.allCases)
    func `a damaged file gives rows or an error`(format: FileFormat) throws {
        let scratch = try Scratch()
        let bases = try Self.bases(format, scratch)
        print("mutated \(format): seeds \(Self.firstSeed) and \(Self.count - 1) more, in \(scratch.path)")
        var errors = 0
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            var mutation = Mutation(seed: seed)
            var bytes = bases[mutation.number(0...bases.count - 1)]
            mutation.mutate(&bytes, others: bases)
            let path = try scratch.file("\(seed)", bytes)
            do {
                try Self.read(path, format, &mutation)
            } catch let error as ColumnarError {
                errors += 1
                #expect(!"\(error)".isEmpty)
            }
            unlink(path)
        }
        print("mutated \(format): \(errors) errors")
        #expect(errors > Self.count / 20, "the damage is too mild")
        #expect(errors < Self.count, "nothing is read any more")
    }

    @Test func `a damaged segment gives rows or an error, also where its checksums are right`() throws {
        let scratch = try Scratch()
        var random = SeededRandom(seed: 3)
        let written = try (0..<3).map {
            try WrittenSegment(scratch, groupRows: [[1], [60, 7], [300]][$0], nullShare: $0 * 4, using: &random)
        }
        print("mutated segments: seeds \(Self.firstSeed) and \(Self.count - 1) more, in \(scratch.path)")
        var (errors, deep) = (0, 0)
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            var mutation = Mutation(seed: seed)
            let base = written[mutation.number(0...written.count - 1)]
            var bytes = base.bytes
            var facts = base.checks
            let tailStart = bytes.count - Int(facts.tailBytes)
            let pages = SegmentPages(bytes, end: tailStart).pages
            #expect(pages.count > 10)
            switch mutation.number(0...2) {
            case 0: mutation.mutate(&bytes, others: written.map(\.bytes))
            case 1:
                // Page index and footer, whose checksum is made to hold.
                var tail = Array(bytes[tailStart...])
                mutation.mutate(&tail, others: written.map { Array($0.bytes.suffix(Int($0.checks.tailBytes))) })
                bytes.replaceSubrange(tailStart..., with: tail)
                facts = SegmentFacts(
                    bytes: Int64(bytes.count),
                    tailBytes: Int64(tail.count),
                    tailCRC: SegmentPages.crc32(tail[...])
                )
            default:
                let page = pages[mutation.number(0...pages.count - 1)]
                var body = Array(bytes[page.body])
                mutation.mutate(&body, others: [body])
                body += [UInt8](repeating: 0, count: max(0, page.body.count - body.count))
                bytes.replaceSubrange(page.body, with: body.prefix(page.body.count))
                SegmentPages.repair(page, in: &bytes)
                deep += 1
            }
            let path = try scratch.file("\(seed)", bytes)
            do { try WrittenSegment.readAll(path, facts) } catch is HistoryRunError { errors += 1 }
            unlink(path)
        }
        print("mutated segments: \(errors) errors, \(deep) pages with right checksums")
        #expect(errors > Self.count / 20)
        #expect(errors < Self.count)
    }
}
