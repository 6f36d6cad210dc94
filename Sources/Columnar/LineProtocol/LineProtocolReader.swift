package import Features
package import PointInTime
import Wire

/// Reads a file of InfluxDB line protocol into rows of the views that its points name, in bounded memory.
///
/// As with ``TableReader`` the points before a bad one are handed out first; the error comes with the next call.
package final class LineProtocolReader {
    private var input: TextInput
    private let options: InputOptions
    private var decoder: LineRowDecoder
    private var pending: ColumnarError?
    /// The last batch: its rows, the line of each of its points, and what every point says.
    package private(set) var parts: [LineViewRows] = []
    package private(set) var lines: [Int] = []
    package private(set) var texts = TextValues()
    /// Where bad points are skipped: those of the last batch, ascending.
    package private(set) var rejects: [RejectedRow] = []
    /// The number of the last batch's first point, from 1.
    package private(set) var batchFirstRow = 1
    package private(set) var rowsRead = 0
    /// Whether nothing, not even a line end, stood behind the point that was taken last.
    private var isLastOpen = false

    /// - Parameters:
    ///   - path: `-` is standard input.
    ///   - precision: the unit of the points' times.
    ///   - ignoresExtra, absent: as in ``LineRows``.
    package init(
        path: String,
        views: [ViewDefinition],
        precision: TimeUnit,
        ignoresExtra: Bool = false,
        absent: [String: String] = [:],
        options: InputOptions
    ) throws(ColumnarError) {
        input = try TextInput(file: try InputFile(path: path), options: options)
        input.isHeadKept = false
        self.options = options
        decoder = LineRowDecoder(
            LineRows(
                views: views,
                precision: precision,
                allowsEarly1970: options.allowsEarly1970,
                ignoresExtra: ignoresExtra,
                absent: absent
            )
        )
    }

    /// Whether `name` is how the format is called.
    package static func isFormat(name: String) -> Bool { ["lp", "influx"].contains(name.lowercased()) }

    /// Whether a file's extension, before one that says how it is compressed, is the format's.
    package static func isFile(path: String) -> Bool {
        let stem = path.dropLast(Compression(path: path)?.fileExtension.count ?? 0)
        guard let dot = stem.lastIndex(of: ".") else { return false }
        return isFormat(name: String(stem[stem.index(after: dot)...]))
    }

    /// As ``TableReader/openEndedRow``.
    package var openEndedRow: Int? {
        input.isAtEnd && isLastOpen ? rowsRead : nil
    }

    package var bytesRead: Int { input.storedBytesConsumed }
    /// As ``LineProtocolDecoder/scannedBytes``.
    package var scannedBytes: Int { decoder.scannedBytes }
    package var totalBytes: Int? { input.file.totalBytes }

    /// Reads the next points.
    /// - Parameter now: the time of points that have none, µs since 1970-01-01 UTC.
    /// - Returns: `false` at the end.
    package func next(now: Int64) throws(ColumnarError) -> Bool {
        if let pending { throw pending }
        lines.removeAll(keepingCapacity: true)
        texts = TextValues()
        rejects = []
        batchFirstRow = rowsRead + 1
        let firstByte = input.bytesConsumed
        while pending == nil, texts.count < options.batchRows, input.bytesConsumed - firstByte < options.batchBytes,
            decoder.byteCount < options.batchBytes
        {
            if decode(now: now) { continue }
            guard !input.isAtEnd else { break }
            do throws(ColumnarError) { try input.refill(line: decoder.line) } catch { pending = error }
        }
        parts = decoder.take()
        rowsRead += texts.count
        if texts.count == 0, let pending { throw pending }
        return texts.count > 0
    }

    /// Takes the points that the buffer holds.
    /// - Returns: `false` where none was taken.
    private func decode(now: Int64) -> Bool {
        // A second reference, not a copy: nothing writes to the buffer while this function runs.
        let buffer = input.buffer
        let before = texts.count
        points: while texts.count < options.batchRows, decoder.byteCount < options.batchBytes {
            switch decoder.next(
                buffer.span,
                from: &input.position,
                isEnd: input.isAtEnd,
                offset: texts.count,
                now: now
            ) {
            case .end: break points
            case .row: break
            case .fault(let error):
                let place = ColumnarError.Place(
                    file: input.file.name,
                    row: rowsRead + texts.count + 1,
                    line: error.line
                )
                let fault = ColumnarError.malformed(place, reason: "at column \(error.column), \(error.reason)")
                guard options.skipsBadRows, let reject = reject(fault, buffer[decoder.point.range]) else {
                    pending = fault
                    return true
                }
                rejects.append(reject)
            }
            isLastOpen = input.position == buffer.count && buffer.last != UInt8(ascii: "\n")
            lines.append(decoder.point.line)
            texts.append(Self.trimmed(buffer[decoder.point.range]))
        }
        return texts.count > before
    }

    private func reject(_ fault: ColumnarError, _ text: ArraySlice<UInt8>) -> RejectedRow? {
        RejectedRow(fault, offset: texts.count, text: Array(Self.trimmed(text)))
    }

    /// Without the line end that a bad line's range includes.
    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        if text.last == UInt8(ascii: "\r") { text.removeLast() }
        return text
    }

    /// A point of the last batch that the store refuses.
    package func rejectedRow(_ offset: Int, reason: String) -> RejectedRow {
        RejectedRow(offset: offset, line: lines[offset], column: nil, reason: reason, text: Array(texts[offset]))
    }
}
