import Columnar
import Features
import PointInTime
import Store

/// A spine's batches put together into blocks of the size that the join wants.
struct SpineBlocks {
    private let reader: TableReader
    /// Read and not given yet.
    private var ahead: ColumnBatch?
    /// Rows in all: exact where the file says so or is read to the end, else an estimate; `nil` where nothing tells.
    let rowCount: Int?
    /// Memory of a row, by the first batch.
    let rowBytes: Int

    /// Reads the first batch.
    /// - Parameter clock: gets the time of reading.
    init(_ reader: TableReader) throws(ColumnarError) {
        self.reader = reader
        ahead = try reader.next()
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
        guard var block = try take() else { return nil }
        if block.rowCount < rows {
            let expected = min(rows, rowCount ?? 0)
            for index in block.columns.indices { block.columns[index].reserveCapacity(expected) }
        }
        while block.rowCount < rows, let batch = try take() {
            for index in block.columns.indices { block.columns[index].append(batch.columns[index]) }
            block.rowCount += batch.rowCount
        }
        return block
    }

    private mutating func take() throws(ColumnarError) -> ColumnBatch? {
        if let batch = ahead {
            ahead = nil
            return batch
        }
        return try reader.next()
    }
}
