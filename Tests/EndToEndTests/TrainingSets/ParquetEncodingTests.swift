import Columnar
import Features
import PointInTime
import TestSupport
import Testing

/// How the columns of a training set lie in its Parquet file.
@Suite struct ParquetEncodingTests {
    private static let script = """
        import sys, json
        sys.path.insert(0, sys.argv[1])
        import pyarrow.parquet
        group = pyarrow.parquet.ParquetFile(sys.argv[2]).metadata.row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        print(json.dumps({c.path_in_schema: "RLE_DICTIONARY" in c.encodings for c in columns}))
        """

    @Test(.enabled(if: Peers.areThere, Peers.notice))
    func `a column has a dictionary where its values repeat`() throws {
        let scratch = try Scratch()
        let rows = 20_000
        var random = SeededRandom(seed: 3)
        let numbers = (0..<rows).map { _ in Double.random(in: 0...1, using: &random) }
        let ids = (0..<rows).map { Int64($0) * 7 }
        let texts = TextValues((0..<rows).map { "text \($0)" })
        let columns: [(String, Bool, Column)] = [
            ("distinct_double", false, Column(type: .float64, values: .float64(numbers))),
            ("few_doubles", true, Column(type: .float64, values: .float64(numbers.map { ($0 * 100).rounded() }))),
            ("distinct_int", false, Column(type: .int64, values: .int64(ids))),
            ("few_ints", true, Column(type: .int64, values: .int64(ids.map { $0 % 500 }))),
            ("distinct_text", false, Column(type: .string, values: .text(texts))),
            ("few_texts", true, Column(type: .string, values: .text(TextValues(ids.map { "\($0 % 50)" })))),
            // Nulls count for nothing.
            (
                "mostly_null", false,
                Column(type: .int64, validity: ids.map { $0 % 5 == 0 }, values: .int64(ids))
            ),
            ("all_null", true, Column(nullsOf: .int64, rowCount: rows)),
        ]
        let path = scratch.path + "/out.parquet"
        let writer = try TableWriter(path: path, format: .parquet, columns: columns.map { ($0.0, $0.2.type) })
        try writer.write(ColumnBatch(names: columns.map(\.0), columns: columns.map(\.2), rowCount: rows))
        try writer.finish()
        let made = try Peers.python([Self.script, Peers.folder, path])
        for (name, hasDictionary, _) in columns { #expect(made[name] as? Bool == hasDictionary, "\(name)") }
    }

    @Test func `a set without rows is a whole file`() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/out.parquet"
        try TableWriter(path: path, format: .parquet, columns: [("a", .int64)]).finish()
        let reader = try TableReader(path: path, format: .parquet, options: InputOptions())
        try reader.select([ColumnRequest(sourceName: "a", type: .int64)])
        #expect(try reader.next() == nil)
    }
}
