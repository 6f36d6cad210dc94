import Foundation

/// What goes to the terminal: results to standard output, everything else to standard error.
enum Console {
    static func write(_ text: String) {
        // Safe to ignore: where standard output is gone there is nobody to tell.
        try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    }

    static func writeError(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    static func writeErrorRaw(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// `1234567` as `1,234,567`.
    static func grouped(_ number: some BinaryInteger) -> String {
        let digits = String(number)
        let sign = digits.hasPrefix("-") ? "-" : ""
        var grouped = ""
        for (index, digit) in digits.dropFirst(sign.count).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { grouped.append(",") }
            grouped.append(digit)
        }
        return sign + String(grouped.reversed())
    }

    static func count(_ number: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
    }

    static func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return String(format: "%.1f s", Double(seconds) + Double(attoseconds) / 1e18)
    }

    static func rate(_ rows: Int, _ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let elapsed = max(Double(seconds) + Double(attoseconds) / 1e18, 1e-6)
        return grouped(Int(Double(rows) / elapsed)) + " rows/s"
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

    mutating func append(_ row: [String]) { rows.append(row) }

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
