package import Access
import Wire

/// ACL and its subcommands: who one is, and who there is. Users are changed by `asof user`.
extension CommandTable {
    static let accessCommands: [Command] = [
        Command(
            "acl",
            summary: "The users of the server.",
            group: .server,
            subcommands: [
                Command(
                    "acl|whoami",
                    arity: 2,
                    summary: "Answers the name of the user that the connection has authenticated as.",
                    group: .server,
                    flags: [.fast, .loading]
                ) { context, _ in
                    context.reply.bulk(context.client.caller?.name ?? "default")
                    return .replied
                },
                Command(
                    "acl|list",
                    arity: 2,
                    summary: "Answers a line for each user: its name, and its roles with the names that they hold for.",
                    group: .server,
                    complexity: "O(users)",
                    flags: [.loading, .admin]
                ) { context, _ in
                    let lines = context.engine.access.lines
                    context.reply.array(lines.count)
                    for line in lines { context.reply.bulk(line) }
                    return .replied
                },
            ]
        )
    ]
}

extension AccessControl {
    /// Lines of INFO's section asof.
    package var infoLines: [InfoLine] {
        let counts = counts
        return [
            InfoLine("users", counts.users), InfoLine("auth_failures", counts.failures),
            InfoLine("auth_limited", counts.limited), InfoLine("auth_refused_commands", counts.refusals),
        ]
    }
}
