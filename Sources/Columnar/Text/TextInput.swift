/// A text file's bytes, a buffer at a time: what was read and not yet consumed is `buffer[position...]`.
struct TextInput {
    let file: InputFile
    private(set) var buffer: [UInt8] = []
    var position = 0
    private(set) var isAtEnd = false
    /// Whether ``buffer`` keeps what is consumed, so that a pipe can still be read again from its start.
    var isHeadKept = true
    /// The CSV header's record as it stands in the file.
    private(set) var headerText: [UInt8] = []
    private let chunkBytes: Int
    private let recordBytesMax: Int
    private let skipsBadRows: Bool
    private let leftOut: LeftOutColumns
    private let delimiter: UInt8?
    private let escape: UInt8?

    /// Takes the byte order mark, and refuses what is no UTF-8 text by its first bytes.
    init(file: InputFile, options: InputOptions) throws(ColumnarError) {
        self.file = file
        chunkBytes = options.chunkBytes
        recordBytesMax = options.recordBytesMax
        skipsBadRows = options.skipsBadRows
        leftOut = options.leftOut
        delimiter = options.delimiter
        escape = options.escape
        try start()
    }

    /// Bytes that are done with, decompressed.
    var bytesConsumed: Int { file.bytesRead - (buffer.count - position) }

    /// As ``bytesConsumed``, of the file as it is stored.
    var storedBytesConsumed: Int { file.compression == nil ? bytesConsumed : file.storedBytesRead }

    /// Forgets what is consumed and reads more behind the rest.
    /// - Parameter line: where the record that the buffer starts lies, for the message where it is too long.
    mutating func refill(line: Int) throws(ColumnarError) {
        if !isHeadKept {
            buffer.removeFirst(position)
            position = 0
        }
        guard buffer.count < recordBytesMax else {
            throw .malformed(
                .init(file: file.name, line: line),
                reason: "a record of more than \(recordBytesMax) bytes starts here; is a quote not closed?"
            )
        }
        // As much again as is there already, so that a long record is scanned a few times, not once a chunk. A pipe gives
        // less at a time: only a line end among it may complete a short record, so that a terminal's lines are not held up.
        let pending = buffer.count - position
        let wanted = max(chunkBytes, buffer.count)
        var (got, hasLineEnd) = (0, false)
        repeat {
            let count = try file.read(wanted - got, appendingTo: &buffer)
            isAtEnd = count == 0
            got += count
            if pending < chunkBytes, !hasLineEnd { hasLineEnd = buffer.suffix(count).contains(UInt8(ascii: "\n")) }
        } while !isAtEnd && got < pending && !hasLineEnd
    }

    /// Copies a pipe to a temporary file, so that it can be read twice.
    mutating func makeRewindable() throws(ColumnarError) {
        if !file.isRewindable { try file.spool(head: buffer) }
        isHeadKept = false
    }

    /// Starts over. Only where the file can be rewound.
    mutating func rewind() throws(ColumnarError) {
        try file.rewind()
        buffer.removeAll(keepingCapacity: true)
        position = 0
        isAtEnd = false
        try start()
    }

    private mutating func start() throws(ColumnarError) {
        // A line that is there is not held back until more comes.
        while buffer.count < InputHead.kindBytes, !isAtEnd, !hasLine(from: 0) { try refill(line: 1) }
        if let reason = InputHead.refusal(ofText: buffer) { throw .malformed(.init(file: file.name), reason: reason) }
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// Whether the buffer has a line that is not blank.
    private func hasLine(from start: Int) -> Bool {
        buffer[start...].drop { $0 == 0x0A || $0 == 0x0D || $0 == 0x20 }.contains(UInt8(ascii: "\n"))
    }

    /// Reads a CSV header.
    /// - Returns: a splitter for what follows it.
    mutating func readHeader() throws(ColumnarError) -> CSVSplitter {
        // What was consumed before, as a mark of UTF-8, may leave the buffer with each refill.
        while buffer.count - position < 8, !isAtEnd, !hasLine(from: position) { try refill(line: 1) }
        let named = CSVDialect.named(in: buffer[position...])
        var dialect = CSVDialect()
        dialect.delimiter = delimiter ?? named?.delimiter ?? CSVDialect.comma
        dialect.escape = escape
        dialect.dropsEmptyEnds = leftOut.has("")
        var splitter = CSVSplitter(dialect)
        // The line that names it belongs to the header.
        let naming = named.map { Array(buffer[position..<$0.end]) } ?? []
        if let named {
            position = named.end
            splitter.line = 2
        }
        var table = FieldTable(stride: 0)
        while table.rowCount == 0 {
            let bytes = buffer
            do throws(GrammarError) {
                try splitter.split(bytes.span, from: &position, isEnd: isAtEnd, rowsMax: 1, into: &table)
            } catch {
                throw .malformed(.init(file: file.name, line: error.line), reason: "in the header, " + error.reason)
            }
            guard table.rowCount == 0 else { break }
            guard !isAtEnd else { throw .empty(file: file.name, expected: "a CSV file starts with a header of names") }
            try refill(line: splitter.line)
        }
        var names: [String] = []
        var known: Set<String> = []
        let place = ColumnarError.Place(file: file.name, line: table.lines[0])
        for field in table.fields {
            guard let text = String(validating: buffer[field.range], as: UTF8.self) else {
                throw .malformed(place, reason: "in the header, " + notUTF8(field.range))
            }
            var name = text
            if field.kind == .quotedEscaped {
                var unescaped: [UInt8] = []
                CSVSplitter.unescape(Array(text.utf8).span, escape: escape, into: &unescaped)
                name = String(decoding: unescaped, as: UTF8.self)
            }
            guard !name.isEmpty || leftOut.has("") else {
                throw .malformed(place, reason: Self.unnamed(names.count, of: table.fields.count))
            }
            guard known.insert(name).inserted || name.isEmpty || leftOut.has(name) else {
                throw .malformed(
                    place,
                    reason: Self.twice(name) + "; columns that are not used may (--ignore-extra, of a spine --drop)"
                )
            }
            names.append(name)
        }
        if names.count == 1, table.fields[0].kind == .bare,
            let hint = dialect.hint(header: buffer[table.fields[0].range])
        {
            throw .malformed(place, reason: hint)
        }
        // With the line that names the delimiter, so that it is read as it came.
        headerText = naming + buffer[Int(table.extents[0].lowerBound)..<Int(table.extents[0].upperBound)]
        splitter.columnNames = names
        return splitter
    }

    /// Why bytes of ``buffer`` are no text.
    func notUTF8(_ range: Range<Int>) -> String {
        let start = file.bytesRead - buffer.count + range.lowerBound
        let what = file.compression == nil ? "the file" : "what is decompressed"
        return NotUTF8.reason(buffer.span.extracting(range)) { "the byte at offset \(start + $0) of \(what)" }
    }

    static func twice(_ name: String) -> String { "the header has the name '\(name)' twice" }

    /// - Parameter index: of the column without a name, from 0.
    private static func unnamed(_ index: Int, of count: Int) -> String {
        let what = "the header's name \(index + 1) of \(count) is empty"
        guard index == 0, count > 1 else {
            return what + "; columns without a name are left out by --ignore-extra (of a spine by --drop '')"
        }
        return what
            + ": this looks like the row labels that pandas writes; leave them out with --ignore-extra (of a spine: "
            + "--drop ''), or write the file with `to_csv(…, index=False)`"
    }

    /// The keys of the first object of a JSON Lines file, without consuming it; none where there is no object.
    mutating func peekKeys() throws(ColumnarError) -> [String] {
        var at = position
        var line = 1
        while true {
            guard let end = JSONLinesSplitter.lineEnd(buffer.span, from: at, isEnd: isAtEnd) else {
                try refill(line: line)
                continue
            }
            if at >= buffer.count { return [] }
            if JSONLinesSplitter.isBlank(buffer.span, from: at, to: end) {
                at = min(end + 1, buffer.count)
                line += 1
                continue
            }
            do throws(ColumnarError) {
                return try keys(from: at, to: end, line: line)
            } catch {
                guard skipsBadRows else { throw error }
                at = min(end + 1, buffer.count)
                line += 1
            }
        }
    }

    private func keys(from start: Int, to end: Int, line: Int) throws(ColumnarError) -> [String] {
        var names: [String] = []
        var known: Set<String> = []
        do throws(JSONSyntaxError) {
            var object = try JSONObjectScanner(buffer.span, from: start, to: end)
            while let key = try object.nextKey() {
                let name = JSONText.string(key, in: buffer.span)
                if known.insert(name).inserted { names.append(name) }
                _ = try object.value()
            }
        } catch {
            throw .malformed(.init(file: file.name, row: 1, line: line), reason: error.reason)
        }
        return names
    }
}
