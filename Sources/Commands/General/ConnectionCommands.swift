import Synchronization
import Wire

/// Commands by which a client says who it is and how it speaks.
extension CommandTable {
    static let connectionCommands: [Command] = [
        Command(
            "ping",
            arity: -1,
            summary: "Answers PONG, or the message.",
            group: .connection,
            flags: [.fast, .loading],
            arguments: [ArgumentSpec("message", isOptional: true)],
            requestBytesMax: WireLimits.requestBytesMax
        ) { context, arguments in
            if arguments.count > 2 {
                context.reply.error("ERR wrong number of arguments for 'ping' command")
            } else if arguments.count == 2 {
                context.reply.bulk(arguments[1])
            } else {
                context.reply.simple("PONG")
            }
            return .replied
        },
        Command(
            "echo",
            arity: 2,
            summary: "Answers the message.",
            group: .connection,
            flags: [.fast, .loading],
            arguments: [ArgumentSpec("message")],
            requestBytesMax: WireLimits.requestBytesMax
        ) { context, arguments in
            context.reply.bulk(arguments[1])
            return .replied
        },
        Command(
            "hello",
            arity: -1,
            summary: "Chooses the version of RESP, authenticates, names the connection; answers what the server is.",
            group: .connection,
            flags: [.fast, .loading, .noAuth, .noMulti],
            arguments: [
                ArgumentSpec(
                    "arguments",
                    .block,
                    isOptional: true,
                    parts: [
                        ArgumentSpec("protover", .integer),
                        ArgumentSpec(
                            "auth",
                            .block,
                            token: "AUTH",
                            isOptional: true,
                            parts: [ArgumentSpec("username"), ArgumentSpec("password")]
                        ),
                        ArgumentSpec("clientname", token: "SETNAME", isOptional: true),
                    ]
                )
            ],
            run: Hello.run
        ),
        Command(
            "auth",
            arity: -2,
            summary: "Authenticates the connection.",
            group: .connection,
            flags: [.fast, .loading, .noAuth, .noMulti],
            arguments: [ArgumentSpec("username", isOptional: true), ArgumentSpec("password")],
            run: Authentication.run
        ),
        Command(
            "quit",
            arity: -1,
            summary: "Answers OK and closes the connection.",
            group: .connection,
            flags: [.fast, .loading, .noAuth, .unqueued]
        ) { context, _ in
            context.reply.simple("OK")
            return .closed
        },
        Command(
            "reset",
            arity: 1,
            summary: "Makes the connection as new: RESP2, no name, no transaction, replies on, not authenticated.",
            group: .connection,
            flags: [.fast, .loading, .noAuth, .unqueued]
        ) { context, _ in
            context.speak(.resp2)
            context.client.replies = .on
            context.client.transaction = nil
            context.client.record.queued.store(-1, ordering: .relaxed)
            context.client.beginAnew(context.engine.access)
            context.client.record.details.withLock { $0.name = "" }
            context.reply.simple("RESET")
            return .replied
        },
        Command(
            "select",
            arity: 2,
            summary: "Accepts database 0, which is the only one.",
            group: .connection,
            flags: [.fast, .loading],
            arguments: [ArgumentSpec("index", .integer)]
        ) { context, arguments in
            guard let index = arguments.integer(1) else {
                context.reply.error("ERR value is not an integer or out of range")
                return .replied
            }
            if index == 0 {
                context.reply.simple("OK")
            } else {
                context.reply.error("ERR DB index is out of range: there is database 0 only")
            }
            return .replied
        },
    ]
}
