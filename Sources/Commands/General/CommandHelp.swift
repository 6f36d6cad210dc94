import Wire

extension Command {
    /// HELP of a container: a line for each subcommand and one for what it does, as Redis has it.
    static func help(of name: String, _ subcommands: [Command], since: String, group: Group) -> Command {
        var lines = ["\(name.uppercased()) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
        for command in subcommands {
            lines.append(command.usage.split(separator: " ").dropFirst().joined(separator: " "))
            lines.append("    " + command.summary)
        }
        lines += ["HELP", "    Print this help."]
        let text = lines
        return Command(
            name + "|help",
            arity: 2,
            summary: "Answers what the subcommands do.",
            since: since,
            group: group,
            flags: [.fast, .loading]
        ) { context, _ in
            context.reply.array(text.count)
            for line in text { context.reply.bulk(line) }
            return .replied
        }
    }

    /// The command with its arguments as a person writes them: `CLIENT LIST [TYPE client-type] [ID client-id ...]`.
    package var usage: String {
        ([name.uppercased().replacing("|", with: " ")] + arguments.map(\.usage)).joined(separator: " ")
    }
}

extension ArgumentSpec {
    var usage: String {
        var text: String
        switch kind {
        case .token: text = token ?? name
        case .oneOf: text = "<" + parts.map(\.usage).joined(separator: " | ") + ">"
        case .block: text = parts.map(\.usage).joined(separator: " ")
        default: text = name
        }
        if isMultiple { text += " [\(text) ...]" }
        if let token, kind != .token { text = token + " " + text }
        return isOptional ? "[\(text)]" : text
    }
}
