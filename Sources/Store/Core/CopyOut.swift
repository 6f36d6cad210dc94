package import Features
package import PointInTime
import Postgres

/// The rows of a query by binary COPY, as columns: the fastest way out of PostgreSQL.
///
/// One statement, within the caller's transaction. Whoever stops before the end calls ``cancel()``.
package final class CopyOut {
    private let session: Session
    private var block: CopyBlock
    private var isHeaderRead = false
    private(set) package var isAtEnd = false
    /// Bytes received so far.
    private(set) package var byteCount = 0

    /// Starts the COPY.
    ///
    /// - Parameters:
    ///   - query: a SELECT without parameters, whose columns have the SQL types of `types`, in order.
    package init(_ session: Session, query: String, types: [FeatureType]) throws(StoreError) {
        self.session = session
        block = CopyBlock(types: types)
        do {
            try session.connection.beginCopyOut("COPY (\(query)) TO STDOUT (FORMAT binary)")
        } catch {
            throw StoreError(error, on: session.connection)
        }
    }

    /// The next rows, at most `rowsMax` of them, and no more once they take `bytesMax`.
    ///
    /// - Returns: columns of equal length, none of them empty; `nil` at the end.
    package func next(rowsMax: Int, bytesMax: Int = .max) throws(StoreError) -> [Column]? {
        var piece = CopyPiece()
        do throws(StoreError) {
            while !isAtEnd, block.rowCount < rowsMax, block.byteCount < bytesMax {
                guard try read(&piece) else {
                    isAtEnd = true
                    break
                }
                byteCount += piece.bytes.count
                try append(piece.bytes)
            }
            return block.rowCount == 0 ? nil : try block.takeColumns()
        } catch {
            cancel()
            throw error
        }
    }

    /// Ends the COPY before its end; the transaction has failed then.
    package func cancel() {
        guard !isAtEnd else { return }
        isAtEnd = true
        if session.connection.isInTransaction { session.connection.cancelCopyOut() }
    }

    private func read(_ piece: inout CopyPiece) throws(StoreError) -> Bool {
        do { return try session.connection.nextCopyRow(&piece) } catch { throw .database(error) }
    }

    private func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        var start = 0
        if !isHeaderRead {
            start = try CopyBlock.headerBytes(bytes)
            isHeaderRead = true
            if start == bytes.count { return }
        }
        // Safe: a header lies within its piece.
        let row = UnsafeRawBufferPointer(rebasing: bytes[start...])
        // The trailer: -1 instead of a count of fields.
        if row.count == 2, row.loadUnaligned(as: UInt16.self) == .max { return }
        block.append(row)
    }
}
