/// Splits RFC 4180 text into fields: comma (or what the dialect has), quotes doubled inside quotes, line breaks inside
/// quotes, LF or CRLF.
///
/// Works on a buffer that holds any number of whole records and perhaps the start of one more, which is left for the
/// next call; so a record is never seen in parts, wherever the buffer ends. A blank line is no row where the table has
/// more than one column; with one column it is a row whose field is null.
struct CSVSplitter {
    /// The header; empty while it is read itself.
    var columnNames: [String] = []
    /// The line that the next record starts on, from 1.
    var line = 1
    let dialect: CSVDialect
    /// Whether the text ended, and its last record had no line end.
    private(set) var isEndOpen = false
    /// Nothing above it has a meaning outside of quotes: of commas all letters, digits, signs and points.
    private let highest: UInt8

    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    init(_ dialect: CSVDialect = CSVDialect()) {
        self.dialect = dialect
        highest = max(Self.quote, dialect.delimiter, dialect.escape ?? 0)
    }

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
                if record.isComplete { try check(record, &table.fields, from: fieldsBefore, isEnd: isEnd, bytes) }
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
            isEndOpen = Self.isOpen(record, isEnd: isEnd, bytes)
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

    /// Makes `out` what a field of kind ``FieldKind/quotedEscaped`` stands for.
    static func unescape(_ text: Span<UInt8>, escape: UInt8?, into out: inout [UInt8]) {
        out.removeAll(keepingCapacity: true)
        var at = 0
        while at < text.count {
            if text[at] == escape, at + 1 < text.count {
                out.append(text[at + 1])
                at += 2
                continue
            }
            out.append(text[at])
            // The splitter found each inner quote doubled.
            at += text[at] == quote ? 2 : 1
        }
    }

    private static func isOpen(_ record: Record, isEnd: Bool, _ bytes: Span<UInt8>) -> Bool {
        isEnd && record.position == bytes.count && bytes[bytes.count - 1] != lineFeed
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
        let (delimiter, escape, highest) = (dialect.delimiter, dialect.escape, highest)
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
                var kind = FieldKind.bare
                while at < count {
                    let byte = bytes[at]
                    if byte > highest {
                        at += 1
                        continue
                    }
                    if byte == delimiter || byte == Self.lineFeed || byte == Self.carriageReturn { break }
                    if byte == escape {
                        guard at + 1 < count else {
                            if isEnd { throw nothingEscaped(record, column: fields.count - firstField) }
                            return
                        }
                        if bytes[at + 1] == Self.lineFeed { record.lineBreaks += 1 }
                        kind = .quotedEscaped
                        at += 2
                        continue
                    }
                    if byte == Self.quote || byte == 0 {
                        record.position = at
                        throw refusal(of: byte, record: record, column: fields.count - firstField)
                    }
                    at += 1
                }
                if kind != .bare, at - start == 2, bytes[start + 1] == UInt8(ascii: "N") { kind = .null }
                fields.append(Field(start: UInt32(start), end: UInt32(at), kind: kind))
            }
            record.position = at
            record.end = at
            guard at < count else {
                record.isComplete = isEnd
                return
            }
            if bytes[at] == delimiter {
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
                if bytes[at] == dialect.escape, at + 1 < count {
                    kind = .quotedEscaped
                    at += 1
                }
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
            case dialect.delimiter, Self.lineFeed, Self.carriageReturn: break
            default:
                let isEscaped = dialect.escape == nil && at > start && bytes[at - 1] == UInt8(ascii: "\\")
                throw GrammarError(
                    line: record.line + record.lineBreaks,
                    column: name(of: column),
                    reason: "text follows the closing quote; a quote inside a quoted field is written twice"
                        + (isEscaped ? "; where a backslash stands before it, say --escape '\\'" : "")
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

    /// Checks how many fields the record has, which begin at `first`.
    private func check(
        _ record: Record,
        _ fields: inout [Field],
        from first: Int,
        isEnd: Bool,
        _ bytes: Span<UInt8>
    ) throws(GrammarError) {
        let (count, expected) = (fields.count - first, columnNames.count)
        guard expected > 0, count != expected, !record.isBlank else { return }
        var reason = "expected \(expected) fields, got \(count)"
        if count > expected, fields[(first + expected)...].allSatisfy({ $0.kind == .bare && $0.start == $0.end }) {
            if dialect.dropsEmptyEnds { return fields.removeLast(count - expected) }
            reason += "; those behind the last name are empty: --ignore-extra leaves such out"
        } else if Self.isOpen(record, isEnd: isEnd, bytes) {
            reason += "; it is the last line and has no line end: was the file cut off?"
        }
        throw GrammarError(line: record.line, reason: reason, resume: (record.position, record.lineBreaks))
    }

    private func nothingEscaped(_ record: Record, column: Int) -> GrammarError {
        GrammarError(
            line: record.line + record.lineBreaks,
            column: name(of: column),
            reason:
                "the text ends with \(CSVDialect.spelled(dialect.escape ?? 0)), behind which the escaped character is missing"
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
