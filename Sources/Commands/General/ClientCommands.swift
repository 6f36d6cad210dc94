import Synchronization
import Wire

/// CLIENT and its subcommands.
extension CommandTable {
    static let clientCommands: [Command] = [
        Command(
            "client",
            summary: "What the server knows of connections.",
            group: .connection,
            subcommands: [
                subcommand("id", arity: 2, "Answers the connection's number.") { context, _ in
                    context.reply.integer(context.client.id)
                    return .replied
                },
                subcommand("getname", arity: 2, "Answers the connection's name.") { context, _ in
                    let name = context.client.record.details.withLock { $0.name }
                    if name.isEmpty { context.reply.null() } else { context.reply.bulk(name) }
                    return .replied
                },
                subcommand(
                    "setname",
                    arity: 3,
                    "Names the connection.",
                    [ArgumentSpec("connection-name")]
                ) { context, arguments in
                    if let refusal = ClientName.refusal(arguments[2]) {
                        context.reply.error(refusal)
                        return .replied
                    }
                    let name = arguments.text(2)
                    context.client.record.details.withLock { $0.name = name }
                    context.reply.simple("OK")
                    return .replied
                },
                subcommand(
                    "setinfo",
                    arity: 4,
                    "Names the client library.",
                    [
                        ArgumentSpec(
                            "attr",
                            .oneOf,
                            parts: [
                                ArgumentSpec("libname", token: "LIB-NAME"), ArgumentSpec("libver", token: "LIB-VER"),
                            ]
                        )
                    ],
                    run: setInfo
                ),
                subcommand("info", arity: 2, "Answers what CLIENT LIST says of this connection.") { context, _ in
                    context.reply.bulk(context.client.record.line(context.engine.table) + "\n")
                    return .replied
                },
                subcommand(
                    "list",
                    arity: -2,
                    "Lists the connections.",
                    [
                        ArgumentSpec("client-type", token: "TYPE", isOptional: true),
                        ArgumentSpec("client-id", .integer, token: "ID", isOptional: true, isMultiple: true),
                    ],
                    complexity: "O(N) with N connections",
                    flags: [.fast, .loading, .admin],
                    run: list
                ),
                subcommand(
                    "kill",
                    arity: -3,
                    "Ends connections.",
                    [
                        ArgumentSpec("old-format", isOptional: true),
                        ArgumentSpec("client-id", .integer, token: "ID", isOptional: true),
                        ArgumentSpec("addr", token: "ADDR", isOptional: true),
                        ArgumentSpec("laddr", token: "LADDR", isOptional: true),
                        ArgumentSpec("skipme", token: "SKIPME", isOptional: true),
                    ],
                    complexity: "O(N) with N connections",
                    flags: [.loading, .admin],
                    run: ClientKill.run
                ),
                subcommand(
                    "reply",
                    arity: 3,
                    "Says which replies the connection gets.",
                    [
                        ArgumentSpec(
                            "action",
                            .oneOf,
                            parts: [
                                ArgumentSpec("on", .token, token: "ON"), ArgumentSpec("off", .token, token: "OFF"),
                                ArgumentSpec("skip", .token, token: "SKIP"),
                            ]
                        )
                    ],
                    flags: [.fast, .loading, .noMulti],
                    run: reply
                ),
                subcommand("no-evict", arity: 3, "Accepted; no connection is evicted.", [onOff], run: accept),
                subcommand("no-touch", arity: 3, "Accepted; reading changes nothing.", [onOff], run: accept),
                subcommand(
                    "tracking",
                    arity: -3,
                    "Refused: the server does not track what clients have read.",
                    [onOff]
                ) { context, _ in
                    context.reply.error(
                        "ERR CLIENT TRACKING is not supported: the server does not track what clients keep; switch the "
                            + "client's cache off"
                    )
                    return .replied
                },
            ]
        )
    ]

    private static let onOff = ArgumentSpec(
        "enabled",
        .oneOf,
        parts: [ArgumentSpec("on", .token, token: "ON"), ArgumentSpec("off", .token, token: "OFF")]
    )

    private static func subcommand(
        _ name: String,
        arity: Int,
        _ summary: String,
        _ arguments: [ArgumentSpec] = [],
        complexity: String = "O(1)",
        flags: Command.Flags = [.fast, .loading],
        run: @escaping Command.Handler
    ) -> Command {
        Command(
            "client|" + name,
            arity: arity,
            summary: summary,
            group: .connection,
            complexity: complexity,
            flags: flags,
            arguments: arguments,
            run: run
        )
    }

    private static func setInfo(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        let isName = arguments.matches(2, "LIB-NAME")
        guard isName || arguments.matches(2, "LIB-VER") else {
            context.reply.error("ERR Unrecognized option '\(arguments.text(2).prefix(128))'")
            return .replied
        }
        let attribute = isName ? "lib-name" : "lib-ver"
        guard ClientName.isValid(arguments[3]) else {
            context.reply.error("ERR \(attribute) cannot contain spaces, newlines or special characters.")
            return .replied
        }
        let value = String(arguments.text(3).prefix(128))
        context.client.record.details.withLock {
            if isName { $0.libraryName = value } else { $0.libraryVersion = value }
        }
        context.reply.simple("OK")
        return .replied
    }

    private static func accept(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        if arguments.matches(2, "ON") || arguments.matches(2, "OFF") {
            context.reply.simple("OK")
        } else {
            context.reply.error("ERR syntax error")
        }
        return .replied
    }

    private static func reply(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        if arguments.matches(2, "ON") {
            context.client.replies = .on
            context.reply.simple("OK")
        } else if arguments.matches(2, "OFF") {
            context.client.replies = .off
            context.reply.simple("OK")
        } else if arguments.matches(2, "SKIP") {
            if context.client.replies != .off { context.client.replies = .skipNext }
            context.reply.simple("OK")
        } else {
            context.reply.error("ERR syntax error")
        }
        return .replied
    }

    private static func list(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        var records = context.engine.clients.all()
        if arguments.count > 2 {
            if arguments.matches(2, "TYPE"), arguments.count == 4 {
                if !arguments.matches(3, "NORMAL") { records = [] }
            } else if arguments.matches(2, "ID"), arguments.count > 3 {
                var ids: Set<Int64> = []
                for index in 3..<arguments.count {
                    guard let id = arguments.integer(index) else {
                        context.reply.error("ERR Invalid client ID")
                        return .replied
                    }
                    ids.insert(id)
                }
                records = records.filter { ids.contains($0.id) }
            } else {
                context.reply.error("ERR syntax error")
                return .replied
            }
        }
        context.reply.bulk(records.map { $0.line(context.engine.table) + "\n" }.joined())
        return .replied
    }
}
