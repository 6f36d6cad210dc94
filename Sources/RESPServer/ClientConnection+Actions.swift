package import Commands
package import Wire

extension ClientConnection {
    /// What the caller does after an event, in this order; before that it sends ``takeOutput()``.
    package struct Actions {
        /// Work to start; its end is ``replyReady(_:_:)`` with the number.
        package var starts: [(id: Int64, reply: DeferredReply)] = []
        /// A transaction's writes to commit; the end is ``transactionCommitted(_:_:)``.
        package var commit: (id: Int64, writes: [any QueuedWrite])?
        /// A transaction takes long: ``turnCame(nowNs:)`` goes on with it once other connections have had their turn.
        package var pauses = false
        /// It waits for something meanwhile, so that its turn is to come so much later, ms.
        package var waitMs: Int64 = 0
        /// Waiting that ends early.
        package var cancels: [@Sendable () -> Void] = []
        package var ending: Ending?
    }

    package enum Ending: Hashable, Sendable {
        /// When all replies are sent.
        case afterOutput(Reason)
        /// At once.
        case now(Reason)
    }

    package enum Reason: Hashable, Sendable {
        /// The client closed its side, or asked for the end.
        case client
        case protocolError(String)
        /// HTTP or TLS.
        case foreign
        case partialRequest
        case unreadReplies
        /// All connections together keep too much of requests that are not complete.
        case requestMemory
        /// All clients together have left too much unread, and this one most of it.
        case replyMemory
        case killed
        case stopping
    }
}
