import ArgumentParser
import Features
import Foundation
import Glibc
import Synchronization
import Workflows

/// What goes to the terminal: results to standard output, everything else to standard error.
enum Console {
    /// `errno` of the first write to standard output that failed; 0 = none did.
    private static let outputFailure = Atomic<Int32>(0)

    /// Where this fails, ``checkOutput()`` says so at the command's end: what the command does is not undone by a full
    /// disk or a closed pipe behind its output.
    static func write(_ text: String) {
        guard outputFailure.load(ordering: .relaxed) == 0 else { return }
        let line = Array((text + "\n").utf8)
        var sent = 0
        while sent < line.count {
            let count = line[sent...].withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 {
                sent += count
            } else if count < 0, errno != EINTR {
                outputFailure.store(errno, ordering: .relaxed)
                return
            }
        }
    }

    /// - Throws: where standard output did not take all of the results. A reader that closed its pipe, as `head` does,
    ///   is told nothing.
    static func checkOutput() throws {
        switch outputFailure.load(ordering: .relaxed) {
        case 0: return
        case EPIPE: throw ExitCode(1)
        case let code:
            throw WorkflowError.refused("standard output cannot be written: \(String(cString: strerror(code)))")
        }
    }

    static func writeError(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    static func writeErrorRaw(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// `12 MiB`: bytes in the largest unit of which there are at least ten, as psql does.
    static func size(_ bytes: Int64) -> String {
        var (number, unit) = (bytes, 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        while number >= 10 * 1_024 && unit < units.count - 1 {
            number = (number + 512) / 1_024
            unit += 1
        }
        return "\(CountText.grouped(number)) \(units[unit])"
    }

    static func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return String(format: "%.1f s", Double(seconds) + Double(attoseconds) / 1e18)
    }

    /// `12.3 ms`.
    static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return String(format: "%.1f ms", Double(seconds) * 1e3 + Double(attoseconds) / 1e15)
    }

    static func rate(_ rows: Int, _ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let elapsed = max(Double(seconds) + Double(attoseconds) / 1e18, 1e-6)
        return CountText.grouped(Int(Double(rows) / elapsed)) + " rows/s"
    }
}

extension Console {
    /// A text's first sentence, at most `limit` characters of it; what is left out is marked by `…`.
    static func summary(_ text: String, limit: Int = 60) -> String {
        let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        var sentence = line
        if let end = line.firstRange(of: ". ") { sentence = String(line[..<end.lowerBound]) + "." }
        return cut(sentence, limit: limit)
    }

    /// A value as a table shows it: on one line, at most `limit` characters.
    static func cell(_ text: String, limit: Int = 80) -> String {
        var line = ""
        for scalar in text.unicodeScalars.prefix(limit + 1) {
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case "\0"..<" ", "\u{7F}"..<"\u{A0}": line += "\u{FFFD}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return cut(line, limit: limit)
    }

    /// At most `limit` characters, cut between words where there are any, with `…` for the rest.
    private static func cut(_ text: String, limit: Int) -> String {
        guard text.count > limit else { return text }
        var head = text.prefix(limit - 1)
        if let space = head.lastIndex(of: " "), head.distance(from: space, to: head.endIndex) < 20 {
            head = head[..<space]
        }
        return head + "…"
    }

    /// Paragraphs at most `width` characters wide, each line behind `indent` blanks.
    static func wrapped(_ text: String, width: Int = 100, indent: Int) -> String {
        var lines: [String] = [""]
        for word in text.split(whereSeparator: \.isWhitespace) {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= width - indent {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines.map { String(repeating: " ", count: indent) + $0 }.joined(separator: "\n")
    }
}

/// Columns of text below one another, as psql prints them unadorned.
struct TextTable {
    private var rows: [[String]]
    private let rightAligned: Set<Int>

    init(_ header: [String], rightAligned: Set<Int> = []) {
        rows = [header]
        self.rightAligned = rightAligned
    }

    /// - Parameter row: cells may hold what anybody wrote; a line end would forge a row.
    mutating func append(_ row: [String]) { rows.append(row.map(\.onOneLine)) }

    var text: String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += rightAligned.contains(column) ? padding + cell : cell + padding
                line += "  "
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
