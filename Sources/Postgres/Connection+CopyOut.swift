import CLibPQ
import Glibc

extension Connection {
    /// Starts `COPY … TO STDOUT`; ``nextCopyRow(_:)`` follows until it returns `nil`, or ``cancelCopyOut()``.
    package func beginCopyOut(_ sql: String) throws(PostgresError) {
        let results = try execute(sql)
        guard results.last?.isCopyOut == true else {
            throw PostgresError(kind: .unexpectedResult, message: "the statement did not start a COPY to the client")
        }
        hasCopyBegun = false
    }

    /// The next piece of a COPY's data, which is one row where the format is binary; the first comes behind the header.
    ///
    /// The first may take as long as a statement, since the server may sort before; the others ``WaitLimits/copyMs`` each.
    /// - Parameter row: takes the piece's memory; what it held before is freed.
    /// - Returns: false at the end, when the statement has succeeded.
    /// - Throws: the server's error; the COPY has ended then.
    package func nextCopyRow(_ row: inout CopyPiece) throws(PostgresError) -> Bool {
        row.clear()
        var patience: AnswerWait?
        while true {
            var start: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(handle, &start, 1)
            if count > 0 {
                row.take(start, count: Int(count))
                hasCopyBegun = true
                return true
            }
            if count == -1 {
                _ = try collectResults(patience ?? self.patience())
                return false
            }
            guard count == 0 else { throw lostConnection() }
            try refuseIfClosed()
            var waiting =
                patience
                ?? self.patience(
                    silenceMs: hasCopyBegun ? min(WaitLimits.copyMs, transactionSilenceMs) : transactionSilenceMs
                )
            try wait(for: Int16(POLLIN), &waiting)
            try consume(&waiting)
            patience = waiting
        }
    }

    /// Gives up a COPY that is under way, so that the connection can be used again; its transaction has failed.
    package func cancelCopyOut() {
        guard isAlive else { return }
        guard let request = CancelRequest.send(handle) else { return close() }
        _ = try? within(milliseconds: WaitLimits.rollBackMs) { () throws(PostgresError) in
            var row = CopyPiece()
            // The server sends what it has in hand, then that it was cancelled.
            while try nextCopyRow(&row) {}
        }
        if !request.wait(milliseconds: WaitLimits.cancelMs) { close() }
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
