import Access
import Wire

/// AUTH, and what HELLO has in common with it.
///
/// Where a server has neither users nor a password, `default` is let in with any password, as Redis does, and AUTH with a
/// password alone is told that there is none.
enum Authentication {
    /// What a client is told that was let in; it is the client that was asked for.
    typealias Welcome = @Sendable (_ client: ClientState, inout ReplyWriter) -> Void

    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        if arguments.count > 3 {
            context.reply.error("ERR syntax error")
            return .replied
        }
        if arguments.count == 2, context.engine.access.isOpen {
            context.reply.error(
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?"
            )
            return .replied
        }
        let user = arguments.count == 3 ? arguments.text(1) : "default"
        return letIn(&context, user: user, password: arguments[arguments.count - 1]) { _, reply in reply.simple("OK") }
    }

    /// Lets the client in as a user, at once or when its password has been looked at; else it stays who it was.
    static func letIn(
        _ context: inout CommandContext,
        user: String,
        password: Span<UInt8>,
        _ welcome: @escaping Welcome
    ) -> CommandOutcome {
        let access = context.engine.access
        let address = context.client.record.address
        switch access.attempt(user: user, password: password, address: address) {
        case .decided(.accepted(let caller)):
            context.client.become(caller)
            welcome(context.client, &context.reply)
            return .replied
        case .decided(.refused(let message)):
            context.reply.error(message)
            return .replied
        case .undecided:
            let bytes = password.withUnsafeBufferPointer { Array($0) }
            let client = OwnClient(client: context.client)
            return .deferred(
                DeferredReply(hasEffect: true) { finish in
                    access.verify(user: user, password: bytes, address: address) { verdict in
                        finish { reply in
                            switch verdict {
                            case .refused(let message): reply.error(message)
                            case .accepted(let caller):
                                client.client.become(caller)
                                welcome(client.client, &reply)
                            }
                        }
                    }
                }
            )
        }
    }

    /// A connection's state on its way through another thread and back.
    private struct OwnClient: @unchecked Sendable {
        // Sendable: used by the bodies of its own replies only, which run on the connection's event loop.
        let client: ClientState
    }
}
