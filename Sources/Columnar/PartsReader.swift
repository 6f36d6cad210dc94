import Features
import PointInTime

/// Reads the files of a folder one after the other, as one table.
final class PartsReader {
    private let folder: PartFolder
    private let format: FileFormat
    private let options: InputOptions
    /// Of the file that is read, by its place among ``PartFolder/parts``.
    private var reader: TableReader
    private var place = 0
    /// The names of the first file's columns, which all files have.
    private let names: Set<String>
    let sourceColumns: [SourceColumn]
    private var requests: [ColumnRequest] = []
    /// The row of the table that each file so far begins with, from 1.
    private var firstRows = [1]
    private(set) var openEndedRow: Int?
    private var pending: ColumnarError?
    let totalBytes: Int
    private var bytesBefore = 0

    init(_ folder: PartFolder, format: FileFormat, options: InputOptions) throws(ColumnarError) {
        self.folder = folder
        self.format = format
        self.options = options
        reader = try TableReader(path: folder.firstPath, format: format, options: options)
        let own = reader.sourceColumns
        let names = Set(own.map(\.name))
        self.names = names
        sourceColumns =
            own + folder.parts[0].values.filter { !names.contains($0.name) }.map { SourceColumn(name: $0.name) }
        totalBytes = folder.parts.reduce(0) { $0 + $1.bytes }
    }

    /// What a column of the folders' names has, if it is one; a file's own column goes before it.
    private func isOfFolders(_ name: String) -> Bool {
        !names.contains(name) && folder.parts[0].values.contains { $0.name == name }
    }

    func inferTypes(dropping dropped: Set<String>, times: Set<String>) throws(ColumnarError) -> [ColumnRequest] {
        var tally = TypeTally(times: times)
        var typed: [ColumnRequest]?
        for part in folder.parts {
            let reader = try TableReader(path: part.path, format: format, options: options)
            try checkNames(reader, part)
            if let types = try reader.tallyTypes(dropping: dropped, &tally) {
                if let typed { try Self.check(types, typed, part.path, folder.firstPath) } else { typed = types }
            }
            for (name, value) in part.values where isOfFolders(name) && !dropped.contains(name) {
                tally.add(name, text: value)
            }
        }
        return (typed ?? []) + tally.requests(absentIsNull: format == .jsonLines)
    }

    private static func check(
        _ types: [ColumnRequest],
        _ first: [ColumnRequest],
        _ path: String,
        _ firstPath: String
    ) throws(ColumnarError) {
        for request in first {
            guard let own = types.first(where: { $0.sourceName == request.sourceName }),
                own.type != request.type || own.passed != request.passed
            else { continue }
            throw .malformed(
                .init(file: path),
                reason: "column '\(request.sourceName)' is \(own.passed?.text ?? own.type.text), and in \(firstPath) "
                    + "\(request.passed?.text ?? request.type.text); all files of a folder have the same columns"
            )
        }
    }

    /// Later files have the first one's columns, in any order.
    private func checkNames(_ reader: TableReader, _ part: PartFolder.Part) throws(ColumnarError) {
        guard format != .jsonLines, !options.isExtraIgnored else { return }
        for column in reader.sourceColumns where !names.contains(column.name) {
            throw .malformed(
                .init(file: part.path),
                reason: "it has a column '\(column.name)', which \(folder.firstPath) does not have"
            )
        }
    }

    func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        self.requests = requests
        try reader.select(requests.filter { !isOfFolders($0.sourceName) })
    }

    func next() throws(ColumnarError) -> ColumnBatch? {
        if let pending { throw pending }
        do throws(ColumnarError) {
            while true {
                if let batch = try reader.next() { return try whole(batch) }
                if openEndedRow == nil, let row = reader.openEndedRow { openEndedRow = rowsBefore + row }
                guard place + 1 < folder.parts.count else { return nil }
                firstRows.append(rowsBefore + reader.rowsRead + 1)
                bytesBefore += folder.parts[place].bytes
                place += 1
                let part = folder.parts[place]
                reader = try TableReader(path: part.path, format: format, options: options)
                try checkNames(reader, part)
                try reader.select(requests.filter { !isOfFolders($0.sourceName) })
            }
        } catch {
            pending = error
            throw error
        }
    }

    /// A file's batch with what its folders say.
    private func whole(_ batch: ColumnBatch) throws(ColumnarError) -> ColumnBatch {
        guard batch.columns.count < requests.count else { return batch }
        var columns: [Column] = []
        var own = 0
        for request in requests {
            if isOfFolders(request.sourceName) {
                columns.append(try constant(request, rowCount: batch.rowCount))
            } else {
                columns.append(batch.columns[own])
                own += 1
            }
        }
        return ColumnBatch(names: requests.map(\.sourceName), columns: columns, rowCount: batch.rowCount)
    }

    private func constant(_ request: ColumnRequest, rowCount: Int) throws(ColumnarError) -> Column {
        let part = folder.parts[place]
        let value = part.values.first { $0.name == request.sourceName }?.value
        let bytes = value ?? []
        let fields = [Field(start: 0, end: UInt32(bytes.count), kind: value == nil ? .null : .quoted)]
        var decoder = FieldDecoder(
            bytes: bytes.span,
            fields: fields.span,
            stride: 1,
            rowCount: 1,
            nullTexts: NullTexts([]),
            times: options.times,
            stopsAtFailure: false
        )
        var builder = ColumnBuilder(type: request.type, passed: request.passed)
        decoder.decode(0, absentIsNull: false, rounding: request.rounding, into: &builder)
        if case .text(let error)? = decoder.failures.first?.reason {
            throw .badValue(
                .init(file: part.path, column: request.sourceName),
                value: request.isPII ? nil : ColumnarError.shown(bytes),
                expected: request.type,
                reason: error.reason
            )
        }
        return builder.finish().gather([Int32](repeating: 0, count: rowCount))
    }

    // MARK: Where it stands

    private var rowsBefore: Int { firstRows[place] - 1 }
    var batchFirstRow: Int { rowsBefore + reader.batchFirstRow }
    var rowsRead: Int { rowsBefore + reader.rowsRead }
    var bytesRead: Int { bytesBefore + reader.bytesRead }
    var batchRejects: [RejectedRow] { reader.batchRejects }
    var headerText: [UInt8] { reader.headerText }

    func line(ofBatchRow index: Int) -> Int? { reader.line(ofBatchRow: index) }
    func rejectedRow(_ index: Int, reason: String) -> RejectedRow { reader.rejectedRow(index, reason: reason) }

    /// The file that a row of the table lies in, and its number there.
    func origin(ofRow row: Int) -> (file: String, row: Int) {
        let place = firstRows.lastIndex { $0 <= row } ?? 0
        return (folder.parts[place].path, row - firstRows[place] + 1)
    }
}
