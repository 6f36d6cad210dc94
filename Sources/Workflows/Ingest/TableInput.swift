import Columnar
import Features
import PointInTime
import Store

/// A CSV, JSON Lines, Parquet or Arrow file as rows of one view.
struct TableInput: IngestInput {
    private let reader: TableReader
    private let layout: IngestLayout
    private let view: StoredView
    let meaning: String

    /// - Returns: `nil` where there is nothing to lay out: no object of JSON Lines that could have keys.
    /// - Throws: ``ColumnarError`` of the file, ``WorkflowError`` of its columns.
    init?(_ request: IngestRequest, _ rules: TableRules, _ view: StoredView) throws {
        let format =
            try rules.format ?? FileFormat(inputPath: request.file, option: "--format \(FileFormat.spellings)|lp")
        if request.rejects != nil, PartFolder.isFolder(request.file), try PartFolder(request.file).hasColumns {
            throw WorkflowError.refused(
                "--rejects: rows of \(request.file) that are set aside would lack the columns that its folders' names have; give "
                    + "its folders one by one"
            )
        }
        var options = InputOptions(nullTexts: rules.nullTexts, timeUnit: rules.timeUnit)
        options.allowsEarly1970 = request.allowsEarly1970
        options.isExtraIgnored = rules.ignoresExtra
        options.leftOut = rules.ignoresExtra ? .others : .none
        options.delimiter = rules.delimiter
        options.escape = rules.escape
        options.skipsBadRows = request.rejects != nil
        options.batchRows = request.options.rowsAtATime(atMost: options.batchRows)
        reader = try TableReader(path: request.file, format: format, options: options)
        if format == .jsonLines, reader.sourceColumns.isEmpty, try reader.next() == nil { return nil }
        layout = try IngestLayout(
            view: view,
            source: reader.sourceColumns,
            format: format,
            rules: rules,
            missing: request.missing,
            file: request.shown
        )
        try reader.select(layout.requests)
        self.view = view
        meaning = Self.meaning(rules, eventTime: layout.eventTimeColumn)
    }

    private static func meaning(_ rules: TableRules, eventTime: String) -> String {
        var words = ["event_time=\(eventTime)"]
        if let knownAt = rules.knownAt { words.append("known_at=\(knownAt)") }
        if let deleted = rules.deleted { words.append("deleted=\(deleted)") }
        words += rules.mapped.map { "\($0.column)=\($0.target)" }.sorted().map { "map=\($0)" }
        if let delimiter = rules.delimiter { words.append("delimiter=\(CSVDialect.spelled(delimiter))") }
        if let escape = rules.escape { words.append("escape=\(CSVDialect.spelled(escape))") }
        words += rules.nullTexts.sorted().map { "null=\(Value.quote($0))" }
        if let timeUnit = rules.timeUnit { words.append("time_unit=\(timeUnit.rawValue)") }
        return words.joined(separator: " ")
    }

    var form: InputForm { .rows(of: view, columns: layout.digestColumns) }
    var rejectsHeader: [UInt8] { reader.headerText }
    var rowsRead: Int { reader.rowsRead }
    var bytesRead: Int { reader.bytesRead }
    var totalBytes: Int? { reader.totalBytes }
    var openEndedRow: Int? { reader.openEndedRow }
    var batchFirstRow: Int { reader.batchFirstRow }
    var rejects: [RejectedRow] { reader.batchRejects }

    func next(now: Int64) throws(ColumnarError) -> InputRows? {
        guard let batch = try reader.next() else { return nil }
        let undecodable = reader.batchRejects.map { UndecodableRow(offset: $0.offset, text: $0.text) }
        return InputRows(layout.rows(batch), of: view, undecodable: undecodable)
    }

    func rejectedRow(_ fault: RowFault, part: Int) -> RejectedRow {
        var reject = reader.rejectedRow(fault.row, reason: fault.reason)
        reject.column = fault.feature.flatMap { layout.column(ofFeature: $0) }
        return reject
    }

    func origin(ofRow row: Int) -> (file: String, row: Int)? { reader.origin(ofRow: row) }

    func line(ofRow row: Int) -> Int? {
        let offset = row - reader.batchFirstRow
        guard offset >= 0, row <= reader.rowsRead else { return nil }
        return reader.line(ofBatchRow: offset - reader.batchRejects.count { $0.offset < offset })
    }
}
