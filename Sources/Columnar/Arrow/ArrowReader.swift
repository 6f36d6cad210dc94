import CArrow
import Features
import Glibc
import PointInTime

/// Reads a Parquet or Arrow IPC file by Arrow C++, a batch of the chosen columns at a time.
final class ArrowReader {
    let name: String
    private let handle: OpaquePointer
    private let options: InputOptions
    let totalBytes: Int?
    /// `nil` where only reading to the end tells.
    let totalRows: Int?
    let sourceColumns: [SourceColumn]
    private var requests: [ColumnRequest] = []
    /// Of each of ``requests``.
    private var readings: [ColumnReading] = []
    private(set) var rowsRead = 0
    private(set) var batchFirstRow = 1
    private var pending: ColumnarError?
    private var batch: ColumnBatch?
    private(set) var batchRejects: [RejectedRow] = []
    /// Where ``batchRejects`` has any: the offsets of the other rows.
    private var goodRows: [Int] = []

    /// Takes the file; a pipe or compressed file is copied to a temporary file first: Arrow reads at any place of it.
    init(file: InputFile, format: FileFormat, options: InputOptions) throws(ColumnarError) {
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
        if let reason = InputHead.refusal(of: file.head(InputHead.kindBytes)) {
            throw .malformed(.init(file: name), reason: reason)
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

    /// All columns as the schema types them, but for those that are `dropped`.
    func inferTypes(dropping dropped: Set<String>) throws(ColumnarError) -> [ColumnRequest] {
        var requests: [ColumnRequest] = []
        for (index, column) in sourceColumns.enumerated() where !dropped.contains(column.name) {
            guard let request = spineRequest(index, column.name) else {
                throw .unreadableColumn(
                    file: name,
                    column: column.name,
                    got: String(cString: asof_reader_column_type_text(handle, Int32(index))),
                    hint: "leave it out (--drop \(column.name)), or cast it to a number, text, time, "
                        + "fixed_size_list<float> or list of integers or texts before"
                )
            }
            requests.append(request)
        }
        return requests
    }

    /// How a column is read to leave as it came; `nil` where nothing here holds it.
    private func spineRequest(_ column: Int, _ name: String) -> ColumnRequest? {
        var kind = asof_type()
        var text: UnsafePointer<CChar>?
        guard asof_reader_spine_type(handle, Int32(column), &kind, &text), let type = FeatureType(kind) else {
            return nil
        }
        guard let text else { return ColumnRequest(sourceName: name, type: type) }
        guard let passed = PassedType(text: String(cString: text)), passed.carrier == type else { return nil }
        return ColumnRequest(sourceName: name, type: type, passed: passed)
    }

    func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        var places: [String: Int] = [:]
        var twice: Set<String> = []
        for (place, column) in sourceColumns.enumerated() {
            if places.updateValue(place, forKey: column.name) != nil { twice.insert(column.name) }
        }
        var columns: [Int32] = []
        var readings: [ColumnReading] = []
        for request in requests {
            guard let column = places[request.sourceName] else {
                throw .noSuchColumn(file: name, column: request.sourceName, known: sourceColumns.map(\.name))
            }
            guard !twice.contains(request.sourceName) else {
                throw .malformed(.init(file: name), reason: "the schema has the name '\(request.sourceName)' twice")
            }
            columns.append(Int32(column))
            readings.append(
                ColumnReading(
                    request,
                    natural: sourceColumns[column].type,
                    kept: spineRequest(column, request.sourceName)?.passed,
                    hasUnit: options.timeUnit != nil
                )
            )
        }
        var failure = asof_failure()
        let types = zip(requests, readings).map { request, reading in
            var type = asof_type(reading.type)
            type.rounds_up = request.rounding == .up
            return type
        }
        let passed = readings.map { $0.passed.map { strdup($0.text) } ?? nil }
        defer { for text in passed { free(text) } }
        let early = options.allowsEarly1970 ? nil : options.timeUnit.map { TimeReading.early1970Reason($0) }
        let status = (early ?? "").withCString { reason in
            asof_reader_select(
                handle,
                Int32(columns.count),
                columns,
                types,
                passed.map { UnsafePointer($0) },
                asof_times(
                    unit: asof_time_unit(options.timeUnit),
                    early_until_us: early == nil ? 0 : DefinitionLimits.earlyUntilUs,
                    early_reason: reason
                ),
                Int64(options.batchRows),
                Int64(options.batchBytes),
                &failure
            )
        }
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
        self.readings = readings
    }

    /// - Returns: `nil` at the end.
    func next() throws(ColumnarError) -> ColumnBatch? {
        if let pending { throw pending }
        var failure = asof_failure()
        let count = Int(asof_reader_next(handle, &failure))
        guard count >= 0 else {
            let error = ColumnarError.cannotRead(file: name, reason: failure.takeReason())
            pending = error
            throw error
        }
        guard count > 0 else { return nil }
        batchFirstRow = rowsRead + 1
        batchRejects = []
        let part = try convert(0..<count)
        if let error = part.error {
            if options.skipsBadRows { return try skipping(count) }
            pending = error
            // The rows before the bad one come first, as with text formats.
            guard part.rowCount > 0 else { throw error }
        }
        rowsRead += part.rowCount
        batch = ColumnBatch(names: requests.map(\.sourceName), columns: part.columns, rowCount: part.rowCount)
        return batch
    }

    /// Converts rows of the batch at work, up to the first bad one.
    private func convert(
        _ rows: Range<Int>
    ) throws(ColumnarError) -> (columns: [Column], rowCount: Int, error: ColumnarError?) {
        var failure = asof_failure()
        guard asof_reader_window(handle, Int64(rows.lowerBound), Int64(rows.count), &failure) == ASOF_OK else {
            throw .cannotRead(file: name, reason: failure.takeReason())
        }
        var rowCount = rows.count
        var columns: [Column] = []
        var error: ColumnarError?
        for (index, request) in requests.enumerated() {
            var flat = asof_column()
            let status = asof_reader_column(handle, Int32(index), &flat, &failure)
            if status == ASOF_VALUE, Int(failure.row) < rowCount {
                rowCount = Int(failure.row)
                error = .badValue(
                    .init(file: name, row: batchFirstRow + rows.lowerBound + rowCount, column: request.sourceName),
                    value: request.isPII ? nil : ColumnarError.shown(failure.takeValue().utf8),
                    expected: request.type,
                    reason: failure.takeReason()
                )
            } else if status != ASOF_OK, status != ASOF_VALUE {
                throw .cannotRead(file: name, reason: failure.takeReason())
            }
            asof_failure_clear(&failure)
            let read = Column(copying: flat, type: readings[index].type, rowCount: rowCount)
            let (column, refused) = readings[index].finish(read, times: options.times)
            columns.append(column)
            if let refused {
                rowCount = refused.row
                error = .badValue(
                    .init(file: name, row: batchFirstRow + rows.lowerBound + rowCount, column: request.sourceName),
                    value: request.isPII ? nil : refused.text,
                    expected: request.type,
                    reason: refused.reason
                )
            }
        }
        for index in columns.indices where columns[index].rowCount > rowCount {
            columns[index] = columns[index].slice(0..<rowCount)
        }
        return (columns, rowCount, error)
    }

    /// The rows converted at a time in a batch that has a bad row: so a batch of bad rows alone costs this often as much.
    private static let windowRows = 256

    /// The good rows of the batch at work, which has `count`; the bad ones go to ``batchRejects``.
    private func skipping(_ count: Int) throws(ColumnarError) -> ColumnBatch {
        var columns = requests.map { Column(emptyOf: $0.type) }
        goodRows = []
        var next = 0
        while next < count {
            let part = try convert(next..<min(next + Self.windowRows, count))
            for index in columns.indices { columns[index].append(part.columns[index]) }
            goodRows.append(contentsOf: next..<next + part.rowCount)
            next += part.rowCount
            guard let error = part.error else { continue }
            if let reject = RejectedRow(error, offset: next, text: try json(next)) { batchRejects.append(reject) }
            next += 1
        }
        rowsRead += count
        let good = ColumnBatch(names: requests.map(\.sourceName), columns: columns, rowCount: goodRows.count)
        batch = good
        return good
    }

    /// A bad row as a JSON object; what is no value of its column's type is the text that Arrow has for it.
    private func json(_ row: Int) throws(ColumnarError) -> [UInt8] {
        var failure = asof_failure()
        guard asof_reader_window(handle, Int64(row), 1, &failure) == ASOF_OK else {
            throw .cannotRead(file: name, reason: failure.takeReason())
        }
        var values: [(String, String)] = []
        for (index, request) in requests.enumerated() where !values.contains(where: { $0.0 == request.sourceName }) {
            var flat = asof_column()
            switch asof_reader_column(handle, Int32(index), &flat, &failure) {
            case ASOF_OK:
                let column = Column(copying: flat, type: readings[index].type, rowCount: 1)
                values.append((request.sourceName, column.value(0).json))
            case ASOF_VALUE: values.append((request.sourceName, Value.quote(failure.takeValue())))
            default: throw .cannotRead(file: name, reason: failure.takeReason())
            }
            asof_failure_clear(&failure)
        }
        return Self.object(values)
    }

    private static func object(_ values: [(String, String)]) -> [UInt8] {
        Array("{\(values.map { "\(Value.quote($0.0)):\($0.1)" }.joined(separator: ","))}".utf8)
    }

    func rejectedRow(_ index: Int, reason: String) -> RejectedRow {
        var values: [(String, String)] = []
        if let batch {
            for (name, column) in zip(batch.names, batch.columns) where !values.contains(where: { $0.0 == name }) {
                values.append((name, column.value(index).json))
            }
        }
        return RejectedRow(
            offset: batchRejects.isEmpty ? index : goodRows[index],
            line: nil,
            column: nil,
            reason: reason,
            text: Self.object(values)
        )
    }
}
