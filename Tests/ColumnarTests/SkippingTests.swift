import Columnar
import Features
import Foundation
import PointInTime
import TestSupport
import Testing

@Suite struct SkippingTests {
    struct Outcome: Equatable {
        var rows: [[Value]] = []
        /// Row, line, column, reason and text of each reject.
        var rejects: [String] = []
        var texts: [String] = []
        /// The row number and text of each good row, as the store would reject it.
        var good: [String] = []
        var error: String?
    }

    private static func read(
        _ path: String,
        _ format: FileFormat,
        _ requests: [ColumnRequest],
        chunkBytes: Int = 1_000,
        batchRows: Int = 100
    ) throws -> Outcome {
        var options = InputOptions()
        options.skipsBadRows = true
        options.chunkBytes = chunkBytes
        options.batchRows = batchRows
        let reader = try TableReader(path: path, format: format, options: options)
        try reader.select(requests)
        var outcome = Outcome()
        do {
            while let batch = try reader.next() {
                for row in 0..<batch.rowCount {
                    outcome.rows.append(batch.columns.map { $0.value(row) })
                    let reject = reader.rejectedRow(row, reason: "")
                    outcome.good.append(
                        "\(reader.batchFirstRow + reject.offset) \(String(decoding: reject.text, as: UTF8.self))"
                    )
                }
                for reject in reader.batchRejects {
                    let place = "\(reader.batchFirstRow + reject.offset)/\(reject.line ?? 0) \(reject.column ?? "-")"
                    outcome.rejects.append("\(place): \(reject.reason)")
                    outcome.texts.append(String(decoding: reject.text, as: UTF8.self))
                }
            }
        } catch {
            outcome.error = "\(error)"
        }
        return outcome
    }

    private static let requests = [
        ColumnRequest(sourceName: "a", type: .int64), ColumnRequest(sourceName: "b", type: .string),
    ]

    @Test(
        "bad CSV rows are set aside with number, line, column, reason and text",
        arguments: [1, 100_000],
        [1, 2, 100]
    )
    func csv(chunkBytes: Int, batchRows: Int) throws {
        let scratch = try Scratch()
        let text = "a,b\n1,x\ny,\"q\nr\"\n2\n\n3,\"z\"\n4,a\"b,c\r\n5,\"t\"u\n6,w\nv,s,\n7,\"last\""
        let outcome = try Self.read(
            try scratch.file("a.csv", text: text),
            .csv,
            Self.requests,
            chunkBytes: chunkBytes,
            batchRows: batchRows
        )
        #expect(outcome.rows == [(1, "x"), (3, "z"), (6, "w"), (7, "last")].map { [.int64($0.0), .string($0.1)] })
        #expect(outcome.good == ["1 1,x", "4 3,\"z\"", "7 6,w", "9 7,\"last\""])
        #expect(outcome.texts == ["y,\"q\nr\"", "2", "4,a\"b,c", "5,\"t\"u", "v,s,"])
        #expect(outcome.error == nil)
        #expect(
            outcome.rejects == [
                "2/3 a: expected int64, got 'y': it has another form", "3/5 -: expected 2 fields, got 1",
                "5/8 b: a quote in the middle of a field without quotes; put the whole field in quotes and write the quote twice",
                "6/9 b: text follows the closing quote; a quote inside a quoted field is written twice",
                "8/11 -: expected 2 fields, got 3; those behind the last name are empty: --ignore-extra leaves such out",
            ]
        )
    }

    @Test("bad JSON lines are set aside", arguments: [1, 100_000], [1, 2, 100])
    func json(chunkBytes: Int, batchRows: Int) throws {
        let scratch = try Scratch()
        let lines = [
            #"{"a":1,"b":"x"}"#, #"{"a":1,"b""#, "", #"{"a":"1x","b":"x"}"#, #"{"a":2,"b":"y"}"#, #"{"a":2,"c":1}"#,
            "[]",
        ]
        let outcome = try Self.read(
            try scratch.file("a.jsonl", text: lines.joined(separator: "\n")),
            .jsonLines,
            Self.requests,
            chunkBytes: chunkBytes,
            batchRows: batchRows
        )
        #expect(outcome.rows == [[.int64(1), .string("x")], [.int64(2), .string("y")]])
        #expect(outcome.good == ["1 \(lines[0])", "4 \(lines[4])"])
        #expect(outcome.texts == [lines[1], lines[3], lines[5], lines[6]])
        #expect(outcome.rejects.map { $0.prefix(3) } == ["2/2", "3/4", "5/6", "6/7"])
    }

    @Test("bad rows of Parquet and IPC are set aside as JSON objects", arguments: ArrowTests.allRefused, [1, 100])
    func arrow(path: String, batchRows: Int) throws {
        let outcome = try Self.read(
            path,
            try FileFormat(inputPath: path),
            [ColumnRequest(sourceName: "uint64", type: .int64), ColumnRequest(sourceName: "int64", type: .int64)],
            batchRows: batchRows
        )
        #expect(outcome.rows == [[.int64(1), .int64(1)]])
        #expect(outcome.good == [#"1 {"uint64":1,"int64":1}"#])
        #expect(outcome.texts == [#"{"uint64":"9223372036854775808","int64":9007199254740993}"#])
        #expect(outcome.rejects == ["2/0 uint64: expected int64, got '9223372036854775808': it is out of range"])
    }

    @Test("a quote that is never closed ends the reading: it may have taken any number of rows")
    func openQuote() throws {
        let scratch = try Scratch()
        let outcome = try Self.read(try scratch.file("a.csv", text: "a,b\n1,x\nz,y\n2,\"y\n3,z\n"), .csv, Self.requests)
        #expect(outcome.good.count == 1 && outcome.texts == ["z,y"])
        #expect(outcome.error?.contains("the quote that opens on line 4 is never closed") == true)
    }

    @Test("skipping gives what the file gives without its bad rows", arguments: 1...20 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let scratch = try Scratch()
        let bad = ["x,1", "1", "1,2,3", "5,a\"b", "9223372036854775808,a", "\"1\"2,a", "1.5,\"b,\n,c\""]
        var (all, good, rejected): ([String], [String], [String]) = ([], [], [])
        for number in 0..<Int.random(in: 0...300, using: &random) {
            if Int.random(in: 0..<3, using: &random) == 0 {
                rejected.append(bad.randomElement(using: &random) ?? "")
                all.append(rejected[rejected.count - 1])
            } else {
                good.append("\(number),\"line\nbreak \(number)\"")
                all.append(good[good.count - 1])
            }
        }
        let text = { (rows: [String]) in "a,b\n" + rows.map { $0 + "\n" }.joined() }
        let outcome = try Self.read(
            try scratch.file("all.csv", text: text(all)),
            .csv,
            Self.requests,
            chunkBytes: Int.random(in: 1...500, using: &random),
            batchRows: Int.random(in: 1...50, using: &random)
        )
        let expected = try readAll(try scratch.file("good.csv", text: text(good)), .csv, Self.requests)
        #expect(outcome.rows == expected, "seed \(seed)")
        #expect(outcome.texts == rejected, "seed \(seed)")
        let numbers = (outcome.good + outcome.rejects).compactMap { Int($0.prefix { $0.isNumber }) }.sorted()
        #expect(numbers == Array(1..<all.count + 1), "seed \(seed)")
    }
}
