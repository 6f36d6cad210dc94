import Columnar
import Features
import Foundation
import PointInTime
import Store
import TrainingSets

/// A spine as batches of typed columns.
struct SpineInput {
    let reader: TableReader
    let columns: [ColumnSchema]
    /// How messages and the manifest call it.
    let name: String
    /// Columns whose texts are read, too, behind ``columns``: by number, in order. From CSV to CSV they leave as they are
    /// spelled, `1.50` and `TRUE`, though they count as numbers and truth values.
    let spelled: [Int]
    /// Columns that may be left out.
    private let others: Set<String>
    /// Where the rows of a query were put, as long as they are read.
    private let spool: TemporaryFile?

    /// - Throws: ``WorkflowError/refused(_:)`` where a column is to be left out that is needed or is not there.
    init(_ request: ExportRequest, _ plan: FeaturePlan, _ store: OpenStore) throws {
        let typed =
            try plan.requestKeys().map { ColumnSchema(name: $0.name, type: $0.type.featureType) }
            + plan.requestFields.map { ColumnSchema(name: $0.name, type: $0.type) }
            + [ColumnSchema(name: request.labelTime, type: .timestamp)]
            + (request.positionColumn.map { [ColumnSchema(name: $0, type: .int64)] } ?? [])
            + (request.atColumn.map { [ColumnSchema(name: $0, type: .timestamp)] } ?? [])
        let dropped = Set(request.dropped)
        if let needed = typed.first(where: { dropped.contains($0.name) }) {
            throw WorkflowError.refused(
                "--drop \(needed.name): it is a key, a request field, the label time, or the position or AT of the rows"
            )
        }
        switch request.spine {
        case .query(let sql):
            try self.init(sql: sql, store, typed: typed, dropping: dropped)
        case .file(let path, let format, let options):
            try self.init(
                file: path,
                format: try format ?? FileFormat(inputPath: path, option: "--spine-format \(FileFormat.spellings)"),
                out: request.target.format,
                options: options,
                typed: typed,
                dropping: dropped
            )
        }
    }

    /// A file, or standard input.
    ///
    /// - Parameters:
    ///   - typed: columns whose type is given: keys, label time, positions and request fields; all others are what they
    ///     look like, and leave as they came. So do times that are moments already.
    ///   - dropped: columns to leave out.
    ///   - out: the format that is written.
    private init(
        file: String,
        format: FileFormat,
        out: FileFormat,
        options: InputOptions,
        typed: [ColumnSchema],
        dropping dropped: Set<String>
    ) throws {
        name = file == "-" ? "standard input" : file
        spool = nil
        var options = options
        // All keys are known by then: what nobody asks for was dropped.
        if !dropped.isEmpty { options.isExtraIgnored = true }
        if !dropped.isEmpty { options.leftOut = .named(dropped) }
        let reader = try TableReader(path: file, format: format, options: options)
        if format != .jsonLines {
            for column in dropped.sorted()
            where !column.isEmpty && !reader.sourceColumns.contains(where: { $0.name == column }) {
                throw WorkflowError.refused("--drop \(column): \(name) has no column '\(column)'")
            }
        }
        var requests = try reader.inferTypes(
            dropping: dropped,
            times: Set(typed.filter { $0.type == .timestamp }.map(\.name))
        )
        for index in requests.indices {
            guard let given = typed.first(where: { $0.name == requests[index].sourceName }) else { continue }
            if given.type == .timestamp, requests[index].passed?.isMoment == true { continue }
            requests[index].type = given.type
            requests[index].passed = nil
        }
        let spelled = requests.indices.filter { index in
            guard format == .csv, out == .csv else { return false }
            guard !typed.contains(where: { $0.name == requests[index].sourceName }) else { return false }
            return requests[index].passed != nil || [.bool, .float64, .timestamp].contains(requests[index].type)
        }
        self.spelled = spelled
        others = Set(requests.map(\.sourceName)).subtracting(typed.map(\.name))
        for index in requests.indices where others.contains(requests[index].sourceName) {
            requests[index].keepsNul = requests[index].type == .string && requests[index].passed == nil
        }
        try reader.select(
            requests + spelled.map { ColumnRequest(sourceName: requests[$0].sourceName, type: .string) }
        )
        columns = requests.map { ColumnSchema(name: $0.sourceName, type: $0.type, passed: $0.passed) }
        self.reader = reader
    }

    /// The rows of a query, which are put into a temporary file at once, so that no snapshot stays open while they are
    /// enriched.
    private init(
        sql: String,
        _ store: OpenStore,
        typed: [ColumnSchema],
        dropping dropped: Set<String>
    ) throws {
        name = "--spine-sql"
        let file = try TemporaryFile(
            for: FileManager.default.temporaryDirectory.appendingPathComponent("asof-spine").path,
            isPrivate: true
        )
        let query = try SpineQuery(sql, store.session, typed: typed, dropping: dropped)
        // The file has what batches hold; what it means stands in the schema.
        let writer = try TableWriter(
            path: file.path,
            format: .parquet,
            columns: query.columns.map { (name: $0.name, type: $0.type) }
        )
        while let batch = try query.next() {
            try store.control.check()
            try writer.write(batch)
        }
        try writer.finish()
        spool = file
        spelled = []
        var columns = query.columns
        for index in columns.indices {
            guard let given = typed.first(where: { $0.name == columns[index].name }) else { continue }
            if given.type == .timestamp, columns[index].passed?.isMoment == true { continue }
            columns[index] = given
        }
        let reader = try TableReader(path: file.path, format: .parquet, shown: name)
        try reader.select(columns.map { ColumnRequest(sourceName: $0.name, type: $0.type) })
        self.columns = columns
        others = Set(columns.map(\.name)).subtracting(typed.map(\.name))
        self.reader = reader
    }

    /// Reads from it; where a value of a column is none that passes through, the error says how it would, or how the column is left
    /// out.
    func reading<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch ColumnarError.badValue(let place, let value, let expected, let reason) {
            guard let column = place.column, others.contains(column) else {
                throw ColumnarError.badValue(place, value: value, expected: expected, reason: reason)
            }
            let text = "write it as a text (in SQL \"\(column)\"::text), or leave it out with --drop \(column)"
            throw ColumnarError.badValue(place, value: value, expected: expected, reason: "\(reason); \(text)")
        }
    }

    /// - Parameter firstRow: of the batch, from 1.
    /// - Throws: ``WorkflowError/refused(_:)`` for a text with U+0000, which can be read again from JSON Lines only.
    func refuseNul(in batch: ColumnBatch, firstRow: Int, _ format: FileFormat) throws {
        guard format != .jsonLines else { return }
        for (column, schema) in zip(batch.columns, columns) where schema.type == .string && schema.passed == nil {
            guard case .text(let texts) = column.values, texts.bytes.contains(0),
                let row = (0..<column.rowCount).first(where: { texts[$0].contains(0) })
            else { continue }
            throw WorkflowError.refused(
                "\(name): row \(firstRow + row), column '\(schema.name)': it contains U+0000, which passes to JSON Lines only; "
                    + "take it out, or leave the column out with --drop \(schema.name)"
            )
        }
    }

    /// A batch without the texts that it has besides.
    func spine(of batch: ColumnBatch) -> ColumnBatch {
        guard !spelled.isEmpty else { return batch }
        return ColumnBatch(
            names: Array(batch.names[..<columns.count]),
            columns: Array(batch.columns[..<columns.count]),
            rowCount: batch.rowCount
        )
    }

    /// The columns of a training set as they are written.
    func written(_ columns: [ColumnSchema]) -> [WrittenColumn] {
        columns.enumerated().map { index, column in
            spelled.contains(index)
                ? WrittenColumn(name: column.name, type: .string)
                : WrittenColumn(name: column.name, type: column.type, passed: column.passed)
        }
    }

    /// A joined batch as it is written.
    /// - Parameter read: the batch that it was made of, with its texts.
    func written(_ joined: ColumnBatch, of read: ColumnBatch) -> ColumnBatch {
        var joined = joined
        for (place, index) in spelled.enumerated() { joined.columns[index] = read.columns[columns.count + place] }
        return joined
    }
}
