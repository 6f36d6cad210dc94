import Wire

/// AUTH, and what HELLO has in common with it.
///
/// There is one user, `default`, with the server's password. Where the server has none, `default` is let in with any
/// password, as Redis does, and AUTH with a password alone is told that there is none.
enum Authentication {
    static let refusal = "WRONGPASS invalid username-password pair or user is disabled."

    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        if arguments.count > 3 {
            context.reply.error("ERR syntax error")
        } else if arguments.count == 2, context.engine.settings.password == nil {
            context.reply.error(
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?"
            )
        } else if arguments.count == 3, !isUser(arguments[1]) {
            context.reply.error(refusal)
        } else if isPassword(arguments[arguments.count - 1], context.engine) {
            context.client.isAuthenticated = true
            context.reply.simple("OK")
        } else {
            context.reply.error(refusal)
        }
        return .replied
    }

    static func isUser(_ name: Span<UInt8>) -> Bool {
        name.withUnsafeBufferPointer { $0.elementsEqual("default".utf8) }
    }

    static func isPassword(_ attempt: Span<UInt8>, _ engine: Engine) -> Bool {
        engine.settings.password?.matches(attempt) ?? true
    }
}
