import Features
package import PointInTime

/// Reads a table from a file, a batch of typed columns at a time, in bounded memory.
///
/// Single-threaded and blocking. The order of calls is `init`, perhaps ``inferTypes()``, ``select(_:)``, and
/// ``next()`` until it returns `nil`. The rows before a bad one are handed out before the error is thrown, and after an
/// error every further ``next()`` throws it again.
package final class TableReader {
    private enum Source {
        case text(TextReader)
        case arrow(ArrowReader)
        case parts(PartsReader)
    }

    private var source: Source
    package let format: FileFormat
    /// Files whose rows follow those of ``source``, the next one last, and what is read of them.
    private var rest: [String] = []
    private var options = InputOptions()
    private var requests: [ColumnRequest] = []
    /// Rows of the files before.
    private var rowsBefore = 0
    /// Of the first of several files.
    private var names: Set<String> = []
    /// What a file of ``rest`` was refused for.
    private var pending: ColumnarError?

    /// Opens the file, or the first of a folder's, and reads its header, first object or footer.
    /// - Parameters:
    ///   - path: `-` is standard input; of a folder see ``PartFolder``.
    ///   - shown: what messages call the file; by default its path.
    /// - Throws: ``ColumnarError``: the file cannot be opened, is empty, or is not of `format`.
    package convenience init(
        path: String,
        format: FileFormat,
        options: InputOptions = InputOptions(),
        shown: String? = nil
    ) throws(ColumnarError) {
        try self.init(path: path, format: format, options: options, shown: shown, isPart: false)
    }

    private init(
        path: String,
        format: FileFormat,
        options: InputOptions = InputOptions(),
        shown: String? = nil,
        isPart: Bool
    ) throws(ColumnarError) {
        self.format = format
        var options = options
        if options.delimiter == nil, CSVDialect.isTabbed(path: path) { options.delimiter = CSVDialect.tab }
        self.options = options
        if PartFolder.isFolder(path) {
            source = .parts(try PartsReader(try PartFolder(path), format: format, options: options))
            return
        }
        let file = try InputFile(path: path, shown: shown, isPart: isPart)
        switch format {
        case .csv, .jsonLines: source = .text(try TextReader(file: file, format: format, options: options))
        case .parquet, .arrow: source = .arrow(try ArrowReader(file: file, format: format, options: options))
        }
    }

    /// Opens files whose rows follow one another, of a format that says its columns; there is at least one. All have the
    /// first one's columns, else ``next()`` throws ``ColumnarError/unexpectedColumn(file:column:)`` or what ``select(_:)`` throws.
    package convenience init(parts: [String], format: FileFormat) throws(ColumnarError) {
        precondition(format == .parquet || format == .arrow, "texts have headers")
        guard let first = parts.first else { preconditionFailure("a table of no files") }
        try self.init(path: first, format: format, isPart: true)
        rest = parts.dropFirst().reversed()
        names = Set(sourceColumns.map(\.name))
    }

    /// The columns of the file: the CSV header, the schema of Parquet or IPC, the keys of the first JSON object.
    package var sourceColumns: [SourceColumn] {
        switch source {
        case .text(let reader): reader.sourceColumns
        case .arrow(let reader): reader.sourceColumns
        case .parts(let reader): reader.sourceColumns
        }
    }

    /// The types of all columns, for a table whose columns nobody declared: reads the whole file once, and starts over.
    ///
    /// Text: the narrowest of bool (`true`, `false`), int64, float64, timestamp (with a time of day) and string that
    /// every value has without loss, so that `00123` stays a text; JSON arrays also lists and vectors. Standard input is
    /// copied to a temporary file. Parquet, IPC: what the schema says, without reading.
    /// What no feature type holds as it came comes as a ``PassedType``.
    /// - Parameters:
    ///   - dropped: names of columns to leave out, whatever they are.
    ///   - times: names of columns that are to be times: a date in a text is its midnight there.
    /// - Returns: all other columns in file order, ready for ``select(_:)``. A JSON object may lack any of them.
    package func inferTypes(
        dropping dropped: Set<String> = [],
        times: Set<String> = []
    ) throws(ColumnarError) -> [ColumnRequest] {
        switch source {
        case .text(let reader): try reader.inferTypes(dropping: dropped, times: times)
        case .arrow(let reader): try reader.inferTypes(dropping: dropped)
        case .parts(let reader): try reader.inferTypes(dropping: dropped, times: times)
        }
    }

    /// Chooses the columns that batches have, in this order, and their types. Once, before the first ``next()``.
    /// - Throws: ``ColumnarError/noSuchColumn(file:column:known:)`` (not JSON Lines),
    ///   ``ColumnarError/badColumnType(file:column:expected:got:hint:)`` (Parquet, IPC).
    package func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        self.requests = requests
        switch source {
        case .text(let reader): try reader.select(requests)
        case .arrow(let reader): try reader.select(requests)
        case .parts(let reader): try reader.select(requests)
        }
    }

    /// The next rows, at most `InputOptions.batchRows`; `nil` at the end. Where bad rows are skipped a batch may have none.
    package func next() throws(ColumnarError) -> ColumnBatch? {
        switch source {
        case .text(let reader): return try reader.next()
        case .parts(let reader): return try reader.next()
        case .arrow(var reader):
            while true {
                if let batch = try reader.next() { return batch }
                if let pending { throw pending }
                guard let part = rest.popLast() else { return nil }
                do throws(ColumnarError) {
                    let next = try opened(part)
                    rowsBefore += reader.rowsRead
                    reader = next
                } catch {
                    pending = error
                    throw error
                }
                source = .arrow(reader)
            }
        }
    }

    private func opened(_ part: String) throws(ColumnarError) -> ArrowReader {
        let reader = try ArrowReader(file: try InputFile(path: part, isPart: true), format: format, options: options)
        if let other = reader.sourceColumns.first(where: { !names.contains($0.name) }) {
            throw .unexpectedColumn(file: part, column: other.name)
        }
        try reader.select(requests)
        return reader
    }

    /// The number of the last batch's first row, counting data rows of the file from 1.
    package var batchFirstRow: Int {
        switch source {
        case .text(let reader): reader.batchFirstRow
        case .arrow(let reader): rowsBefore + reader.batchFirstRow
        case .parts(let reader): reader.batchFirstRow
        }
    }

    /// The line on which row `index` (from 0) of the last batch starts, from 1; `nil` for formats without lines.
    package func line(ofBatchRow index: Int) -> Int? {
        switch source {
        case .text(let reader): reader.batchLines[index]
        case .arrow: nil
        case .parts(let reader): reader.line(ofBatchRow: index)
        }
    }

    /// The rows of the input behind the last batch that were set aside, ascending by offset.
    package var batchRejects: [RejectedRow] {
        switch source {
        case .text(let reader): reader.skipped.rejects
        case .arrow(let reader): reader.batchRejects
        case .parts(let reader): reader.batchRejects
        }
    }

    /// A good row of the last batch as it stands in the file, where bad rows are skipped: it may be bad to the store.
    package func rejectedRow(_ index: Int, reason: String) -> RejectedRow {
        switch source {
        case .text(let reader):
            RejectedRow(
                offset: reader.skipped.offset(ofGoodRow: index),
                line: reader.batchLines[index],
                column: nil,
                reason: reason,
                text: reader.skipped.text(ofGoodRow: index)
            )
        case .arrow(let reader): reader.rejectedRow(index, reason: reason)
        case .parts(let reader): reader.rejectedRow(index, reason: reason)
        }
    }

    /// What the rows of a file of rejected rows are preceded by: the CSV header.
    package var headerText: [UInt8] {
        switch source {
        case .text(let reader): reader.headerText
        case .arrow: []
        case .parts(let reader): reader.headerText
        }
    }

    /// The file of a folder that a row of the table lies in, and its number there; `nil` where there is one file.
    package func origin(ofRow row: Int) -> (file: String, row: Int)? {
        guard case .parts(let reader) = source else { return nil }
        return reader.origin(ofRow: row)
    }

    /// Takes the values of a part of a table.
    /// - Returns: the columns' types where the schema says them; `nil` where `tally` has them.
    func tallyTypes(dropping dropped: Set<String>, _ tally: inout TypeTally) throws(ColumnarError) -> [ColumnRequest]? {
        guard case .text(let reader) = source else { return try inferTypes(dropping: dropped) }
        try reader.tallyTypes(dropping: dropped, &tally)
        return nil
    }

    /// The rows of all batches so far, those that were set aside among them.
    package var rowsRead: Int {
        switch source {
        case .text(let reader): reader.rowsRead
        case .arrow(let reader): rowsBefore + reader.rowsRead
        case .parts(let reader): reader.rowsRead
        }
    }

    /// The rows of the file, where it says so; of several files nobody has looked yet.
    package var totalRows: Int? {
        guard rest.isEmpty, rowsBefore == 0 else { return nil }
        return switch source {
        case .text, .parts: nil
        case .arrow(let reader): reader.totalRows
        }
    }

    /// The number of the last row, from 1, where a text ended behind it without a line end, as one does that was cut off; only
    /// once ``next()`` has returned `nil`. Not of JSON Lines, whose objects show that they are whole.
    package var openEndedRow: Int? {
        switch source {
        case .text(let reader): reader.openEndedRow
        case .arrow: nil
        case .parts(let reader): reader.openEndedRow
        }
    }

    /// For progress, of the file as it is stored; an estimate for Parquet and IPC.
    package var bytesRead: Int {
        switch source {
        case .text(let reader): reader.bytesRead
        case .arrow(let reader): reader.bytesRead
        case .parts(let reader): reader.bytesRead
        }
    }

    /// `nil` for pipes.
    package var totalBytes: Int? {
        switch source {
        case .text(let reader): reader.totalBytes
        case .arrow(let reader): reader.totalBytes
        case .parts(let reader): reader.totalBytes
        }
    }
}
