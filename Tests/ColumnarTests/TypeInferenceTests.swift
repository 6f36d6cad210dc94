import Columnar
import Features
import PointInTime
import Testing

@Suite struct TypeInferenceTests {
    static let csv: [(values: [String], type: FeatureType)] = [
        (["true", "", "FALSE"], .bool),
        (["1", "0"], .int64),
        (["t", "f"], .string),
        (["1", "", "-5"], .int64),
        (["1", "2.5"], .float64),
        (["1", "NaN", "-inf"], .float64),
        (["00123"], .string),
        (["+1"], .string),
        (["007.5"], .string),
        (["0.5", "-0"], .float64),
        (["9223372036854775807"], .int64),
        (["9223372036854775808"], .string),
        (["9007199254740993", "0.5"], .string),
        (["1e400"], .string),
        (["2024-01-01T00:00:00Z", "2024-01-01 10:00"], .timestamp),
        (["2024-01-01"], .string),
        (["2024-01-01T00:00:00Z", "1"], .string),
        (["", ""], .string),
        (["\"\"", "1"], .string),
        (["\"1\"", "2"], .int64),
        (["1", "a \"\"b"], .string),
    ]

    @Test("a CSV column has the narrowest type that keeps all of its values", arguments: csv, [1, 100_000])
    func csvTypes(column: (values: [String], type: FeatureType), chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.chunkBytes = chunkBytes
        let rows = column.values.map { value in
            value.contains("\"\"") && value != "\"\"" ? "x,\"\(value)\"\n" : "x,\(value)\n"
        }
        let path = try scratch.file("a.csv", text: "k,v\n" + rows.joined())
        let reader = try TableReader(path: path, format: .csv, options: options)
        let requests = try reader.inferTypes()
        #expect(requests.map(\.sourceName) == ["k", "v"])
        #expect(requests.map(\.type) == [.string, column.type])
        try reader.select(requests)
        var rowCount = 0
        while let batch = try reader.next() { rowCount += batch.rowCount }
        #expect(rowCount == column.values.count)
    }

    static let json: [(values: [String], type: FeatureType?)] = [
        (["true", "null"], .bool),
        (["1", "2"], .int64),
        (["1", "1.5", "\"NaN\""], .float64),
        (["\"NaN\""], .string),
        (["\"1\"", "\"2\""], .string),
        (["\"2024-01-01T00:00:00Z\""], .timestamp),
        (["[]", "[1]"], .listInt64),
        (["[\"a\"]"], .listString),
        (["[1,2]", "[0.5,1]"], .vector(2)),
        (["[1,2]", "[0.5]"], nil),
        (["{}"], nil),
        (["null"], .string),
    ]

    @Test("a JSON key has the narrowest type that keeps all of its values", arguments: json)
    func jsonTypes(column: (values: [String], type: FeatureType?)) throws {
        let scratch = try Scratch()
        let lines = column.values.map { "{\"v\":\($0)}\n" }
        let path = try scratch.file("a.jsonl", text: "{}\n" + lines.joined())
        let reader = try TableReader(path: path, format: .jsonLines)
        guard let type = column.type else {
            #expect(throws: ColumnarError.self) { try reader.inferTypes() }
            return
        }
        let requests = try reader.inferTypes()
        #expect(requests.map(\.type) == [type])
        try reader.select(requests)
        #expect(try reader.next()?.rowCount == column.values.count + 1)
    }
}
