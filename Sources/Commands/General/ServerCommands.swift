import Metrics
import Synchronization
import Wire

/// Commands about the server as a whole.
extension CommandTable {
    static let serverCommands: [Command] = [
        Command(
            "info",
            arity: -1,
            summary: "Answers how the server and its store stand, as lines of name:value.",
            group: .server,
            flags: [.loading],
            arguments: [ArgumentSpec("section", isOptional: true, isMultiple: true)],
            run: ServerInfo.run
        ),
        Command(
            "time",
            arity: 1,
            summary: "Answers PostgreSQL's time: seconds since 1970 UTC, and microseconds within the second.",
            group: .server,
            flags: [.fast, .loading]
        ) { context, _ in
            let now = context.engine.hooks.nowUs()
            context.reply.array(2)
            context.reply.bulk(String(now / 1_000_000))
            context.reply.bulk(String(now % 1_000_000))
            return .replied
        },
        Command(
            "dbsize",
            arity: 1,
            summary: "Answers how many entities have latest values, over all views.",
            group: .server,
            flags: [.readonly, .fast]
        ) { context, _ in
            context.reply.integer(context.engine.hooks.entityCount())
            return .replied
        },
        Command(
            "config",
            summary: "The server's settings, as far as Redis's clients ask for them.",
            group: .server,
            subcommands: [
                Command(
                    "config|get",
                    arity: -3,
                    summary: "Answers the settings whose names match.",
                    group: .server,
                    complexity: "O(N) with N patterns",
                    flags: [.loading],
                    arguments: [ArgumentSpec("parameter", isMultiple: true)],
                    run: ServerSettings.get
                )
            ]
        ),
        Command(
            "slowlog",
            summary: "Commands that took long.",
            group: .server,
            subcommands: [
                Command(
                    "slowlog|get",
                    arity: -2,
                    summary:
                        "Answers the newest entries: number, time, microseconds, arguments, client's address and name.",
                    group: .server,
                    complexity: "O(N) with N entries",
                    flags: [.loading, .admin],
                    arguments: [ArgumentSpec("count", .integer, isOptional: true)],
                    run: slowLogGet
                ),
                Command(
                    "slowlog|len",
                    arity: 2,
                    summary: "Answers how many entries there are.",
                    group: .server,
                    flags: [.fast, .loading, .admin]
                ) { context, _ in
                    context.reply.integer(Int64(context.engine.slowLog.count))
                    return .replied
                },
                Command(
                    "slowlog|reset",
                    arity: 2,
                    summary: "Removes all entries.",
                    group: .server,
                    flags: [.fast, .loading, .admin]
                ) { context, _ in
                    context.engine.slowLog.removeAll()
                    context.reply.simple("OK")
                    return .replied
                },
            ]
        ),
        CommandFigures.latency,
        Command(
            "cluster",
            arity: -2,
            summary: "Refused: there is no cluster.",
            group: .server,
            flags: [.fast, .loading]
        ) { context, _ in
            context.reply.error("ERR This instance has cluster support disabled")
            return .replied
        },
        Command(
            "module",
            summary: "Modules, of which there are none.",
            group: .server,
            subcommands: [
                Command(
                    "module|list",
                    arity: 2,
                    summary: "Answers no modules.",
                    group: .server,
                    flags: [.fast, .loading]
                ) { context, _ in
                    context.reply.array(0)
                    return .replied
                }
            ]
        ),
        Command(
            "memory",
            summary: "What latest values take.",
            group: .server,
            subcommands: [
                Command(
                    "memory|usage",
                    arity: -3,
                    summary: "Answers how many bytes an entity's latest values take.",
                    group: .server,
                    flags: [.readonly],
                    arguments: [
                        ArgumentSpec("key", .key),
                        ArgumentSpec("count", .integer, token: "SAMPLES", isOptional: true),
                    ],
                    run: memoryUsage
                )
            ]
        ),
    ]

    private static func slowLogGet(
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments
    ) -> CommandOutcome {
        var count: Int64 = 10
        if arguments.count > 2 {
            guard arguments.count == 3, let given = arguments.integer(2), given >= -1 else {
                context.reply.error("ERR count should be greater than or equal to -1")
                return .replied
            }
            count = given
        }
        let entries = context.engine.slowLog.newest(count < 0 ? CommandLimits.slowLogEntriesMax : Int(clamping: count))
        context.reply.array(entries.count)
        for entry in entries {
            context.reply.array(6)
            context.reply.integer(entry.id)
            context.reply.integer(entry.time)
            context.reply.integer(entry.durationUs)
            context.reply.array(entry.arguments.count)
            for argument in entry.arguments { context.reply.bulk(argument.span) }
            context.reply.bulk(entry.address)
            context.reply.bulk(entry.name)
        }
        return .replied
    }

    private static func memoryUsage(
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments
    ) -> CommandOutcome {
        let hasSamples = arguments.count == 5 && arguments.matches(3, "SAMPLES") && arguments.integer(4) ?? -1 >= 0
        guard arguments.count == 3 || hasSamples else {
            context.reply.error("ERR syntax error")
            return .replied
        }
        if let bytes = context.engine.hooks.memoryUsage(arguments.text(2)) {
            context.reply.integer(bytes)
        } else {
            context.reply.null()
        }
        return .replied
    }
}
