import Columnar
import Features
import PointInTime
import Testing

@Suite struct CSVTests {
    /// A text, and what it is split into; `nil` = null.
    struct Good: CustomTestStringConvertible, Sendable {
        var text: String
        var columns: [String]
        var rows: [[String?]]
        var testDescription: String { text.debugDescription }

        init(_ text: String, _ columns: [String], _ rows: [[String?]]) {
            self.text = text
            self.columns = columns
            self.rows = rows
        }
    }

    static let good: [Good] = [
        Good("a,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        Good("a,b\n1,2", ["a", "b"], [["1", "2"]]),
        Good("a,b\r\n1,2\r\n3,4\r\n", ["a", "b"], [["1", "2"], ["3", "4"]]),
        Good("\u{FEFF}a,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        Good("\u{FEFF}\"a\",b\n1,2\n", ["a", "b"], [["1", "2"]]),
        Good("a,b\n", ["a", "b"], []),
        Good("a,b", ["a", "b"], []),
        Good("a,b\n,\n", ["a", "b"], [[nil, nil]]),
        Good("a,b\n\"\",\n", ["a", "b"], [["", nil]]),
        Good("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n", ["a", "b"], [["x, y", "say \"hi\""]]),
        Good("a,b\n\"1\n2\",\"3\r\n4\"\n5,6", ["a", "b"], [["1\n2", "3\r\n4"], ["5", "6"]]),
        Good("a,b\n\"\"\"\",\"\"\"\"\"\"\n", ["a", "b"], [["\"", "\"\""]]),
        Good("a,b\n\n1,2\n\r\n3,4\n\n", ["a", "b"], [["1", "2"], ["3", "4"]]),
        Good("\n\na,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        Good("a\n1\n\n2\n", ["a"], [["1"], [nil], ["2"]]),
        Good("a\n\"\"\n", ["a"], [[""]]),
        Good("a,b\n1,", ["a", "b"], [["1", nil]]),
        Good("a,b\n1,\"2\"", ["a", "b"], [["1", "2"]]),
        Good("a,b\nNULL,\"NULL\"\nNA,NULLS\n", ["a", "b"], [[nil, "NULL"], [nil, "NULLS"]]),
        Good("\"x\"\"y\",b\n é ,日本\n", ["x\"y", "b"], [[" é ", "日本"]]),
    ]

    @Test("a CSV text is split alike, wherever the buffers end", arguments: good, [1, 2, 3, 7, 100_000])
    func splits(good: Good, chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions(nullTexts: ["NULL", "NA"])
        options.chunkBytes = chunkBytes
        let path = try scratch.file("a.csv", text: good.text)
        let reader = try TableReader(path: path, format: .csv, options: options)
        #expect(reader.sourceColumns.map(\.name) == good.columns)
        let requests = good.columns.map { ColumnRequest(sourceName: $0, type: .string) }
        let rows = try readAll(path, .csv, requests, options)
        #expect(rows == good.rows.map { $0.map { text in text.map { .string($0) } ?? .null } })
    }

    static let bad: [(text: String, message: String)] = [
        ("", "the file is empty; a CSV file starts with a header of names"),
        ("\n\n", "the file is empty; a CSV file starts with a header of names"),
        (
            "a,a\n",
            "line 1: the header has the name 'a' twice; columns that are not used may (--ignore-extra, of a spine --drop)"
        ),
        (
            "\na,,b\n",
            "line 2: the header's name 2 of 3 is empty; columns without a name are left out by --ignore-extra (of a spine by "
                + "--drop '')"
        ),
        (
            ",a\n",
            "line 1: the header's name 1 of 2 is empty: this looks like the row labels that pandas writes; leave them out with "
                + "--ignore-extra (of a spine: --drop ''), or write the file with `to_csv(…, index=False)`"
        ),
        (
            "a;b\n1;2\n",
            "line 1: the header has no comma but 1 semicolon; say --delimiter ';' if that is what stands between names"
        ),
        (
            "a\tb\tc\n",
            "line 1: the header has no comma but 2 tabs; say --delimiter '\\t' if that is what stands between names"
        ),
        (
            "sep=|\na;b\n",
            "line 2: the header has no bar but 1 semicolon; say --delimiter ';' if that is what stands between names"
        ),
        (
            "a,b\n1,2,\n",
            "row 1 (line 2): expected 2 fields, got 3; those behind the last name are empty: --ignore-extra leaves such out"
        ),
        (
            "a,b\n1,2\n3",
            "row 2 (line 3): expected 2 fields, got 1; it is the last line and has no line end: was the file cut off?"
        ),
        (
            "a,b\n1,\"x\\\"y\"\n",
            "row 1 (line 2), column 'b': text follows the closing quote; a quote inside a quoted field is written twice; where "
                + "a backslash stands before it, say --escape '\\'"
        ),
        ("a,\"b\n", "line 1: in the header, the quote that opens on line 1 is never closed"),
        ("a,b\n1,2\n3\n", "row 2 (line 3): expected 2 fields, got 1"),
        ("a,b\n\"1\n\",2\n1,2,3\n", "row 2 (line 4): expected 2 fields, got 3"),
        ("a,b\n1,\"2\n3\n", "row 1 (line 2), column 'b': the quote that opens on line 2 is never closed"),
        (
            "a,b\n\"\n\n\",\"2\n",
            "row 1 (line 2), column 'b': the quote that opens on line 4 is never closed"
        ),
        (
            "a,b\n1,2\nx\"y,2\n",
            "row 2 (line 3), column 'a': a quote in the middle of a field without quotes; "
                + "put the whole field in quotes and write the quote twice"
        ),
        (
            "a,b\n1,\"2\"x\n",
            "row 1 (line 2), column 'b': text follows the closing quote; "
                + "a quote inside a quoted field is written twice"
        ),
        (
            "a,b\n1,\u{0}\n",
            "row 1 (line 2), column 'b': it contains a NUL byte; the file is not UTF-8 text, or is damaged"
        ),
        (
            "a,b\n1,2\r3,4\n",
            "row 1 (line 2): a carriage return without a line feed; "
                + "put the field in quotes, or end lines with LF or CRLF"
        ),
        ("PAR1xx", "this is a Parquet file; say --format parquet"),
    ]

    @Test("a CSV text that breaks the grammar is refused by row, line and column", arguments: bad, [1, 100_000])
    func refuses(bad: (text: String, message: String), chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.chunkBytes = chunkBytes
        let path = try scratch.file("a.csv", text: bad.text)
        let text = message {
            let reader = try TableReader(path: path, format: .csv, options: options)
            try reader.select(reader.sourceColumns.map { ColumnRequest(sourceName: $0.name, type: .string) })
            while try reader.next() != nil {}
        }
        #expect(text == path + ": " + bad.message)
    }

    static let badValues: [(type: FeatureType, value: String, reason: String)] = [
        (.float64, "abc", "expected float64, got 'abc': it has another form"),
        (.int64, "5.5", "expected int64, got '5.5': it has a fraction"),
        (
            .int64, "9007199254740993.0",
            "expected int64, got '9007199254740993.0': from 2^53 on a float may have been another integer before; write it "
                + "without point and exponent"
        ),
        (
            .float64, "\"1,5\"",
            "expected float64, got '1,5': it has a comma; write a point before the fraction, and nothing between thousands"
        ),
        (.int64, "9223372036854775808", "expected int64, got '9223372036854775808': it is out of range"),
        (.int32, "2147483648", "expected int32, got '2147483648': it is out of range"),
        (.float64, "1e400", "expected float64, got '1e400': it is out of range"),
        (.bool, "yes", "expected bool, got 'yes': it has another form"),
        (.bytes, "\\x0", "expected bytes, got '\\x0': it has another form"),
        (.timestamp, "yesterday", "expected timestamp, got 'yesterday': it is no RFC 3339 time"),
        (
            .timestamp, "1700000000",
            "expected timestamp, got '1700000000': it is a number; say its unit with --time-unit s|ms|us|ns"
        ),
        (.vector(3), "\"[1,2]\"", "expected vector(3), got '[1,2]': it has 2 elements"),
        (.vector(2), "\"[1,null]\"", "expected vector(2), got '[1,null]': it has a null element"),
        (.listInt64, "\"[1,2.5]\"", "expected list(int64), got '[1,2.5]': it has a fraction"),
        (
            .timestamp, "2016-12-31T23:59:60Z",
            "expected timestamp, got '2016-12-31T23:59:60Z': a second of 60 is refused, which PostgreSQL would move to the "
                + "next minute; write 59 or that minute"
        ),
        (.listString, "\"[1]\"", "expected list(string), got '[1]': it has another form"),
    ]

    @Test("a value of another type is refused by row, line, column, value and type", arguments: badValues)
    func refusesValue(type: FeatureType, value: String, reason: String) throws {
        let scratch = try Scratch()
        let path = try scratch.file("trades.csv", text: "id,price\n1,\n\n2,\(value)\n3,\(value)\n")
        let reader = try TableReader(path: path, format: .csv)
        try reader.select([
            ColumnRequest(sourceName: "price", type: type), ColumnRequest(sourceName: "id", type: .int64),
        ])
        #expect(try reader.next()?.rowCount == 1, "the rows before the bad one come first")
        #expect(message { _ = try reader.next() } == "\(path): row 2 (line 4), column 'price': \(reason)")
        #expect(message { _ = try reader.next() } != nil)
    }

    @Test("of several bad values the first row's is reported, there the first requested column's")
    func firstBadValue() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.csv", text: "a,b,c\n1,1,1\n1,x,y\nz,1,1\n")
        let text = message {
            _ = try readAll(path, .csv, ["a", "c", "b"].map { ColumnRequest(sourceName: $0, type: .int64) })
        }
        #expect(text == "\(path): row 2 (line 3), column 'c': expected int64, got 'y': it has another form")
    }

    @Test("a batch knows its rows and lines")
    func positions() throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.batchRows = 2
        let path = try scratch.file("a.csv", text: "a,b\n\"x\ny\",1\n\n2,2\n3,3\n")
        let reader = try TableReader(path: path, format: .csv, options: options)
        try reader.select([ColumnRequest(sourceName: "b", type: .int64)])
        #expect(try reader.next()?.rowCount == 2)
        #expect(reader.batchFirstRow == 1)
        #expect((0..<2).map { reader.line(ofBatchRow: $0) } == [2, 5])
        #expect(try reader.next()?.rowCount == 1)
        #expect(reader.batchFirstRow == 3)
        #expect(reader.line(ofBatchRow: 0) == 6)
        #expect(try reader.next() == nil)
        #expect(reader.rowsRead == 3)
        #expect(reader.bytesRead == reader.totalBytes)
    }

    @Test("a record without end is refused at the limit instead of filling memory")
    func recordLimit() throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.recordBytesMax = 1_000
        options.chunkBytes = 100
        let path = try scratch.file("a.csv", text: "a,b\n1,2\n3,\"" + String(repeating: "x\n", count: 2_000))
        let text = message { _ = try readAll(path, .csv, [ColumnRequest(sourceName: "a", type: .int64)], options) }
        #expect(
            text == "\(path): line 3: a record of more than 1000 bytes starts here; is a quote not closed?"
        )
    }
}
