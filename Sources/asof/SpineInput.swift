import Columnar
import Features
import Foundation
import PointInTime
import Store

/// A spine as batches of typed columns.
struct SpineInput {
    let reader: TableReader
    let columns: [ColumnSchema]
    /// How messages and the manifest call it.
    let name: String
    /// Where the rows of a query were put, as long as they are read.
    private let spool: TemporaryFile?

    /// A file, or standard input.
    ///
    /// - Parameters:
    ///   - typed: columns whose type is given: keys and label time; all others are what they look like.
    init(file: String, format: FileFormat, options: ReadOptions, typed: [ColumnSchema]) throws {
        name = file == "-" ? "standard input" : file
        spool = nil
        let reader = try TableReader(path: file, format: format, options: options)
        columns = try Self.select(reader, typed)
        self.reader = reader
    }

    /// The rows of a query, which are put into a temporary file at once, so that no snapshot stays open while they are
    /// enriched.
    init(sql: String, session: Session, typed: [ColumnSchema]) throws {
        name = "--spine-sql"
        let file = TemporaryFile(for: FileManager.default.temporaryDirectory.appendingPathComponent("asof-spine").path)
        try file.createPrivately()
        let query = try SpineQuery(sql, session)
        let writer = try TableWriter(
            path: file.path,
            format: .parquet,
            columns: query.columns.map { (name: $0.name, type: $0.type) }
        )
        while let batch = try query.next() { try writer.write(batch) }
        try writer.finish()
        spool = file
        let reader = try TableReader(path: file.path, format: .parquet, options: ReadOptions())
        columns = try Self.select(reader, typed)
        self.reader = reader
    }

    private static func select(_ reader: TableReader, _ typed: [ColumnSchema]) throws -> [ColumnSchema] {
        var requests = try reader.inferTypes()
        for index in requests.indices {
            guard let given = typed.first(where: { $0.name == requests[index].sourceName }) else { continue }
            requests[index].type = given.type
        }
        try reader.select(requests)
        return requests.map { ColumnSchema(name: $0.sourceName, type: $0.type) }
    }
}
