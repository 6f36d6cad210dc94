/// Splits RFC 4180 text into fields: comma, quotes doubled inside quotes, line breaks inside quotes, LF or CRLF.
///
/// Works on a buffer that holds any number of whole records and perhaps the start of one more, which is left for the
/// next call; so a record is never seen in parts, wherever the buffer ends. A blank line is no row where the table has
/// more than one column; with one column it is a row whose field is null.
struct CSVSplitter {
    /// The header; empty while it is read itself.
    var columnNames: [String] = []
    /// The line that the next record starts on, from 1.
    var line = 1

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// Appends the records of `bytes[position...]` to `table`, up to `rowsMax` rows in it.
    /// - Parameters:
    ///   - position: the start of a record; moves to the first byte that is not consumed.
    ///   - isEnd: whether nothing comes after `bytes`.
    /// - Throws: ``GrammarError`` of the record at `position`; the records before it are in `table`.
    mutating func split(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        isEnd: Bool,
        rowsMax: Int,
        into table: inout FieldTable
    ) throws(GrammarError) {
        while position < bytes.count, table.rowCount < rowsMax {
            let fieldsBefore = table.fields.count
            var record = Record(start: position, line: line)
            do throws(GrammarError) {
                try scan(bytes, isEnd: isEnd, record: &record, into: &table.fields)
                if record.isComplete { try check(record, table.fields.count - fieldsBefore) }
            } catch {
                table.fields.removeLast(table.fields.count - fieldsBefore)
                var error = error
                guard complete(&error, bytes, from: record.position, isEnd: isEnd) else { return }
                throw error
            }
            guard record.isComplete else {
                table.fields.removeLast(table.fields.count - fieldsBefore)
                return
            }
            line += record.lineBreaks
            position = record.position
            if record.isBlank, columnNames.count != 1 {
                table.fields.removeLast()
                continue
            }
            table.lines.append(record.line)
            table.extents.append(UInt32(record.start)..<UInt32(record.end))
        }
    }

    /// Makes `out` the text that stands between a field's quotes, its doubled quotes single.
    static func unescape(_ text: Span<UInt8>, into out: inout [UInt8]) {
        out.removeAll(keepingCapacity: true)
        var at = 0
        while at < text.count {
            out.append(text[at])
            // The splitter found each inner quote doubled.
            at += text[at] == quote ? 2 : 1
        }
    }

    /// One record while it is scanned.
    private struct Record {
        let start: Int
        let line: Int
        /// Behind the record and its line end, once complete; else where the scan stands.
        var position: Int
        var end = 0
        var lineBreaks = 0
        var isComplete = false
        var isBlank: Bool { isComplete && start == end }

        init(start: Int, line: Int) {
            self.start = start
            self.line = line
            position = start
        }
    }

    private func scan(
        _ bytes: Span<UInt8>,
        isEnd: Bool,
        record: inout Record,
        into fields: inout [Field]
    ) throws(GrammarError) {
        let count = bytes.count
        var at = record.start
        let firstField = fields.count
        while true {
            if at < count, bytes[at] == Self.quote {
                record.position = at
                guard let field = try quoted(bytes, isEnd: isEnd, record: &record, column: fields.count - firstField)
                else { return }
                at = record.position
                fields.append(field)
            } else {
                let start = at
                while at < count {
                    let byte = bytes[at]
                    // Nothing above the comma has a meaning here: digits, letters, sign and point all lie there.
                    if byte > Self.comma {
                        at += 1
                        continue
                    }
                    if byte == Self.comma || byte == Self.lineFeed || byte == Self.carriageReturn { break }
                    if byte == Self.quote || byte == 0 {
                        record.position = at
                        throw refusal(of: byte, record: record, column: fields.count - firstField)
                    }
                    at += 1
                }
                fields.append(Field(start: UInt32(start), end: UInt32(at), kind: .bare))
            }
            record.position = at
            record.end = at
            guard at < count else {
                record.isComplete = isEnd
                return
            }
            if bytes[at] == Self.comma {
                at += 1
                continue
            }
            record.isComplete = try lineEnd(bytes, isEnd: isEnd, record: &record)
            return
        }
    }

    /// Scans a field whose opening quote `record.position` stands at, and moves it behind the closing one.
    /// - Returns: `nil` where the buffer ends before the field certainly does.
    private func quoted(
        _ bytes: Span<UInt8>,
        isEnd: Bool,
        record: inout Record,
        column: Int
    ) throws(GrammarError) -> Field? {
        let count = bytes.count
        let opened = record.line + record.lineBreaks
        let start = record.position + 1
        var at = start
        var kind = FieldKind.quoted
        while true {
            while at < count, bytes[at] != Self.quote {
                if bytes[at] == Self.lineFeed { record.lineBreaks += 1 }
                if bytes[at] == 0 {
                    record.position = at
                    throw refusal(of: 0, record: record, column: column)
                }
                at += 1
            }
            guard at < count else {
                guard isEnd else { return nil }
                record.position = count
                throw GrammarError(
                    line: record.line,
                    column: name(of: column),
                    reason: "the quote that opens on line \(opened) is never closed"
                )
            }
            guard at + 1 < count else {
                guard isEnd else { return nil }
                break
            }
            guard bytes[at + 1] == Self.quote else { break }
            kind = .quotedEscaped
            at += 2
        }
        let field = Field(start: UInt32(start), end: UInt32(at), kind: kind)
        record.position = at + 1
        if record.position < count {
            switch bytes[record.position] {
            case Self.comma, Self.lineFeed, Self.carriageReturn: break
            default:
                throw GrammarError(
                    line: record.line + record.lineBreaks,
                    column: name(of: column),
                    reason: "text follows the closing quote; a quote inside a quoted field is written twice"
                )
            }
        }
        return field
    }

    /// Takes LF or CRLF at `record.position`; `false` where the buffer ends between the two.
    private func lineEnd(_ bytes: Span<UInt8>, isEnd: Bool, record: inout Record) throws(GrammarError) -> Bool {
        var at = record.position
        if bytes[at] == Self.carriageReturn {
            at += 1
            if at == bytes.count, !isEnd { return false }
            guard at < bytes.count, bytes[at] == Self.lineFeed else {
                throw GrammarError(
                    line: record.line + record.lineBreaks,
                    reason:
                        "a carriage return without a line feed; put the field in quotes, or end lines with LF or CRLF"
                )
            }
        }
        record.position = at + 1
        record.lineBreaks += 1
        return true
    }

    private func refusal(of byte: UInt8, record: Record, column: Int) -> GrammarError {
        GrammarError(
            line: record.line + record.lineBreaks,
            column: name(of: column),
            reason: byte == 0
                ? "it contains a NUL byte; the file is not UTF-8 text, or is damaged"
                : "a quote in the middle of a field without quotes; put the whole field in quotes and write the quote twice"
        )
    }

    private func check(_ record: Record, _ count: Int) throws(GrammarError) {
        guard !columnNames.isEmpty, count != columnNames.count, !record.isBlank else { return }
        throw GrammarError(
            line: record.line,
            reason: "expected \(columnNames.count) fields, got \(count)",
            resume: (record.position, record.lineBreaks)
        )
    }

    private func name(of column: Int) -> String? {
        column < columnNames.count ? columnNames[column] : nil
    }

    /// Finds where reading can go on after an error at `position`: behind its line.
    /// - Returns: `false` where the buffer does not hold the line's end yet: the error comes back with more bytes.
    private func complete(_ error: inout GrammarError, _ bytes: Span<UInt8>, from position: Int, isEnd: Bool) -> Bool {
        if error.resume != nil { return true }
        var at = position
        while at < bytes.count, bytes[at] != Self.lineFeed { at += 1 }
        if at < bytes.count {
            error.resume = (at + 1, error.line - line + 1)
            return true
        }
        return isEnd
    }
}
