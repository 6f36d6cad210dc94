import Columnar
import Features
import PointInTime
import Testing

/// Parquet and Arrow columns of another type than the feature's.
@Suite struct ColumnReadingTests {
    private static let formats: [FileFormat] = [.parquet, .arrow]

    private static func write(
        _ format: FileFormat,
        _ type: FeatureType,
        passed: PassedType? = nil,
        _ rows: [Value],
        in scratch: Scratch
    ) throws -> String {
        let path = scratch.path + "/a.\(format.rawValue)"
        let writer = try TableWriter(
            path: path,
            format: format,
            columns: [WrittenColumn(name: "v", type: type, passed: passed)]
        )
        try writer.write(ColumnBatch(names: ["v"], columns: [Column(type, rows)], rowCount: rows.count))
        try writer.finish()
        return path
    }

    private static func time(_ microseconds: Int64) -> Value { .timestamp(Timestamp(microseconds: microseconds)) }

    struct Case: CustomTestStringConvertible, Sendable {
        var type: FeatureType
        var passed: PassedType?
        var rows: [Value]
        var asked: FeatureType
        var expected: [Value]
        var testDescription: String { "\(passed?.text ?? type.text) as \(asked.text)" }
    }

    static let good: [Case] = [
        Case(
            type: .float64,
            rows: [.float64(1), .null, .float64(-9_007_199_254_740_991)],
            asked: .int64,
            expected: [.int64(1), .null, .int64(-9_007_199_254_740_991)]
        ),
        Case(
            type: .float32,
            rows: [.float32(16_777_215), .null],
            asked: .int32,
            expected: [.int32(16_777_215), .null]
        ),
        Case(
            type: .float64,
            rows: [.float64(1_767_225_600.5), .null, .float64(1_767_225_600.1)],
            asked: .timestamp,
            expected: [time(1_767_225_600_500_000), .null, time(1_767_225_600_100_000)]
        ),
        Case(
            type: .string,
            rows: [.string("1"), .null, .string("2.0"), .string("")],
            asked: .int64,
            expected: [.int64(1), .null, .int64(2), .null]
        ),
        Case(
            type: .string,
            rows: [.string("1.5"), .string("NaN")],
            asked: .float64,
            expected: [.float64(1.5), .float64(.nan)]
        ),
        Case(type: .string, rows: [.string("true"), .null], asked: .bool, expected: [.bool(true), .null]),
        Case(
            type: .string,
            rows: [.string("2026-01-01 00:00:00 UTC"), .string("1767225600.5"), .null],
            asked: .timestamp,
            expected: [time(1_767_225_600_000_000), time(1_767_225_600_500_000), .null]
        ),
        Case(
            type: .string,
            rows: [.string("[1. 2.]"), .string("{3,4}"), .null],
            asked: .vector(2),
            expected: [.vector([1, 2]), .vector([3, 4]), .null]
        ),
        Case(type: .string, rows: [.string("['a']")], asked: .listString, expected: [.listString(["a"])]),
        Case(
            type: .listInt64,
            rows: [.listInt64([1, 2]), .null],
            asked: .vector(2),
            expected: [.vector([1, 2]), .null]
        ),
        Case(
            type: .string,
            passed: .decimal(bits: 128, precision: 38, scale: 0),
            rows: [.string("5"), .null, .string("9223372036854775807")],
            asked: .int64,
            expected: [.int64(5), .null, .int64(.max)]
        ),
        Case(
            type: .string,
            passed: .decimal(bits: 128, precision: 38, scale: 2),
            rows: [.string("9007199254740993"), .string("-0.25")],
            asked: .float64,
            expected: [.float64(9_007_199_254_740_992), .float64(-0.25)]
        ),
        Case(
            type: .string,
            passed: .decimal(bits: 128, precision: 38, scale: 2),
            rows: [.string("9007199254740993"), .null],
            asked: .int64,
            expected: [.int64(9_007_199_254_740_993), .null]
        ),
        Case(
            type: .string,
            passed: .decimal(bits: 128, precision: 20, scale: 6),
            rows: [.string("1767225600.000001")],
            asked: .timestamp,
            expected: [time(1_767_225_600_000_001)]
        ),
        Case(
            type: .bytes,
            passed: .uuid,
            rows: [.bytes([0x0B, 0x0E, 0x7C, 0x3A, 0x11, 0x11, 0x4A, 0x2B, 0x8C, 0x3D, 0, 0, 0, 0, 0, 1]), .null],
            asked: .string,
            expected: [.string("0b0e7c3a-1111-4a2b-8c3d-000000000001"), .null]
        ),
    ]

    @Test("a column is read by the rules of text where its type is another", arguments: good, formats)
    func reads(good: Case, format: FileFormat) throws {
        let scratch = try Scratch()
        let path = try Self.write(format, good.type, passed: good.passed, good.rows, in: scratch)
        var options = InputOptions(timeUnit: .s)
        for batchRows in [1, 100] {
            options.batchRows = batchRows
            let rows = try readAll(path, format, [ColumnRequest(sourceName: "v", type: good.asked)], options)
            #expect(rows.map { $0.map(bits) } == good.expected.map { [bits($0)] })
        }
    }

    static let bad: [(type: FeatureType, rows: [Value], asked: FeatureType, row: Int, reason: String)] = [
        (.float64, [.float64(1), .float64(1.5)], .int64, 2, "got '1.5': it has a fraction"),
        (.float64, [.float64(.nan)], .int64, 1, "got 'nan': it is NaN"),
        (
            .float64, [.float64(9_007_199_254_740_992)], .int64, 1,
            "it is beyond the integers that floats of its width tell apart"
        ),
        (.float32, [.float32(16_777_216)], .int64, 1, "it is beyond the integers that floats of its width tell apart"),
        (.float64, [.float64(2_147_483_648)], .int32, 1, "it is out of range"),
        (.string, [.string("1"), .null, .string("x")], .int64, 3, "got 'x': it has another form"),
        (.string, [.string("1.5")], .int32, 1, "got '1.5': it has a fraction"),
        (.string, [.string("1,5")], .float64, 1, "got '1,5': it has a comma"),
        (.string, [.string("2016-12-31T23:59:60Z")], .timestamp, 1, "a second of 60 is refused"),
        (.string, [.string("[1. ... 3.]")], .vector(3), 1, "it was printed with '...'"),
        (.float64, [.float64(1_767_225.6)], .timestamp, 1, "it lies in the first 100 days of 1970"),
    ]

    @Test("a value that is none of the type is refused by row, behind those before it", arguments: bad, formats)
    func refuses(
        bad: (type: FeatureType, rows: [Value], asked: FeatureType, row: Int, reason: String),
        format: FileFormat
    ) throws {
        let scratch = try Scratch()
        let path = try Self.write(format, bad.type, bad.rows, in: scratch)
        let request = [ColumnRequest(sourceName: "v", type: bad.asked)]
        let reader = try TableReader(path: path, format: format, options: InputOptions(timeUnit: .s))
        try reader.select(request)
        if bad.row > 1 { #expect(try reader.next()?.rowCount == bad.row - 1) }
        let text = message { _ = try reader.next() }
        #expect(
            text?.hasPrefix("\(path): row \(bad.row), column 'v': expected \(bad.asked.text), ") == true,
            "\(text ?? "")"
        )
        #expect(text?.contains(bad.reason) == true, "\(text ?? "")")
        var options = InputOptions(timeUnit: .s)
        options.skipsBadRows = true
        let skipping = try TableReader(path: path, format: format, options: options)
        try skipping.select(request)
        #expect(try skipping.next()?.rowCount == bad.rows.count - 1)
        #expect(skipping.batchRejects.map(\.offset) == [bad.row - 1])
    }

    @Test("numbers are no times where nobody said their unit, and times of day never are", arguments: formats)
    func noUnit(format: FileFormat) throws {
        let scratch = try Scratch()
        for (type, passed) in [
            (FeatureType.float64, nil), (.int64, nil), (.string, PassedType.decimal(bits: 128, precision: 9, scale: 1)),
        ] as [(FeatureType, PassedType?)] {
            let path = try Self.write(format, type, passed: passed, [.null], in: scratch)
            let text = message {
                try TableReader(path: path, format: format).select([ColumnRequest(sourceName: "v", type: .timestamp)])
            }
            #expect(
                text?.contains("they are numbers; say their unit with --time-unit s|ms|us|ns") == true,
                "\(text ?? "")"
            )
        }
        let path = try Self.write(format, .int64, passed: .time(.us), [.null], in: scratch)
        let text = message {
            try TableReader(path: path, format: format).select([ColumnRequest(sourceName: "v", type: .int64)])
        }
        #expect(text?.contains("expected int64, got a column of type time64[us]") == true, "\(text ?? "")")
    }
}
