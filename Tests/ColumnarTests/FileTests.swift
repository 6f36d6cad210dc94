import Columnar
import Features
import Foundation
import PointInTime
import Testing

@Suite struct FileTests {
    @Test("a file that is not there is named")
    func missing() {
        let text = message { _ = try TableReader(path: "/nowhere/a.csv", format: .csv) }
        #expect(text == "/nowhere/a.csv: there is no such file")
    }

    @Test("a folder without files is no table", arguments: FileFormat.allCases)
    func directory(format: FileFormat) throws {
        let scratch = try Scratch()
        let text = message { _ = try TableReader(path: scratch.path, format: format) }
        #expect(text?.hasPrefix("\(scratch.path): the file is empty; of a folder all files are read") == true)
        let written = message { _ = try TableWriter(path: scratch.path, format: format, columns: [("a", .bool)]) }
        #expect(written == "\(scratch.path): this is a directory, not a file")
    }

    @Test("a full disk is an error of the writer, at the latest when it finishes", arguments: FileFormat.allCases)
    func full(format: FileFormat) throws {
        let text = message {
            let writer = try TableWriter(path: "/dev/full", format: format, columns: [("a", .int64)])
            try writer.write(
                ColumnBatch(names: ["a"], columns: [Column(type: .int64, values: .int64([1, 2]))], rowCount: 2)
            )
            try writer.finish()
        }
        #expect(text?.hasPrefix("/dev/full: cannot be written: ") == true)
        #expect(text?.contains("No space left on device") == true, "\(text ?? "nothing")")
    }

    @Test(
        "the format comes from the extension",
        arguments: [
            ("a.csv", FileFormat.csv), ("x.y/a.JSONL", .jsonLines), ("a.ndjson", .jsonLines), ("a.parquet", .parquet),
            ("a.arrow", .arrow), ("a.feather", .arrow), ("a.arrows", .arrow), ("a.csv.gz", .csv), ("a.tsv", .csv),
            ("a.TSV.gz", .csv),
            ("a.jsonl.ZST", .jsonLines),
        ]
    )
    func format(path: String, format: FileFormat) throws {
        #expect(try FileFormat(inputPath: path) == format)
    }

    @Test(
        "a name without a known extension asks for the format",
        arguments: ["a", "a.txt", "-", "csv", "a.csv/b", "a.gz"]
    )
    func noFormat(path: String) {
        #expect(throws: ColumnarError.self) { try FileFormat(inputPath: path) }
    }

    @Test("a pipe is read as a file is, also twice to find its types", arguments: FileFormat.allCases, [false, true])
    func pipe(format: FileFormat, infers: Bool) throws {
        let scratch = try Scratch()
        let path = scratch.path + "/table"
        let writer = try TableWriter(path: path, format: format, columns: [("a", .int64)])
        let values = Array(0..<10_000 as Range<Int64>)
        try writer.write(
            ColumnBatch(names: ["a"], columns: [Column(type: .int64, values: .int64(values))], rowCount: values.count)
        )
        try writer.finish()

        let fifo = scratch.path + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let cat = Process()
        cat.executableURL = URL(fileURLWithPath: "/bin/sh")
        cat.arguments = ["-c", "cat '\(path)' > '\(fifo)'"]
        try cat.run()
        var options = InputOptions()
        options.chunkBytes = 1_000
        let reader = try TableReader(path: fifo, format: format, options: options)
        try reader.select(infers ? try reader.inferTypes() : [ColumnRequest(sourceName: "a", type: .int64)])
        var read: [Int64] = []
        while let batch = try reader.next() {
            if case .int64(let values) = batch.columns[0].values { read += values }
        }
        cat.waitUntilExit()
        #expect(read == values)
    }

    @Test(
        "memory and stack do not grow with the square of the columns",
        arguments: [(FileFormat.arrow, 60_000), (.csv, 60_000), (.parquet, 20_000)]
    )
    func wide(format: FileFormat, count: Int) throws {
        let scratch = try Scratch()
        let path = scratch.path + "/wide"
        let names = (0..<count).map { "c\($0)" }
        let writer = try TableWriter(path: path, format: format, columns: names.map { ($0, .int64) })
        let columns = names.indices.map { Column(type: .int64, values: .int64([Int64($0)])) }
        try writer.write(ColumnBatch(names: names, columns: columns, rowCount: 1))
        try writer.finish()
        let reader = try TableReader(path: path, format: format)
        try reader.select(try reader.inferTypes())
        let batch = try #require(try reader.next())
        #expect(batch.names == names)
        #expect(batch.columns.indices.allSatisfy { batch.columns[$0].value(0) == .int64(Int64($0)) })
    }
}
