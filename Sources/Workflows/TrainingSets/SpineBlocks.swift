import Columnar
import Features
import PointInTime

/// A spine's batches put together into blocks of the size that the join wants.
struct SpineBlocks {
    private let reader: TableReader
    /// Read and not given yet.
    private var ahead: ColumnBatch?
    /// How many rows of ``ahead`` were given.
    private var given = 0
    /// A reader that has said so is not asked again.
    private var isAtEnd: Bool
    /// Rows in all: exact where the file says so or is read to the end, else an estimate; `nil` where nothing tells.
    let rowCount: Int?
    /// Memory of a row, by the first batch.
    let rowBytes: Int

    /// Reads the first batch.
    init(_ reader: TableReader) throws(ColumnarError) {
        self.reader = reader
        ahead = try reader.next()
        isAtEnd = ahead == nil
        let first = ahead?.rowCount ?? 0
        rowBytes = (ahead?.columns.reduce(0) { $0 + $1.byteCount } ?? 0) / max(1, first) + 1
        if let total = reader.totalRows {
            rowCount = total
        } else if let bytes = reader.totalBytes, reader.bytesRead > 0 {
            rowCount = Int(Double(first) * max(1, Double(bytes) / Double(reader.bytesRead)))
        } else if first < InputOptions().batchRows, first * rowBytes < InputOptions().batchBytes / 2 {
            // A batch that is full of neither rows nor bytes was the last.
            rowCount = first
        } else {
            rowCount = nil
        }
    }

    /// The next rows, about `rows` of them: at most half more; `nil` at the end.
    mutating func next(_ rows: Int) throws(ColumnarError) -> ColumnBatch? {
        var parts: [ColumnBatch] = []
        var count = 0
        while count < rows, let batch = try take() {
            let wanted = rows - count
            if batch.rowCount - given <= wanted + rows / 2 {
                parts.append(batch.slice(given..<batch.rowCount))
                given = 0
            } else {
                parts.append(batch.slice(given..<given + wanted))
                given += wanted
                ahead = batch
            }
            count += parts[parts.count - 1].rowCount
        }
        guard let first = parts.first else { return nil }
        let columns = first.columns.indices.map { index in
            Column(type: first.columns[index].type, concatenating: parts.map { $0.columns[index] })
        }
        return ColumnBatch(names: first.names, columns: columns, rowCount: count)
    }

    private mutating func take() throws(ColumnarError) -> ColumnBatch? {
        if let batch = ahead {
            ahead = nil
            return batch
        }
        guard !isAtEnd else { return nil }
        let batch = try reader.next()
        isAtEnd = batch == nil
        return batch
    }
}
