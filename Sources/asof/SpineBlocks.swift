import Columnar
import Features
import PointInTime
import Store

/// A spine's batches put together into blocks of the size that the join wants.
struct SpineBlocks {
    private let reader: TableReader
    /// Read and not given yet.
    private var ahead: ColumnBatch?
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
        } else if first < ReadOptions().batchRows {
            rowCount = first
        } else if let bytes = reader.totalBytes, reader.bytesRead > 0 {
            rowCount = Int(Double(first) * max(1, Double(bytes) / Double(reader.bytesRead)))
        } else {
            rowCount = nil
        }
    }

    /// The next rows, about `rows` of them; `nil` at the end.
    mutating func next(_ rows: Int) throws(ColumnarError) -> ColumnBatch? {
        guard let first = try take() else { return nil }
        var batches = [first]
        var count = first.rowCount
        while count < rows, let batch = try take() {
            batches.append(batch)
            count += batch.rowCount
        }
        let columns = first.columns.indices.map { index in
            Column(type: first.columns[index].type, concatenating: batches.map { $0.columns[index] })
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
