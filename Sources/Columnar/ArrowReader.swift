import CArrow
import Features
import Glibc
import PointInTime

/// Reads a Parquet or Arrow IPC file by Arrow C++, a batch of the chosen columns at a time.
final class ArrowReader {
    let name: String
    private let handle: OpaquePointer
    private let options: ReadOptions
    let totalBytes: Int?
    /// `nil` where only reading to the end tells.
    let totalRows: Int?
    let sourceColumns: [SourceColumn]
    private var requests: [ColumnRequest] = []
    private(set) var rowsRead = 0
    private(set) var batchFirstRow = 1
    private var pending: ColumnarError?

    /// Takes the file; a pipe or compressed file is copied to a temporary file first: Arrow reads at any place of it.
    init(file: InputFile, format: FileFormat, options: ReadOptions) throws(ColumnarError) {
        name = file.name
        self.options = options
        if !file.isRewindable || file.compression != nil { try file.spool(head: []) }
        totalBytes = file.totalBytes
        if totalBytes == 0 {
            throw .empty(
                file: name,
                expected: format == .parquet ? "a Parquet file has a footer" : "an Arrow IPC file has a schema"
            )
        }
        var failure = asof_failure()
        guard let handle = asof_reader_open(file.releaseDescriptor(), asof_format(format), &failure) else {
            throw .cannotRead(file: file.name, reason: failure.takeReason())
        }
        self.handle = handle
        let rows = asof_reader_row_count(handle)
        totalRows = rows < 0 ? nil : Int(rows)
        sourceColumns = (0..<asof_reader_column_count(handle)).map { column in
            var type = asof_type()
            let hasType = asof_reader_column_type(handle, column, &type)
            return SourceColumn(
                name: String(cString: asof_reader_column_name(handle, column)),
                type: hasType ? FeatureType(type) : nil
            )
        }
    }

    deinit { asof_reader_free(handle) }

    /// About how far the reading is.
    var bytesRead: Int {
        let position = asof_reader_position(handle)
        if position >= 0 { return Int(position) }
        guard let totalRows, totalRows > 0, let totalBytes else { return totalBytes ?? 0 }
        return Int(Double(totalBytes) * Double(rowsRead) / Double(totalRows))
    }

    /// All columns as the schema types them.
    func inferTypes() throws(ColumnarError) -> [ColumnRequest] {
        var requests: [ColumnRequest] = []
        for (index, column) in sourceColumns.enumerated() {
            guard let type = column.type else {
                throw .unreadableColumn(
                    file: name,
                    column: column.name,
                    got: String(cString: asof_reader_column_type_text(handle, Int32(index))),
                    hint: "leave it out, or cast it to a number, text, time, fixed_size_list<float> or list before"
                )
            }
            requests.append(ColumnRequest(sourceName: column.name, type: type))
        }
        return requests
    }

    func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        let names = sourceColumns.map(\.name)
        var columns: [Int32] = []
        for request in requests {
            guard let column = names.firstIndex(of: request.sourceName) else {
                throw .noSuchColumn(file: name, column: request.sourceName, known: names)
            }
            guard !names[(column + 1)...].contains(request.sourceName) else {
                throw .malformed(.init(file: name), reason: "the schema has the name '\(request.sourceName)' twice")
            }
            columns.append(Int32(column))
        }
        var failure = asof_failure()
        let status = asof_reader_select(
            handle,
            Int32(columns.count),
            columns,
            requests.map { asof_type($0.type) },
            asof_time_unit(options.timeUnit),
            Int64(options.batchRows),
            Int64(options.batchBytes),
            &failure
        )
        if status == ASOF_COLUMN_TYPE {
            let request = requests[Int(failure.row)]
            throw .badColumnType(
                file: name,
                column: request.sourceName,
                expected: request.type,
                got: failure.takeValue(),
                hint: failure.takeReason()
            )
        }
        guard status == ASOF_OK else { throw .cannotRead(file: name, reason: failure.takeReason()) }
        self.requests = requests
    }

    /// - Returns: `nil` at the end.
    func next() throws(ColumnarError) -> ColumnBatch? {
        if let pending { throw pending }
        var failure = asof_failure()
        let count = asof_reader_next(handle, &failure)
        guard count >= 0 else {
            let error = ColumnarError.cannotRead(file: name, reason: failure.takeReason())
            pending = error
            throw error
        }
        guard count > 0 else { return nil }
        batchFirstRow = rowsRead + 1
        var rowCount = Int(count)
        var columns: [Column] = []
        for (index, request) in requests.enumerated() {
            var flat = asof_column()
            let status = asof_reader_column(handle, Int32(index), &flat, &failure)
            if status == ASOF_VALUE, Int(failure.row) < rowCount {
                rowCount = Int(failure.row)
                pending = .badValue(
                    .init(file: name, row: batchFirstRow + rowCount, column: request.sourceName),
                    value: ColumnarError.shown(failure.takeValue().utf8),
                    expected: request.type,
                    reason: failure.takeReason()
                )
            } else if status != ASOF_OK, status != ASOF_VALUE {
                throw .cannotRead(file: name, reason: failure.takeReason())
            }
            asof_failure_clear(&failure)
            columns.append(Column(copying: flat, type: request.type, rowCount: rowCount))
        }
        rowsRead += rowCount
        if let pending {
            // The rows before the bad one come first, as with text formats; each column is cut to them.
            guard rowCount > 0 else { throw pending }
            for index in columns.indices where columns[index].rowCount > rowCount {
                var flat = asof_column()
                _ = asof_reader_column(handle, Int32(index), &flat, &failure)
                asof_failure_clear(&failure)
                columns[index] = Column(copying: flat, type: columns[index].type, rowCount: rowCount)
            }
        }
        return ColumnBatch(names: requests.map(\.sourceName), columns: columns, rowCount: rowCount)
    }
}
