import Columnar
import Features
import PointInTime
import Store

/// A file of line protocol, whose points name their views.
struct LineProtocolInput: IngestInput {
    private let reader: LineProtocolReader
    private let views: [StoredView]
    let meaning: String

    /// - Parameters:
    ///   - views: those that points may name.
    ///   - absent: what is said of others that the store knows, by name.
    init(
        _ request: IngestRequest,
        _ views: [StoredView],
        precision: TimeUnit,
        ignoresExtra: Bool,
        absent: [String: String]
    ) throws(ColumnarError) {
        var options = InputOptions()
        options.skipsBadRows = request.rejects != nil
        options.allowsEarly1970 = request.allowsEarly1970
        options.batchRows = request.options.rowsAtATime(atMost: options.batchRows)
        reader = try LineProtocolReader(
            path: request.file,
            views: views.map { view in
                var definition = view.definition
                if let missing = request.missing { definition.missing = missing }
                return definition
            },
            precision: precision,
            ignoresExtra: ignoresExtra,
            absent: absent,
            options: options
        )
        self.views = views
        // What is left out was an error without the option, so that it changes no row that is stored already.
        meaning = "line_protocol precision=\(precision.rawValue)"
    }

    var form: InputForm { .points }
    var rejectsHeader: [UInt8] { [] }
    var rowsRead: Int { reader.rowsRead }
    var bytesRead: Int { reader.bytesRead }
    var totalBytes: Int? { reader.totalBytes }
    var openEndedRow: Int? { reader.openEndedRow }
    var batchFirstRow: Int { reader.batchFirstRow }
    var rejects: [RejectedRow] { reader.rejects }

    func next(now: Int64) throws(ColumnarError) -> InputRows? {
        guard try reader.next(now: now) else { return nil }
        return InputRows(
            parts: reader.parts.map { part in
                InputRows.Part(
                    view: views[part.view],
                    rows: ViewRows(keys: part.keys, eventTimes: part.eventTimes, features: part.features),
                    offsets: part.offsets
                )
            },
            undecodable: reader.rejects.map { UndecodableRow(offset: $0.offset, text: $0.text) },
            texts: reader.texts
        )
    }

    func rejectedRow(_ fault: RowFault, part: Int) -> RejectedRow {
        reader.rejectedRow(reader.parts[part].offsets[fault.row], reason: fault.reason)
    }

    func origin(ofRow row: Int) -> (file: String, row: Int)? { nil }

    func line(ofRow row: Int) -> Int? {
        let index = row - reader.batchFirstRow
        return reader.lines.indices.contains(index) ? reader.lines[index] : nil
    }
}
