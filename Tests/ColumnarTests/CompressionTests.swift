import Columnar
import Features
import Foundation
import PointInTime
import Testing

@Suite struct CompressionTests {
    /// gzip by the system's gzip; zstd as a frame of raw blocks, which needs no compressor.
    static func compress(_ bytes: [UInt8], _ compression: Compression, level: Int = 6) throws -> [UInt8] {
        guard compression == .gzip else { return zstdFrame(bytes) }
        let scratch = try Scratch()
        let (plain, packed) = (try scratch.file("plain", bytes), scratch.path + "/packed")
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/bin/sh")
        gzip.arguments = ["-c", "gzip -n -\(level) < '\(plain)' > '\(packed)'"]
        try gzip.run()
        gzip.waitUntilExit()
        return Array(try Data(contentsOf: URL(fileURLWithPath: packed)))
    }

    /// RFC 8878: magic, a header with a window of 128 KiB, blocks with 3 bytes before each.
    private static func zstdFrame(_ bytes: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38]
        var start = 0
        repeat {
            let end = min(start + 1_000, bytes.count)
            frame += blockHeader(type: 0, size: end - start, isLast: end == bytes.count) + bytes[start..<end]
            start = end
        } while start < bytes.count
        return frame
    }

    private static func blockHeader(type: Int, size: Int, isLast: Bool) -> [UInt8] {
        let header = size << 3 | type << 1 | (isLast ? 1 : 0)
        return [UInt8(header & 255), UInt8(header >> 8 & 255), UInt8(header >> 16)]
    }

    /// `count` times 128 KiB of one byte: 4 bytes each.
    private static func zstdBomb(of byte: UInt8, count: Int) -> [UInt8] {
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38]
        for index in 0..<count {
            frame += blockHeader(type: 1, size: 128 << 10, isLast: index == count - 1) + [byte]
        }
        return frame
    }

    private static let request = [ColumnRequest(sourceName: "a", type: .int64)]

    private static func rows(_ path: String, _ format: FileFormat = .csv, chunkBytes: Int = 1_000) throws -> [Int64] {
        var options = InputOptions()
        options.chunkBytes = chunkBytes
        return try readAll(path, format, request, options).compactMap {
            if case .int64(let value) = $0[0] { value } else { nil }
        }
    }

    private static func table(_ values: [Int64], _ format: FileFormat, _ scratch: Scratch) throws -> [UInt8] {
        let path = scratch.path + "/plain"
        let writer = try TableWriter(path: path, format: format, columns: [("a", .int64)])
        let column = Column(type: .int64, values: .int64(values))
        try writer.write(ColumnBatch(names: ["a"], columns: [column], rowCount: values.count))
        try writer.finish()
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private static let values = Array(0..<3_000 as Range<Int64>)

    @Test(
        "a compressed file of any format is read as the plain one, also to find its types",
        arguments: FileFormat.allCases,
        Compression.allCases
    )
    func formats(format: FileFormat, compression: Compression) throws {
        let scratch = try Scratch()
        let packed = try Self.compress(try Self.table(Self.values, format, scratch), compression)
        let name = "a.\(format.rawValue).\(compression == .gzip ? "gz" : "zst")"
        let path = try scratch.file(name, packed)
        #expect(try FileFormat(inputPath: path) == format)
        #expect(try Self.rows(path, format) == Self.values)
        // Without the extension the first bytes tell.
        let reader = try TableReader(path: try scratch.file("b", packed), format: format)
        try reader.select(try reader.inferTypes())
        #expect(try reader.next()?.rowCount == Self.values.count)
        #expect(reader.totalBytes != nil)
    }

    @Test("members follow one another, wherever the chunks end", arguments: Compression.allCases, [1, 7, 4_096])
    func members(compression: Compression, chunkBytes: Int) throws {
        let scratch = try Scratch()
        let parts = ["a\n1\n", "2\n3", "", "\n4\n"]
        let packed = try parts.flatMap { try Self.compress(Array($0.utf8), compression) }
        let path = try scratch.file("a.csv", packed + [0, 0, 0])
        #expect(try Self.rows(path, chunkBytes: chunkBytes) == [1, 2, 3, 4])
    }

    @Test("a stream that is cut anywhere is an error", arguments: Compression.allCases)
    func cut(compression: Compression) throws {
        let scratch = try Scratch()
        let packed = try Self.compress(Array("a\n1\n2\n".utf8), compression)
        for length in 0..<packed.count {
            let path = try scratch.file("a.csv.\(compression == .gzip ? "gz" : "zst")", packed.prefix(length))
            let text = message { _ = try Self.rows(path) }
            let reason = length < (compression == .gzip ? 2 : 4) ? "though its name ends in" : "it is cut off"
            #expect(text?.contains(reason) == true, "\(length) bytes: \(text ?? "no error")")
        }
    }

    @Test("a cut stream gives its rows up to there, then the error")
    func cutRows() throws {
        let scratch = try Scratch()
        let text = "a\n" + (0..<100_000).map { "\($0)\n" }.joined()
        let packed = try Self.compress(Array(text.utf8), .gzip)
        let reader = try TableReader(path: try scratch.file("a.csv.gz", packed.dropLast(1_000)), format: .csv)
        try reader.select(Self.request)
        var rowCount = 0
        let error = message { while let batch = try reader.next() { rowCount += batch.rowCount } }
        #expect(rowCount > 50_000)
        #expect(error?.hasSuffix("the gzip data cannot be decompressed: it is cut off") == true)
    }

    @Test("a flipped byte of the data or its checksum is an error")
    func flipped() throws {
        let scratch = try Scratch()
        let packed = try Self.compress(Array("a\n10\n20\n30\n".utf8), .gzip)
        // Behind the header of ten bytes.
        for place in 10..<packed.count {
            var damaged = packed
            damaged[place] ^= 0x55
            let path = try scratch.file("a.csv.gz", damaged)
            #expect(message { _ = try Self.rows(path) } != nil, "byte \(place)")
        }
    }

    @Test("bytes behind the end that are no padding are an error", arguments: Compression.allCases)
    func garbage(compression: Compression) throws {
        let scratch = try Scratch()
        for tail in [[1, 2, 3], [0, 0, 0x1F, 0x8B], Array("more".utf8)] as [[UInt8]] {
            let packed = try Self.compress(Array("a\n1\n".utf8), compression) + tail
            let path = try scratch.file("a.csv", packed)
            #expect(message { _ = try Self.rows(path) }?.contains("cannot be decompressed") == true, "\(tail)")
        }
    }

    @Test("a bomb of 4 GiB ends at the limit of a record, in bounded memory", arguments: [FileFormat.csv, .jsonLines])
    func bomb(format: FileFormat) throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.zst", Self.zstdBomb(of: UInt8(ascii: " "), count: 32_768))
        var options = InputOptions()
        options.recordBytesMax = 1 << 20
        let text = message { _ = try TableReader(path: path, format: format, options: options) }
        #expect(text?.contains("a record of more than 1048576 bytes starts here") == true, "\(text ?? "no error")")
    }

    @Test("a compressed pipe is read, also twice", arguments: [false, true])
    func pipe(infers: Bool) throws {
        let scratch = try Scratch()
        let packed = try Self.compress(try Self.table(Self.values, .csv, scratch), .gzip)
        let path = try scratch.file("a.gz", packed)
        let fifo = scratch.path + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let cat = Process()
        cat.executableURL = URL(fileURLWithPath: "/bin/sh")
        cat.arguments = ["-c", "cat '\(path)' > '\(fifo)'"]
        try cat.run()
        let reader = try TableReader(path: fifo, format: .csv)
        try reader.select(infers ? try reader.inferTypes() : Self.request)
        #expect(try reader.next()?.rowCount == Self.values.count)
        cat.waitUntilExit()
    }

    @Test("a file's head is that of its content, however it is compressed")
    func head() throws {
        let scratch = try Scratch()
        let plain = Array((0..<20_000).map { "\($0)\n" }.joined().utf8)
        let files = [
            plain, try Self.compress(plain, .gzip, level: 1), try Self.compress(plain, .gzip, level: 9),
            try Self.compress(plain, .zstd),
        ]
        for file in files {
            let path = try scratch.file("a", file)
            #expect(try InputHead.read(path: path, bytesMax: 65_536) == Array(plain.prefix(65_536)))
        }
    }

    @Test("a name that asks for compressed output is refused")
    func output() {
        let text = message { _ = try FileFormat(outputPath: "a.csv.gz") }
        #expect(text?.hasPrefix("a.csv.gz: cannot be written: gzip is read, not written; use .parquet") == true)
    }
}
