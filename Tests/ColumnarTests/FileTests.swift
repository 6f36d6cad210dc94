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

    @Test("a directory is no file", arguments: FileFormat.allCases)
    func directory(format: FileFormat) throws {
        let scratch = try Scratch()
        let text = message { _ = try TableReader(path: scratch.path, format: format) }
        #expect(text == "\(scratch.path): this is a directory, not a file")
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
            ("a.arrow", .arrow), ("a.feather", .arrow), ("a.arrows", .arrow), ("a.csv.gz", .csv),
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
}
