import Columnar
import Features
import PointInTime
import Testing

@Suite struct CSVDialectTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var text: String
        var file = "a.csv"
        var delimiter: UInt8?
        var escape: UInt8?
        var leftOut = LeftOutColumns.none
        /// The columns `a` and `b` as strings.
        var rows: [[String?]]
        var testDescription: String { text.debugDescription }
    }

    static let good: [Case] = [
        Case(text: "a;b\r\n1;2\r\n", delimiter: UInt8(ascii: ";"), rows: [["1", "2"]]),
        Case(text: "a;b\n1,5;\"2;3\"\n;\"\"\n", delimiter: UInt8(ascii: ";"), rows: [["1,5", "2;3"], [nil, ""]]),
        Case(text: "a\tb\n1 \t2\n", delimiter: 9, rows: [["1 ", "2"]]),
        Case(text: "a\tb\n1,0\t2\n", file: "a.tsv", rows: [["1,0", "2"]]),
        Case(text: "a|b\nx|\"y|\"\"z\"\n", delimiter: UInt8(ascii: "|"), rows: [["x", "y|\"z"]]),
        Case(text: "a\u{1}b\n1\u{1}2\n", delimiter: 1, rows: [["1", "2"]]),
        Case(text: "sep=;\r\na;b\r\n1;2\r\n", rows: [["1", "2"]]),
        Case(text: "\u{FEFF}SEP=|\na|b\n1|2\n", rows: [["1", "2"]]),
        // What was said counts.
        Case(text: "sep=;\na,b\n1;,2\n", delimiter: UInt8(ascii: ","), rows: [["1;", "2"]]),
        Case(text: "a,b\n\"say \\\"hi\\\"\",x\\,y\n", escape: UInt8(ascii: "\\"), rows: [["say \"hi\"", "x,y"]]),
        Case(
            text: "a,b\n\"c:\\\\\",\\N\n\\\\N,\"\\N\"\n",
            escape: UInt8(ascii: "\\"),
            rows: [["c:\\", nil], ["\\N", "N"]]
        ),
        Case(
            text: "a,b\nline\\\nbreak,\"d\"\"e\"\n1,2\n",
            escape: UInt8(ascii: "\\"),
            rows: [["line\nbreak", "d\"e"], ["1", "2"]]
        ),
        Case(text: "a,b,\n1,2,\n3,4,\n", leftOut: .others, rows: [["1", "2"], ["3", "4"]]),
        Case(text: "a,b\n1,2,\n3,4,,\n5,6\n", leftOut: .others, rows: [["1", "2"], ["3", "4"], ["5", "6"]]),
        Case(text: ",a,x,x,b\n0,1,7,8,2\n", leftOut: .others, rows: [["1", "2"]]),
        Case(text: "x,a,x,b\n7,1,8,2\n", leftOut: .named(["x"]), rows: [["1", "2"]]),
    ]

    @Test("CSV is read as it is spelled, wherever the buffers end", arguments: good, [1, 2, 3, 100_000])
    func reads(good: Case, chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.delimiter = good.delimiter
        options.escape = good.escape
        options.leftOut = good.leftOut
        options.chunkBytes = chunkBytes
        let path = try scratch.file(good.file, text: good.text)
        let rows = try readAll(path, .csv, ["a", "b"].map { ColumnRequest(sourceName: $0, type: .string) }, options)
        #expect(rows == good.rows.map { $0.map { text in text.map { .string($0) } ?? .null } })
        let inferred = try TableReader(path: path, format: .csv, options: options).inferTypes(dropping: ["", "x"])
        #expect(inferred.map(\.sourceName) == ["a", "b"])
    }

    @Test("a name that stands twice is refused where it is asked for")
    func twice() throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.leftOut = .others
        let path = try scratch.file("a.csv", text: "a,a,b\n1,2,3\n")
        let text = message { _ = try readAll(path, .csv, [ColumnRequest(sourceName: "a", type: .int64)], options) }
        #expect(text == "\(path): the header has the name 'a' twice")
    }

    @Test("an escape with nothing behind it is refused", arguments: [1, 100_000])
    func nothingEscaped(chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.escape = UInt8(ascii: "\\")
        options.chunkBytes = chunkBytes
        let path = try scratch.file("a.csv", text: "a,b\n1,2\\")
        let text = message { _ = try readAll(path, .csv, [ColumnRequest(sourceName: "a", type: .string)], options) }
        #expect(
            text
                == "\(path): row 1 (line 2), column 'b': the text ends with '\\', behind which the escaped character is missing"
        )
    }

    @Test("quoted empty fields are null where the type has no empty value", arguments: [true, false])
    func quotedEmpty(isQuoted: Bool) throws {
        let scratch = try Scratch()
        let types: [FeatureType] = [
            .bool, .int32, .int64, .float32, .float64, .bytes, .timestamp, .vector(2), .listInt64, .listString,
        ]
        let names = types.indices.map { "c\($0)" }
        let empty = isQuoted ? "\"\"" : ""
        let path = try scratch.file(
            "a.csv",
            text: "s," + names.joined(separator: ",") + "\n\(empty)," + names.map { _ in empty }.joined(separator: ",")
                + "\n"
        )
        let rows = try readAll(
            path,
            .csv,
            [ColumnRequest(sourceName: "s", type: .string)]
                + zip(names, types).map { ColumnRequest(sourceName: $0, type: $1) }
        )
        #expect(rows == [[isQuoted ? .string("") : .null] + types.map { _ in .null }])
    }

    @Test(
        "a last row without line end is known",
        arguments: [
            ("a,b\n1,2\n3,4", 2), ("a,b\n1,2\n3,4\n", nil), ("a,b\n1,\"2\"", 1), ("a,b\n1,2\r\n", nil),
            ("a,b\n1,2\n\n", nil),
            ("a,b", nil), ("a,b\n", nil),
        ] as [(String, Int?)],
        [1, 100_000]
    )
    func openEnd(item: (text: String, row: Int?), chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.chunkBytes = chunkBytes
        let path = try scratch.file("a.csv", text: item.text)
        let reader = try TableReader(path: path, format: .csv, options: options)
        try reader.select([ColumnRequest(sourceName: "a", type: .int64)])
        while try reader.next() != nil {}
        #expect(reader.openEndedRow == item.row)
    }

    @Test(
        "a delimiter is one character that is part of no value",
        arguments: [
            (";", 59), ("\\t", 9), ("tab", 9), ("\\x01", 1), ("|", 124), (" ", 32), ("\t", 9), (",", 44), ("\\", 92),
            ("", nil), (";;", nil), ("a", nil), ("1", nil), ("\"", nil), ("\n", nil), ("-", nil), (".", nil),
            ("§", nil),
            ("\\xff", nil), ("\\x0a", nil), ("\\x00", nil),
        ] as [(String, UInt8?)]
    )
    func characters(text: String, byte: UInt8?) { #expect(CSVDialect.character(text) == byte) }
}
