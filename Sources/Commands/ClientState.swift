package import Wire

/// What a connection keeps between its commands; confined to the connection's event loop.
package final class ClientState {
    /// Which replies CLIENT REPLY lets through.
    package enum Replies: Sendable {
        case on
        case off
        /// The next command's reply is not sent.
        case skipNext
        /// The reply of the command that runs is not sent.
        case skip
    }

    package var version = ProtocolVersion.resp2
    package var isAuthenticated: Bool
    package var replies = Replies.on
    /// Between MULTI and EXEC.
    package var transaction: Transaction? { didSet { isInTransaction = transaction != nil } }
    package private(set) var isInTransaction = false
    /// What other connections may see of this one.
    package let record: ClientRecord

    package var id: Int64 { record.id }

    package init(record: ClientRecord, isAuthenticated: Bool) {
        self.record = record
        self.isAuthenticated = isAuthenticated
    }

    package convenience init(id: Int64, isAuthenticated: Bool) {
        self.init(record: ClientRecord(id: id, address: "", localAddress: ""), isAuthenticated: isAuthenticated)
    }
}
