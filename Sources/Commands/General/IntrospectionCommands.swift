import Access
import Wire

/// COMMAND: the table itself, in the shapes that Redis's clients know.
extension CommandTable {
    static let introspectionCommands: [Command] = [
        Command(
            "command",
            summary: "The commands of this server.",
            group: .server,
            subcommands: [
                subcommand("count", arity: 2, "Answers how many commands there are.") { context, _ in
                    context.reply.integer(Int64(context.engine.table.listed.count))
                    return .replied
                },
                subcommand(
                    "info",
                    arity: -2,
                    "Answers what commands need and do.",
                    [ArgumentSpec("command-name", isOptional: true, isMultiple: true)]
                ) { context, arguments in
                    guard arguments.count > 2 else { return writeAll(&context) }
                    guard let commands = named(arguments, &context) else { return .replied }
                    context.reply.array(commands.count)
                    for command in commands {
                        if let command { command.writeInfo(&context.reply) } else { context.reply.null() }
                    }
                    return .replied
                },
                subcommand(
                    "docs",
                    arity: -2,
                    "Answers how commands are used.",
                    [ArgumentSpec("command-name", isOptional: true, isMultiple: true)]
                ) { context, arguments in
                    var commands = context.engine.table.listed
                    if arguments.count > 2 {
                        guard let named = named(arguments, &context) else { return .replied }
                        commands = named.compactMap(\.self)
                    }
                    context.reply.map(commands.count)
                    for command in commands {
                        context.reply.bulk(command.name)
                        command.writeDocs(&context.reply)
                    }
                    return .replied
                },
                subcommand(
                    "list",
                    arity: -2,
                    "Answers the commands' names.",
                    [ArgumentSpec("pattern", token: "FILTERBY PATTERN", isOptional: true)]
                ) { context, arguments in
                    var names = context.engine.table.listed.map(\.name)
                    if arguments.count == 5, arguments.matches(2, "FILTERBY"), arguments.matches(3, "PATTERN") {
                        guard let pattern = Glob(bounded: arguments.text(4).lowercased()) else {
                            context.reply.error(Glob.refusal)
                            return .replied
                        }
                        names = names.filter { pattern.matches($0) }
                    } else if arguments.count > 2 {
                        context.reply.error("ERR syntax error")
                        return .replied
                    }
                    context.reply.array(names.count)
                    for name in names { context.reply.bulk(name) }
                    return .replied
                },
            ],
            bare: { context, _ in writeAll(&context) }
        )
    ]

    private static func subcommand(
        _ name: String,
        arity: Int,
        _ summary: String,
        _ arguments: [ArgumentSpec] = [],
        run: @escaping Command.Handler
    ) -> Command {
        Command(
            "command|" + name,
            arity: arity,
            summary: summary,
            group: .server,
            complexity: "O(N) with N commands",
            flags: [.loading],
            arguments: arguments,
            run: run
        )
    }

    /// The commands that the arguments behind the second name, each once: what is said of one is far longer than its name.
    /// - Returns: `nil` with an error written; a command that is unknown is `nil`.
    private static func named(_ arguments: borrowing Arguments, _ context: inout CommandContext) -> [Command?]? {
        var commands: [Command?] = []
        var names: Set<String> = []
        for index in 2..<arguments.count {
            let command = context.engine.table.command(arguments.text(index))
            if let command, !names.insert(command.name).inserted {
                context.reply.error("ERR '\(command.name)' is named twice; name each command once")
                return nil
            }
            commands.append(command)
        }
        return commands
    }

    private static func writeAll(_ context: inout CommandContext) -> CommandOutcome {
        let commands = context.engine.table.listed
        context.reply.array(commands.count)
        for command in commands { command.writeInfo(&context.reply) }
        return .replied
    }
}

extension Command {
    /// An entry of COMMAND INFO: name, arity, flags, first key, last key, step, categories, tips, key places, subcommands.
    func writeInfo(_ reply: inout ReplyWriter) {
        let key = arguments.firstIndex { $0.kind == .key }
        reply.array(10)
        reply.bulk(name)
        reply.integer(Int64(arity))
        reply.array(flags.words.count)
        for word in flags.words { reply.simple(word) }
        // A container's subcommand has its key one place later.
        let first = key.map { Int64($0 + (name.contains("|") ? 2 : 1)) } ?? 0
        reply.integer(first)
        reply.integer(key.map { arguments[$0].isMultiple ? -1 : first } ?? 0)
        reply.integer(key == nil ? 0 : 1)
        reply.array(0)
        reply.array(0)
        reply.array(0)
        reply.array(subcommands.count)
        for command in subcommands { command.writeInfo(&reply) }
    }

    /// A value of COMMAND DOCS.
    func writeDocs(_ reply: inout ReplyWriter) {
        reply.map(4 + (arguments.isEmpty ? 0 : 1) + (subcommands.isEmpty ? 0 : 1))
        for (name, text) in [
            ("summary", summary), ("since", since), ("group", group.rawValue), ("complexity", complexity),
        ] {
            reply.bulk(name)
            reply.bulk(text)
        }
        if !arguments.isEmpty {
            reply.bulk("arguments")
            reply.array(arguments.count)
            for argument in arguments { argument.writeDocs(&reply) }
        }
        if !subcommands.isEmpty {
            reply.bulk("subcommands")
            reply.map(subcommands.count)
            for command in subcommands {
                reply.bulk(command.name)
                command.writeDocs(&reply)
            }
        }
    }
}

extension Command.Flags {
    /// In Redis's words.
    var words: [StaticString] {
        var words: [StaticString] = []
        if contains(.readonly) { words.append("readonly") }
        if contains(.write) { words.append("write") }
        if contains(.admin) { words.append("admin") }
        if contains(.fast) { words.append("fast") }
        if contains(.loading) { words.append("loading") }
        if contains(.noAuth) { words.append("no_auth") }
        if contains(.noMulti) { words.append("no_multi") }
        if contains(.blocking) { words.append("blocking") }
        return words
    }
}

extension ArgumentSpec {
    fileprivate func writeDocs(_ reply: inout ReplyWriter) {
        reply.map(2 + (token == nil ? 0 : 1) + (isOptional || isMultiple ? 1 : 0) + (parts.isEmpty ? 0 : 1))
        reply.bulk("name")
        reply.bulk(name)
        reply.bulk("type")
        reply.bulk(kind.rawValue)
        if let token {
            reply.bulk("token")
            reply.bulk(token)
        }
        if isOptional || isMultiple {
            reply.bulk("flags")
            reply.array((isOptional ? 1 : 0) + (isMultiple ? 1 : 0))
            if isOptional { reply.simple("optional") }
            if isMultiple { reply.simple("multiple") }
        }
        if !parts.isEmpty {
            reply.bulk("arguments")
            reply.array(parts.count)
            for part in parts { part.writeDocs(&reply) }
        }
    }
}
