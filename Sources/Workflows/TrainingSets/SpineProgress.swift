import Columnar

/// How far an export is: its spine comes in blocks, and a block is read, joined and written.
struct SpineProgress {
    private let spine: String
    private let reader: TableReader
    /// The share of the spine that was read before the block at work, and with it.
    private var before = 0.0
    private var after = 0.0
    /// Of the time that a block takes, about so much goes to joining; the rest to writing.
    private static let joinShare = 0.6

    init(_ input: SpineInput) {
        spine = input.name
        reader = input.reader
    }

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
    func joined(_ share: Double, rows: Int) -> ExportProgress {
        ExportProgress(spine: spine, rows: rows, done: before + (after - before) * share * Self.joinShare)
    }

    func written(rows: Int) -> ExportProgress { ExportProgress(spine: spine, rows: rows, done: after) }
}
