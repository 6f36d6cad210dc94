import Columnar
import Features
import Foundation
import PointInTime
import Testing

/// Folders of files that are one table.
@Suite struct PartFolderTests {
    private static func folder(_ files: [String: String]) throws -> Scratch {
        let scratch = try Scratch()
        for (name, text) in files {
            let url = URL(fileURLWithPath: scratch.path + "/t/" + name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
        }
        return scratch
    }

    private static func rows(
        _ scratch: Scratch,
        _ columns: [(String, FeatureType)],
        _ options: InputOptions = InputOptions()
    ) throws -> [[Value]] {
        let path = scratch.path + "/t"
        return try readAll(
            path,
            try FileFormat(inputPath: path),
            columns.map { ColumnRequest(sourceName: $0.0, type: $0.1) },
            options
        )
    }

    @Test("files are read in the order of their names, whatever the order of their columns", arguments: [1, 2, 100])
    func order(batchRows: Int) throws {
        let scratch = try Self.folder([
            "part-00001.csv": "b,a\n3,x\n4,y\n", "part-00000.csv": "a,b\nu,1\nv,2\n", "_SUCCESS": "",
            ".part-00000.csv.crc": "crc",
            "_committed_1": "{}", "part-00002.csv": "", "part-00003.csv": "a,b\n",
        ])
        var options = InputOptions()
        options.batchRows = batchRows
        let rows = try Self.rows(scratch, [("b", .int64), ("a", .string)], options)
        #expect(rows == [("u", 1), ("v", 2), ("x", 3), ("y", 4)].map { [.int64($0.1), .string($0.0)] })
    }

    @Test("folders key=value are columns, their values unescaped")
    func hive() throws {
        let scratch = try Self.folder([
            "day=2026-01-01/city=New%20York/p.csv": "a\n1\n",
            "day=2026-01-02/city=__HIVE_DEFAULT_PARTITION__/p.csv": "a\n2\n3\n",
            "day=2026-01-02/city=a%3Db/p.csv": "a\n4\n",
        ])
        let rows = try Self.rows(scratch, [("city", .string), ("a", .int64), ("day", .timestamp)])
        let days = [1_767_225_600_000_000, 1_767_312_000_000_000].map { Value.timestamp(Timestamp(microseconds: $0)) }
        #expect(
            rows == [
                [.string("New York"), .int64(1), days[0]], [.null, .int64(2), days[1]], [.null, .int64(3), days[1]],
                [.string("a=b"), .int64(4), days[1]],
            ]
        )
        let path = scratch.path + "/t"
        let inferred = try TableReader(path: path, format: .csv).inferTypes()
        #expect(inferred.map(\.sourceName) == ["a", "day", "city"])
        #expect(inferred.map(\.type) == [.int64, .string, .string])
    }

    @Test("types are those that all files have")
    func infers() throws {
        let scratch = try Self.folder(["1.csv": "a,b\n1,2026-01-01T00:00:00Z\n", "2.csv": "a,b\n1.5,x\n"])
        let inferred = try TableReader(path: scratch.path + "/t", format: .csv).inferTypes()
        #expect(inferred.map(\.type) == [.float64, .string])
        let json = try Self.folder(["1.json": "{\"a\":1}\n", "2.json": "{\"a\":2,\"k\":true}\n"])
        #expect(try FileFormat(inputPath: json.path + "/t") == .jsonLines)
        let types = try TableReader(path: json.path + "/t", format: .jsonLines).inferTypes()
        #expect(types.map(\.sourceName) == ["a", "k"] && types.map(\.type) == [.int64, .bool])
    }

    @Test("Parquet files of one folder have one type a column")
    func parquet() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path + "/t", withIntermediateDirectories: true)
        func write(_ name: String, _ type: FeatureType, _ value: Value) throws {
            let writer = try TableWriter(path: scratch.path + "/t/" + name, format: .parquet, columns: [("a", type)])
            try writer.write(ColumnBatch(names: ["a"], columns: [Column(type, [value])], rowCount: 1))
            try writer.finish()
        }
        try write("1.parquet", .int64, .int64(1))
        try write("2.parquet", .int64, .int64(2))
        #expect(try Self.rows(scratch, [("a", .int64)]) == [[.int64(1)], [.int64(2)]])
        #expect(try TableReader(path: scratch.path + "/t", format: .parquet).inferTypes().map(\.type) == [.int64])
        try write("3.parquet", .string, .string("x"))
        let text = message { _ = try TableReader(path: scratch.path + "/t", format: .parquet).inferTypes() }
        #expect(
            text
                == "\(scratch.path)/t/3.parquet: column 'a' is string, and in \(scratch.path)/t/1.parquet int64; all files of a folder have the same columns"
        )
    }

    static let bad: [(files: [String: String], columns: [String], message: String)] = [
        ([:], ["a"], "the file is empty; of a folder all files are read, but for those that begin with _ or ."),
        (
            ["_SUCCESS": "x"], ["a"],
            "the file is empty; of a folder all files are read, but for those that begin with _ or ."
        ),
        (
            ["1.csv": "a\n1\n", "2.csv": "a\nx\n"], ["a"],
            "/2.csv: row 1 (line 2), column 'a': expected int64, got 'x': it has another form"
        ),
        (["1.csv": "a\n1\n", "2.csv": "b\n1\n"], ["a"], "/2.csv: it has a column 'b', which T/1.csv does not have"),
        (["1.csv": "a,b\n1,1\n", "2.csv": "b\n1\n"], ["a", "b"], "/2.csv: there is no column 'a'; did you mean 'b'?"),
        (
            ["1.csv": "a\n1\n", "sub/2.csv": "a\n1\n"], ["a"],
            "/sub: folders within a table's folder are called key=value; move this one away, or read it by itself"
        ),
        (
            ["k=1/1.csv": "a\n1\n", "2.csv": "a\n1\n"], ["a"],
            "/k=1/1.csv: it lies in folders k=…, and T/2.csv in no folder key=value; all files of a table lie in folders of the same keys"
        ),
        (["k=x/1.csv": "a\n1\n"], ["a", "k"], "/k=x/1.csv: column 'k': expected int64, got 'x': it has another form"),
        (
            ["1.csv": "a\n1\n", "2.parquet": "x"], ["a"],
            "/2.parquet: the files of one folder have one format, and T/1.csv has another; say --format csv|jsonl|parquet|arrow where names are wrong"
        ),
        (["1.csv": "a\n1\n", "2.csv": "PK\u{3}\u{4}"], ["a"], "/2.csv: this is a zip archive; unpack it first"),
    ]

    @Test("what is no table is refused by its file", arguments: bad)
    func refuses(bad: (files: [String: String], columns: [String], message: String)) throws {
        let scratch = try Self.folder(bad.files)
        try FileManager.default.createDirectory(atPath: scratch.path + "/t", withIntermediateDirectories: true)
        let text = message { _ = try Self.rows(scratch, bad.columns.map { ($0, .int64) }) }
        let path = scratch.path + "/t"
        let expected =
            (bad.message.hasPrefix("/") ? path : path + ": ")
            + bad.message.replacingOccurrences(of: "T/", with: path + "/")
        #expect(text == expected)
    }

    @Test(
        "of files that follow one another, an error of one is thrown again and no file is passed over",
        arguments: ["gone", "more", "bad"]
    )
    func parts(second: String) throws {
        let scratch = try Scratch()
        func write(_ name: String, _ columns: [String]) throws -> String {
            let path = scratch.path + "/" + name
            let writer = try TableWriter(path: path, format: .parquet, columns: columns.map { ($0, .int64) })
            try writer.write(
                ColumnBatch(names: columns, columns: columns.map { _ in Column(.int64, [.int64(1)]) }, rowCount: 1)
            )
            try writer.finish()
            return path
        }
        let (path, error): (String, ColumnarError?) =
            switch second {
            case "gone": (scratch.path + "/2.parquet", .noSuchFile(file: scratch.path + "/2.parquet"))
            case "more":
                (
                    try write("2.parquet", ["a", "b"]),
                    .unexpectedColumn(file: scratch.path + "/2.parquet", column: "b")
                )
            default: (try scratch.file("2.parquet", text: "PAR1 is what it begins with"), nil)
            }
        let paths = [try write("1.parquet", ["a"]), path, try write("3.parquet", ["a"])]
        let reader = try TableReader(parts: paths, format: .parquet)
        try reader.select([ColumnRequest(sourceName: "a", type: .int64)])
        #expect(try reader.next()?.rowCount == 1)
        var errors: [ColumnarError?] = []
        for _ in 0..<3 {
            let thrown = #expect(throws: ColumnarError.self) { _ = try reader.next() }
            errors.append(thrown)
        }
        #expect(errors == [error ?? errors[0], error ?? errors[0], error ?? errors[0]] && errors[0] != nil)
        #expect(reader.rowsRead == 1)
    }

    @Test("a link that leads back ends, and so do links that make ever more ways")
    func links() throws {
        let scratch = try Self.folder(["1.csv": "a\n1\n"])
        let files = FileManager.default
        func refusal() -> String? { message { _ = try PartFolder(scratch.path + "/t") } }
        try files.createDirectory(atPath: scratch.path + "/t/k=1", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: scratch.path + "/t/k=1/l=1", withDestinationPath: "../../t")
        #expect(refusal() == "\(scratch.path)/t/k=1/l=1: it is a link to a folder that it lies in; remove it")
        // Each level is there once, and twice as many ways lead to it as to the one above.
        try files.removeItem(atPath: scratch.path + "/t")
        for level in 0...20 {
            let folder = level == 0 ? "/t" : "/level\(level)"
            try files.createDirectory(atPath: scratch.path + folder, withIntermediateDirectories: true)
            for value in 0...1 where level < 20 {
                try files.createSymbolicLink(
                    atPath: scratch.path + "\(folder)/k\(level)=\(value)",
                    withDestinationPath: "\(scratch.path)/level\(level + 1)"
                )
            }
        }
        #expect(refusal()?.hasSuffix(": more than 100000 folders") == true)
    }

    @Test("a link to a folder beside is a folder, as often as one leads there")
    func linked() throws {
        let scratch = try Self.folder(["k=1/1.csv": "a\n7\n"])
        let link = scratch.path + "/t/k=2"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: scratch.path + "/t/k=1")
        let rows = try Self.rows(scratch, [("a", .int64), ("k", .int64)])
        #expect(rows == [[.int64(7), .int64(1)], [.int64(7), .int64(2)]])
    }

    @Test("a row is known by its file and its number there")
    func origin() throws {
        let scratch = try Self.folder(["1.csv": "a\n1\n2\n", "2.csv": "a\n3\n", "3.csv": "a\n4"])
        let reader = try TableReader(path: scratch.path + "/t", format: .csv)
        try reader.select([ColumnRequest(sourceName: "a", type: .int64)])
        while try reader.next() != nil {}
        #expect(reader.rowsRead == 4 && reader.openEndedRow == 4 && reader.bytesRead == reader.totalBytes)
        let origins = (1...4).compactMap { reader.origin(ofRow: $0) }.map { "\($0.file.suffix(5)) \($0.row)" }
        #expect(origins == ["1.csv 1", "1.csv 2", "2.csv 1", "3.csv 1"])
    }
}
