import Columnar
import Features
import Foundation
import PointInTime
import TestSupport
import Testing

/// Every type through every format, in by `ingest` and out by `export`.
@Suite(.serialized) struct FormatTests {
    static let store = Result { try CommandLineStore() }

    private static let types: [(name: String, type: FeatureType)] = [
        ("b", .bool), ("i", .int32), ("l", .int64), ("f", .float32), ("d", .float64), ("s", .string), ("x", .bytes),
        ("t", .timestamp), ("v", .vector(3)), ("li", .listInt64), ("ls", .listString),
    ]

    /// Extremes, specials, empties and nulls; one row each.
    private static let rows: [[Value]] = [
        [
            .bool(true), .int32(.max), .int64(.max), .float32(.greatestFiniteMagnitude), .float64(0.1),
            .string("a,\"b\"\n\u{E9}\u{1F642}"), .bytes([0, 255, 10]), .timestamp(Timestamp(microseconds: 1)),
            .vector([1.5, -0.25, 3]), .listInt64([1, -2]), .listString(["", "a,b", "\"q\""]),
        ],
        [
            .bool(false), .int32(.min), .int64(.min), .float32(-.infinity), .float64(.infinity), .string(""),
            .bytes([]),
            .timestamp(Timestamp.earliest), .vector([.infinity, -.infinity, 0]), .listInt64([]), .listString([]),
        ],
        Array(repeating: .null, count: 11),
        [
            .null, .int32(0), .int64(0), .float32(.leastNonzeroMagnitude), .float64(-0.0), .string("NaN"), .null,
            .timestamp(Timestamp.latest), .null, .listInt64([.max]), .listString(["null"]),
        ],
    ]

    private static var table: ColumnBatch {
        let count = rows.count
        var columns = [
            Column(type: .int64, (0..<count).map { .int64(Int64($0)) }),
            Column(
                type: .timestamp,
                Array(repeating: .timestamp(Timestamp(microseconds: 1_767_225_600_000_000)), count: count)
            ),
        ]
        for (index, column) in types.enumerated() { columns.append(Column(type: column.type, rows.map { $0[index] })) }
        return ColumnBatch(names: ["user_id", "event_time"] + types.map(\.name), columns: columns, rowCount: count)
    }

    @Test(arguments: ["csv", "jsonl", "parquet", "arrow"], ["csv", "jsonl", "parquet", "arrow"])
    func `every type comes out of an export as it went into an ingest`(_ source: String, _ result: String) throws {
        let store = try Self.store.get()
        let batch = Self.table
        let format = try #require(FileFormat(name: source))
        let columns = zip(batch.names, batch.columns).map { (name: $0, type: $1.type) }
        let writer = try TableWriter(path: store.folder + "/in-\(result).\(source)", format: format, columns: columns)
        try writer.write(batch)
        try writer.finish()
        try store.succeed([
            "ingest", "rich", "in-\(result).\(source)", "--event-time", "event_time", "--source", "\(source) \(result)",
        ])

        try store.write("spine.csv", "user_id,at\n" + (0..<4).map { "\($0),2026-02-01T00:00:00Z\n" }.joined())
        let out = "out-\(source).\(result)"
        try store.succeed(["export", "--spine", "spine.csv", "--label-time", "at", "--features", "rich", "--out", out])
        try store.succeed(["verify", out + ".manifest.json"])
        let reader = try TableReader(
            path: store.folder + "/" + out,
            format: try #require(FileFormat(name: result)),
            options: InputOptions(isExtraIgnored: true)
        )
        try reader.select(Self.types.map { ColumnRequest(sourceName: "rich__\($0.name)", type: $0.type) })
        let read = try #require(try reader.next())
        #expect(read.rowCount == 4)
        for (index, column) in Self.types.enumerated() {
            #expect(read.columns[index].boxed == Self.rows.map { $0[index] }, "\(column.name)")
            // -0.0 == 0.0, but they are two values.
            #expect(read.columns[index].boxed.map(\.text) == Self.rows.map { $0[index].text }, "\(column.name)")
        }
    }

    @Test(arguments: ["csv", "jsonl", "parquet"]) func `NaN is a value and no null in each format`(
        _ format: String
    ) throws {
        let store = try Self.store.get()
        let floats: [(name: String, type: FeatureType)] = [
            ("user_id", .int64), ("event_time", .timestamp), ("f", .float32), ("d", .float64), ("v", .vector(3)),
        ]
        let writer = try TableWriter(
            path: store.folder + "/nan.\(format)",
            format: try #require(FileFormat(name: format)),
            columns: floats
        )
        let values: [Value] = [
            .int64(9), .timestamp(Timestamp(microseconds: 0)), .float32(.nan), .float64(.nan),
            .vector([.nan, 1, .nan]),
        ]
        try writer.write(
            ColumnBatch(
                names: floats.map(\.name),
                columns: zip(floats, values).map { Column(type: $0.type, [$1]) },
                rowCount: 1
            )
        )
        try writer.finish()
        try store.succeed(["ingest", "rich", "nan.\(format)", "--source", "nan \(format)"])
        let line = try store.succeed(["get", "rich.f,rich.d,rich.v", "9", "--json"])
        #expect(line.contains(#""values":{"rich__f":"NaN","rich__d":"NaN","rich__v":["NaN",1.0,"NaN"]}"#))
        #expect(line.contains(#""rich__d":"present""#))
        try store.write("nan-spine.csv", "user_id,at\n9,2026-02-01T00:00:00Z\n")
        try store.succeed([
            "export", "--spine", "nan-spine.csv", "--label-time", "at", "--features", "rich.f,rich.d,rich.v", "--out",
            "nan-out.\(format)",
        ])
        try store.succeed(["verify", "nan-out.\(format).manifest.json"])
    }
}
