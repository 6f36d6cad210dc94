import CLibPQ

extension Connection {
    /// Starts `COPY … FROM STDIN`; ``putCopyData(_:)`` and ``endCopy()`` follow.
    package func beginCopyIn(_ sql: String) throws(PostgresError) {
        _ = try execute(sql)
        guard PQtransactionStatus(handle) == PQTRANS_ACTIVE else {
            throw PostgresError(kind: .unexpectedResult, message: "the statement did not start a COPY")
        }
    }

    /// Sends a piece of a COPY's data; pieces may be cut anywhere. Waits while the server takes none, for
    /// ``WaitLimits/copyMs`` at most.
    package func putCopyData(_ bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        guard let base = bytes.baseAddress else { return }
        try refuseIfClosed()
        var sent = 0
        while sent < bytes.count {
            // What does not fit into the socket's buffer lies in libpq's meanwhile: a piece of this size at most.
            let count = min(bytes.count - sent, 1 << 20)
            // Safe: sent + count is at most the buffer's size.
            let start = (base + sent).assumingMemoryBound(to: CChar.self)
            guard PQputCopyData(handle, start, Int32(count)) == 1 else { throw lostConnection() }
            sent += count
            guard PQflush(handle) != 0 else { continue }
            var patience = patience(silenceMs: WaitLimits.copyMs)
            try flush(&patience)
        }
    }

    package func putCopyData(_ bytes: [UInt8]) throws(PostgresError) {
        try bytes.span.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) throws(PostgresError) -> Void in
            try putCopyData(buffer)
        }
    }

    /// Ends a COPY.
    ///
    /// - Returns: how many rows the server took.
    package func endCopy() throws(PostgresError) -> Int {
        try refuseIfClosed()
        guard PQputCopyEnd(handle, nil) == 1 else { throw lostConnection() }
        guard let rows = try collectResults(patience(silenceMs: WaitLimits.copyMs)).last else {
            throw lostConnection()
        }
        return rows.affectedCount
    }

    /// Makes the server give up a COPY under way, so that the connection can be used again.
    package func cancelCopy(_ reason: String) {
        guard isAlive, PQputCopyEnd(handle, reason) == 1 else { return }
        _ = try? within(milliseconds: WaitLimits.rollBackMs) { () throws(PostgresError) in
            try collectResults(patience(cancels: false))
        }
    }
}
