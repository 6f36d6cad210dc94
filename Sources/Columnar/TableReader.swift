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
    }

    private let source: Source
    package let format: FileFormat

    /// Opens the file and reads its header, first object or footer.
    /// - Parameters:
    ///   - path: `-` is standard input.
    ///   - shown: what messages call the file; by default its path.
    /// - Throws: ``ColumnarError``: the file cannot be opened, is empty, or is not of `format`.
    package init(
        path: String,
        format: FileFormat,
        options: InputOptions = InputOptions(),
        shown: String? = nil
    ) throws(ColumnarError) {
        self.format = format
        let file = try InputFile(path: path, shown: shown)
        switch format {
        case .csv, .jsonLines: source = .text(try TextReader(file: file, format: format, options: options))
        case .parquet, .arrow: source = .arrow(try ArrowReader(file: file, format: format, options: options))
        }
    }

    /// The columns of the file: the CSV header, the schema of Parquet or IPC, the keys of the first JSON object.
    package var sourceColumns: [SourceColumn] {
        switch source {
        case .text(let reader): reader.sourceColumns
        case .arrow(let reader): reader.sourceColumns
        }
    }

    /// The types of all columns, for a table whose columns nobody declared: reads the whole file once, and starts over.
    ///
    /// Text: the narrowest of bool (`true`, `false`), int64, float64, timestamp (with a time of day) and string that
    /// every value has without loss, so that `00123` stays a text; JSON arrays also lists and vectors. Standard input is
    /// copied to a temporary file. Parquet, IPC: what the schema says, without reading.
    /// What no feature type holds as it came comes as a ``PassedType``.
    /// - Parameter dropped: names of columns to leave out, whatever they are.
    /// - Returns: all other columns in file order, ready for ``select(_:)``. A JSON object may lack any of them.
    package func inferTypes(dropping dropped: Set<String> = []) throws(ColumnarError) -> [ColumnRequest] {
        switch source {
        case .text(let reader): try reader.inferTypes(dropping: dropped)
        case .arrow(let reader): try reader.inferTypes(dropping: dropped)
        }
    }

    /// Chooses the columns that batches have, in this order, and their types. Once, before the first ``next()``.
    /// - Throws: ``ColumnarError/noSuchColumn(file:column:known:)`` (not JSON Lines),
    ///   ``ColumnarError/badColumnType(file:column:expected:got:hint:)`` (Parquet, IPC).
    package func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        switch source {
        case .text(let reader): try reader.select(requests)
        case .arrow(let reader): try reader.select(requests)
        }
    }

    /// The next rows, at most `InputOptions.batchRows`; `nil` at the end. Where bad rows are skipped a batch may have none.
    package func next() throws(ColumnarError) -> ColumnBatch? {
        switch source {
        case .text(let reader): try reader.next()
        case .arrow(let reader): try reader.next()
        }
    }

    /// The number of the last batch's first row, counting data rows of the file from 1.
    package var batchFirstRow: Int {
        switch source {
        case .text(let reader): reader.batchFirstRow
        case .arrow(let reader): reader.batchFirstRow
        }
    }

    /// The line on which row `index` (from 0) of the last batch starts, from 1; `nil` for formats without lines.
    package func line(ofBatchRow index: Int) -> Int? {
        switch source {
        case .text(let reader): reader.batchLines[index]
        case .arrow: nil
        }
    }

    /// The rows of the input behind the last batch that were set aside, ascending by offset.
    package var batchRejects: [RejectedRow] {
        switch source {
        case .text(let reader): reader.skipped.rejects
        case .arrow(let reader): reader.batchRejects
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
        }
    }

    /// What the rows of a file of rejected rows are preceded by: the CSV header.
    package var headerText: [UInt8] {
        switch source {
        case .text(let reader): reader.headerText
        case .arrow: []
        }
    }

    /// The rows of all batches so far, those that were set aside among them.
    package var rowsRead: Int {
        switch source {
        case .text(let reader): reader.rowsRead
        case .arrow(let reader): reader.rowsRead
        }
    }

    /// The rows of the file, where it says so.
    package var totalRows: Int? {
        switch source {
        case .text: nil
        case .arrow(let reader): reader.totalRows
        }
    }

    /// For progress, of the file as it is stored; an estimate for Parquet and IPC.
    package var bytesRead: Int {
        switch source {
        case .text(let reader): reader.bytesRead
        case .arrow(let reader): reader.bytesRead
        }
    }

    /// `nil` for pipes.
    package var totalBytes: Int? {
        switch source {
        case .text(let reader): reader.totalBytes
        case .arrow(let reader): reader.totalBytes
        }
    }
}
