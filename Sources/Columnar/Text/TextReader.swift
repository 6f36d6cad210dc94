import Features
import PointInTime

/// Reads CSV or JSON Lines: bytes → fields of whole records → typed columns, one buffer of text at a time.
///
/// Rows before an error are handed out first; the error comes with the next call. So what a caller sees does not depend
/// on where a buffer happened to end.
final class TextReader {
    enum Splitter {
        case csv(CSVSplitter)
        case jsonLines(JSONLinesSplitter)
    }

    var input: TextInput
    let options: InputOptions
    private let nullTexts: NullTexts
    private(set) var sourceColumns: [SourceColumn]
    private(set) var splitter: Splitter
    private var requests: [ColumnRequest] = []
    /// Where a request's field stands in a row of ``table``.
    private var offsets: [Int] = []
    var table = FieldTable(stride: 0)
    private(set) var pending: ColumnarError?
    var rowsRead = 0
    /// The lines of the last batch's rows.
    private(set) var batchLines: [Int] = []
    private(set) var batchFirstRow = 1
    /// Where bad rows are skipped: what became of the last batch's rows.
    var skipped = SkippedRows()
    /// The CSV header as it stands in the file.
    private(set) var headerText: [UInt8] = []

    init(file: InputFile, format: FileFormat, options: InputOptions) throws(ColumnarError) {
        input = try TextInput(file: file, options: options)
        self.options = options
        nullTexts = NullTexts(options.nullTexts)
        switch format {
        case .csv:
            let csv = try input.readHeader()
            headerText = input.headerText
            // A column without a name is one that nobody can ask for.
            var known: Set<String> = []
            sourceColumns = csv.columnNames.filter { !$0.isEmpty && known.insert($0).inserted }
                .map { SourceColumn(name: $0) }
            splitter = .csv(csv)
        case .jsonLines:
            sourceColumns = try input.peekKeys().map { SourceColumn(name: $0) }
            splitter = .jsonLines(JSONLinesSplitter(columnNames: [], isExtraIgnored: options.isExtraIgnored))
        case .parquet, .arrow: preconditionFailure("not a text format")
        }
    }

    var name: String { input.file.name }
    var totalBytes: Int? { input.file.totalBytes }
    var bytesRead: Int { input.storedBytesConsumed }

    /// Starts over behind the header, with nothing selected.
    func rewind() throws(ColumnarError) {
        try input.rewind()
        rowsRead = 0
        switch splitter {
        case .csv: splitter = .csv(try input.readHeader())
        case .jsonLines: break
        }
    }

    func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        input.isHeadKept = false
        self.requests = requests
        switch splitter {
        case .csv(let csv):
            offsets = []
            var places: [String: Int] = [:]
            var twice: Set<String> = []
            for (offset, name) in csv.columnNames.enumerated() {
                if places.updateValue(offset, forKey: name) != nil { twice.insert(name) }
            }
            for request in requests {
                guard let offset = places[request.sourceName] else {
                    throw .noSuchColumn(file: name, column: request.sourceName, known: csv.columnNames)
                }
                guard !twice.contains(request.sourceName) else {
                    throw .malformed(.init(file: name), reason: TextInput.twice(request.sourceName))
                }
                offsets.append(offset)
            }
            table = FieldTable(stride: csv.columnNames.count)
        case .jsonLines:
            offsets = Array(requests.indices)
            let names = requests.map(\.sourceName)
            splitter = .jsonLines(JSONLinesSplitter(columnNames: names, isExtraIgnored: options.isExtraIgnored))
            table = FieldTable(stride: names.count)
        }
    }

    /// - Returns: `nil` at the end; where bad rows are skipped perhaps a batch without rows.
    func next() throws(ColumnarError) -> ColumnBatch? {
        if let pending { throw pending }
        var builders = requests.map { ColumnBuilder(type: $0.type, passed: $0.passed, keepsNul: $0.keepsNul) }
        var rowCount = 0
        let firstByte = input.bytesConsumed
        batchLines.removeAll(keepingCapacity: true)
        batchFirstRow = rowsRead + 1
        skipped = SkippedRows()
        while pending == nil, rowCount < options.batchRows, input.bytesConsumed - firstByte < options.batchBytes {
            guard !isFull(skipped), try fillTable(rowsMax: options.batchRows - rowCount) else { break }
            let rows = decode(into: &builders, base: rowCount)
            batchLines.append(contentsOf: table.lines.prefix(rows))
            if options.skipsBadRows { skipped.append(table, rows, of: input.buffer) }
            rowCount += rows
            rowsRead += rows
        }
        guard rowCount > 0 || !skipped.isEmpty else {
            if let pending { throw pending }
            return nil
        }
        var columns = builders.map { $0.finish() }
        if let good = skipped.settle(decodedCount: rowCount) {
            columns = columns.map { $0.gather(good) }
            batchLines = good.map { batchLines[Int($0)] }
            rowCount = good.count
        }
        return ColumnBatch(names: requests.map(\.sourceName), columns: columns, rowCount: rowCount)
    }

    private func isFull(_ skipped: SkippedRows) -> Bool {
        skipped.malformedCount >= options.batchRows || skipped.malformedBytes >= options.batchBytes
    }

    /// Splits what the buffer holds, reading on where it holds no whole record.
    /// - Returns: `false` at the end of the file; `true` also where an error is ``pending`` behind the rows.
    func fillTable(rowsMax: Int) throws(ColumnarError) -> Bool {
        table.removeAll()
        while true {
            do throws(GrammarError) {
                try splitBuffer(rowsMax: rowsMax)
            } catch {
                let columnarError = columnarError(error, row: rowsRead + table.rowCount + 1)
                guard options.skipsBadRows, skip(error, columnarError) else {
                    pending = columnarError
                    return true
                }
                if isFull(skipped) { return true }
                continue
            }
            if table.rowCount > 0 { return true }
            if input.isAtEnd { return false }
            do throws(ColumnarError) {
                try input.refill(line: line)
            } catch {
                pending = error
                return true
            }
        }
    }

    /// Sets aside the record that an error of the grammar belongs to, where it is known where that ends.
    private func skip(_ error: GrammarError, _ columnarError: ColumnarError) -> Bool {
        guard error.isRow, let resume = error.resume else { return false }
        let text = input.buffer[input.position..<resume.position]
        guard skipped.appendMalformed(columnarError, decodedBefore: batchLines.count + table.rowCount, text) else {
            return false
        }
        input.position = resume.position
        rowsRead += 1
        switch splitter {
        case .csv(var csv):
            csv.line += resume.lines
            splitter = .csv(csv)
        case .jsonLines(var lines):
            lines.line += resume.lines
            splitter = .jsonLines(lines)
        }
        return true
    }

    private func splitBuffer(rowsMax: Int) throws(GrammarError) {
        // A second reference, not a copy: nothing writes to the buffer while this function runs.
        let buffer = input.buffer
        let isEnd = input.isAtEnd
        switch splitter {
        case .csv(var csv):
            defer { splitter = .csv(csv) }
            try csv.split(buffer.span, from: &input.position, isEnd: isEnd, rowsMax: rowsMax, into: &table)
        case .jsonLines(var lines):
            defer { splitter = .jsonLines(lines) }
            try lines.split(buffer.span, from: &input.position, isEnd: isEnd, rowsMax: rowsMax, into: &table)
        }
    }

    /// As ``TableReader/openEndedRow``.
    var openEndedRow: Int? {
        guard case .csv(let csv) = splitter, csv.isEndOpen, rowsRead > 0 else { return nil }
        return rowsRead
    }

    private var line: Int {
        switch splitter {
        case .csv(let csv): csv.line
        case .jsonLines(let lines): lines.line
        }
    }

    private func columnarError(_ error: GrammarError, row: Int) -> ColumnarError {
        let place = ColumnarError.Place(
            file: name,
            row: error.isRow ? row : nil,
            line: error.line,
            column: error.column
        )
        if error.isUnknownKey { return .unknownKey(place, known: requests.map(\.sourceName)) }
        return .malformed(place, reason: error.reason)
    }

    /// Appends the rows of ``table`` before the first bad one to `builders`, which hold `base` rows.
    /// - Returns: how many rows; where they are fewer than the table's, an error is ``pending``.
    private func decode(into builders: inout [ColumnBuilder], base: Int) -> Int {
        var decoder = FieldDecoder(
            bytes: input.buffer.span,
            fields: table.fields.span,
            stride: table.stride,
            rowCount: table.rowCount,
            nullTexts: nullTexts,
            escape: options.escape,
            times: options.times,
            stopsAtFailure: !options.skipsBadRows
        )
        var failure: (request: Int, failure: DecodeFailure)?
        for index in requests.indices {
            let before = decoder.failures.count
            decoder.decode(
                offsets[index],
                absentIsNull: requests[index].absentIsNull,
                rounding: requests[index].rounding,
                into: &builders[index]
            )
            if options.skipsBadRows {
                for failure in decoder.failures[before...] {
                    skipped.markBad(base + failure.row, valueError(failure, requests[index]))
                }
            } else if decoder.failures.count > before, let last = decoder.failures.last {
                failure = (index, last)
            }
        }
        let rows = decoder.rowLimit
        for index in requests.indices { builders[index].truncate(to: base + rows) }
        if let failure { pending = valueError(failure.failure, requests[failure.request]) }
        return rows
    }

    private func valueError(_ failure: DecodeFailure, _ request: ColumnRequest) -> ColumnarError {
        let place = ColumnarError.Place(
            file: name,
            row: rowsRead + failure.row + 1,
            line: table.lines[failure.row],
            column: request.sourceName
        )
        let text = input.buffer[failure.field.range]
        let value = request.isPII ? nil : ColumnarError.shown(text)
        switch failure.reason {
        case .absent: return .absentKey(place)
        case .kind:
            return .badValue(
                place,
                value: value,
                expected: request.type,
                reason: "it is \(failure.field.kind.jsonDescription)"
            )
        case .text(let error):
            var reason = error == .notUTF8 ? input.notUTF8(failure.field.range) : error.reason
            if case .csv = splitter, failure.field.kind == .bare, value != nil, NullTexts.isCustomary(text) {
                reason += "; where it stands for null, say --null \(String(decoding: text, as: UTF8.self))"
            }
            return .badValue(place, value: value, expected: request.type, reason: reason)
        }
    }
}
