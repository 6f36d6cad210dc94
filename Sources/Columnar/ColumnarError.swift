package import Features
import Foundation

/// What can go wrong with a file that is read or written; ``description`` says where, what, and what to do.
package enum ColumnarError: Error, Equatable, Sendable {
    case noSuchFile(file: String)
    case isDirectory(file: String)
    case permissionDenied(file: String)
    /// The file could not be opened or reading it failed midway; `reason` is the system's or Arrow's.
    case cannotRead(file: String, reason: String)
    case cannotWrite(file: String, reason: String)
    /// A name that begins with `s3://` and is no object's.
    case badObjectName(String, reason: String)
    /// The storage of an object cannot be used at all.
    case storage(String, reason: String)
    case unknownFormat(file: String, option: String)
    /// Not even a header.
    case empty(file: String, expected: String)
    /// The text does not follow the format's grammar.
    case malformed(Place, reason: String)
    /// A value that is none of the type asked for; `nil` where it is not to be shown.
    case badValue(Place, value: String?, expected: FeatureType, reason: String)
    /// A column of the file that has no meaning as the type asked for, whatever its values.
    case badColumnType(file: String, column: String, expected: FeatureType, got: String, hint: String)
    /// A column whose type has no counterpart here.
    case unreadableColumn(file: String, column: String, got: String, hint: String)
    case noSuchColumn(file: String, column: String, known: [String])
    /// Of files whose rows follow one another: a column that the first does not have.
    case unexpectedColumn(file: String, column: String)
    /// A requested key that a JSON object does not have.
    case absentKey(Place)
    /// A key that nobody asked for.
    case unknownKey(Place, known: [String])

    /// Where in a file: rows count data rows from 1, lines count all lines from 1.
    package struct Place: Equatable, Sendable {
        package var file: String
        package var row: Int?
        package var line: Int?
        package var column: String?

        package init(file: String, row: Int? = nil, line: Int? = nil, column: String? = nil) {
            self.file = file
            self.row = row
            self.line = line
            self.column = column
        }

        /// As in `trades.csv: row 7 (line 8), column 'price'`.
        package var text: String {
            var parts: [String] = []
            if let row, let line {
                parts.append("row \(row) (line \(line))")
            } else if let row {
                parts.append("row \(row)")
            } else if let line {
                parts.append("line \(line)")
            }
            if let column { parts.append("column '\(column)'") }
            return parts.isEmpty ? file : "\(file): \(parts.joined(separator: ", "))"
        }
    }

    /// `bytes` as a message shows them: cut, invalid UTF-8 and control characters replaced.
    static func shown(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(ColumnarLimits.shownCharactersMax * 4), as: UTF8.self)
        var shown = ""
        for character in text.unicodeScalars.prefix(ColumnarLimits.shownCharactersMax) {
            switch character {
            case "\n": shown += "\\n"
            case "\r": shown += "\\r"
            case "\t": shown += "\\t"
            case "\0"..<" ", "\u{7F}": shown += "\u{FFFD}"
            default: shown.unicodeScalars.append(character)
            }
        }
        let isCut =
            bytes.count > ColumnarLimits.shownCharactersMax * 4
            || text.unicodeScalars.count > ColumnarLimits.shownCharactersMax
        return isCut ? shown + "…" : shown
    }
}

extension ColumnarError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noSuchFile(let file): "\(file): there is no such file\(Self.hint(forFile: file))"
        case .isDirectory(let file): "\(file): this is a directory, not a file"
        case .permissionDenied(let file): "\(file): permission denied"
        case .cannotRead(let file, let reason): "\(file): cannot be read: \(reason)"
        case .cannotWrite(let file, let reason): "\(file): cannot be written: \(reason)"
        case .badObjectName(let name, let reason):
            "\(name): \(reason); expected s3://BUCKET/KEY"
        case .storage(let name, let reason): "\(name): \(reason)"
        case .unknownFormat(let file, let option):
            "\(file): the format is not clear from the name; use \(option)"
        case .empty(let file, let expected): "\(file): the file is empty; \(expected)"
        case .malformed, .badValue, .absentKey, .unknownKey: fault.map { "\($0.place.text): \($0.reason)" } ?? ""
        case .badColumnType(let file, let column, let expected, let got, let hint):
            "\(file): column '\(column)': expected \(expected.text), got a column of type \(got); \(hint)"
        case .unreadableColumn(let file, let column, let got, let hint):
            "\(file): column '\(column)' of type \(got) cannot be read; \(hint)"
        case .noSuchColumn(let file, let column, let known):
            "\(file): there is no column '\(column)'\(Name.hint(for: column, among: known))"
        case .unexpectedColumn(let file, let column):
            "\(file): it has a column '\(column)', which the files before it do not have"
        }
    }

    /// The files beside it whose names are nearest, looked for when the message is made.
    private static func hint(forFile file: String) -> String {
        let url = URL(fileURLWithPath: file)
        guard !ObjectName.isOne(file),
            let others = try? FileManager.default.contentsOfDirectory(atPath: url.deletingLastPathComponent().path)
        else { return "" }
        let near = Name.nearest(to: url.lastPathComponent, among: others)
        return near.first.map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Where a fault of the content lies and what it is; `nil` for faults of the file as a whole.
    package var fault: (place: Place, reason: String)? {
        switch self {
        case .malformed(let place, let reason): (place, reason)
        case .badValue(let place, let value, let expected, let reason):
            (
                place,
                "expected \(expected.text), got \(value.map { "'\($0)'" } ?? Expectations.hiddenValue): \(reason)"
            )
        case .absentKey(let place): (place, "the key is absent; write null, or say --missing null")
        case .unknownKey(let place, let known):
            (
                place,
                "nobody asked for this key (--ignore-extra skips such keys)"
                    + Name.hint(for: place.column ?? "", among: known)
            )
        case .noSuchFile, .isDirectory, .permissionDenied, .cannotRead, .cannotWrite, .badObjectName, .storage,
            .unknownFormat, .empty, .badColumnType, .unreadableColumn, .noSuchColumn, .unexpectedColumn:
            nil
        }
    }
}
