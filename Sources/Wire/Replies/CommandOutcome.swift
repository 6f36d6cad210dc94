/// What a command's handler leaves to the connection.
package enum CommandOutcome: Sendable {
    /// The reply is written.
    case replied
    /// The reply comes later; until then the connection's later replies wait.
    case deferred(DeferredReply)
    /// The reply is written, and the connection ends with it.
    case closed
    /// EXEC: the connection runs the client's transaction, whose replies are the reply.
    case transaction
}

/// A reply that needs a commit, PostgreSQL, or time.
package struct DeferredReply: Sendable {
    /// Writes the reply, on the connection's event loop.
    package typealias Body = @Sendable (inout ReplyWriter) -> Void
    /// Begins the work and returns at once; calls back exactly once, from any thread.
    package typealias Start = @Sendable (_ finish: @escaping @Sendable (@escaping Body) -> Void) -> Void

    package let start: Start
    /// Whether later writes of the connection may start before this one has ended; reads wait for it in any case.
    package let isWrite: Bool
    /// Called where the client sends nothing more or the server stops, so that waiting ends early; `finish` is called all the same.
    package let cancel: (@Sendable () -> Void)?

    /// Called where the connection is gone, and not only its input closed, so that nobody will read the reply; `finish` is
    /// called all the same, with any reply.
    package let abandon: (@Sendable () -> Void)?

    /// Whether its body does something besides writing, so that it is called also where the client does not want the reply.
    package let hasEffect: Bool

    package init(
        isWrite: Bool = false,
        hasEffect: Bool = false,
        cancel: (@Sendable () -> Void)? = nil,
        abandon: (@Sendable () -> Void)? = nil,
        start: @escaping Start
    ) {
        self.start = start
        self.isWrite = isWrite
        self.hasEffect = hasEffect
        self.cancel = cancel
        self.abandon = abandon
    }
}
