import Columnar

/// How far an export is: its spine comes in blocks, and a block is read, joined and written.
struct ExportProgress {
    private var line: Progress
    private let label: String
    private let reader: TableReader
    /// The share of the spine that was read before the block at work, and with it.
    private var before = 0.0
    private var after = 0.0
    /// Of the time that a block takes, about so much goes to joining; the rest to writing.
    private static let joinShare = 0.6

    init(_ line: Progress, _ input: SpineInput) {
        self.line = line
        label = input.name
        reader = input.reader
    }

    var elapsed: Duration { line.elapsed }

    /// A block was read.
    mutating func read() {
        before = after
        if let total = reader.totalRows, total > 0 {
            after = Double(reader.rowsRead) / Double(total)
        } else if let bytes = reader.totalBytes, bytes > 0 {
            after = Double(reader.bytesRead) / Double(bytes)
        }
    }

    /// - Parameter share: of the block's join.
    mutating func joined(_ share: Double, rows: Int) {
        line.update(label, rows: rows, done: before + (after - before) * share * Self.joinShare)
    }

    mutating func written(rows: Int) { line.update(label, rows: rows, done: after) }

    mutating func clear() { line.clear() }
}
