import CLibPQ

extension Connection {
    /// Starts `COPY … TO STDOUT`; ``nextCopyRow(_:)`` follows until it returns `nil`, or ``cancelCopyOut()``.
    package func beginCopyOut(_ sql: String) throws(PostgresError) {
        let results = try execute(sql)
        guard results.last?.isCopyOut == true else {
            throw PostgresError(kind: .unexpectedResult, message: "the statement did not start a COPY to the client")
        }
    }

    /// The next piece of a COPY's data, which is one row where the format is binary; the first comes behind the header.
    ///
    /// - Parameter row: takes the piece's memory; what it held before is freed.
    /// - Returns: false at the end, when the statement has succeeded.
    /// - Throws: the server's error; the COPY has ended then.
    package func nextCopyRow(_ row: inout CopyPiece) throws(PostgresError) -> Bool {
        row.clear()
        var start: UnsafeMutablePointer<CChar>?
        let count = PQgetCopyData(handle, &start, 0)
        if count > 0 {
            row.take(start, count: Int(count))
            return true
        }
        guard count == -1 else { throw lostConnection() }
        _ = try collectResults()
        return false
    }

    /// Gives up a COPY that is under way, so that the connection can be used again; its transaction has failed.
    package func cancelCopyOut() {
        guard isAlive, let cancel = PQgetCancel(handle) else { return }
        defer { PQfreeCancel(cancel) }
        var reason = [CChar](repeating: 0, count: 256)
        PQcancel(cancel, &reason, Int32(reason.count))
        var row = CopyPiece()
        // The server sends what it has in hand, then that it was cancelled.
        while (try? nextCopyRow(&row)) == true {}
    }
}

/// A piece of a COPY's data, in libpq's memory.
package struct CopyPiece: ~Copyable {
    private var start: UnsafeMutablePointer<CChar>?
    private var count = 0

    package init() {}

    deinit { PQfreemem(start) }

    /// Valid until the piece is used again.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    fileprivate mutating func take(_ memory: UnsafeMutablePointer<CChar>?, count: Int) {
        start = memory
        self.count = count
    }

    fileprivate mutating func clear() {
        PQfreemem(start)
        start = nil
        count = 0
    }
}
