import Access

/// `docs/reference/commands.md`, made from the table.
package enum CommandDocument {
    private static let titles: [(group: Command.Group, title: String)] = [
        (.features, "Features"), (.models, "Models"), (.hash, "Latest values as Redis hashes"), (.generic, "Keys"),
        (.transactions, "Transactions"), (.connection, "Connections"), (.server, "The server"),
    ]

    package static func markdown(_ table: CommandTable) -> String {
        var lines = [
            "# Commands", "",
            "The commands of `asof serve`, from the table that also answers `COMMAND DOCS`. This file is made from it: after a",
            "change run `ASOF_WRITE_DOCS=1 swift test --filter CommandDocumentTests`.", "",
            "In brackets: optional; `...`: may be repeated. Flags in Redis's words: `readonly`, `write`, `fast`; `loading`: also",
            "while latest values are being loaded; `no_auth`: also before AUTH; `no_multi`: not in a transaction; `blocking`; `admin`.",
            "Where the server has users, a role stands for the least one that may run the command on the names it is given.",
        ]
        for (group, title) in titles {
            let commands = table.listed.filter { $0.group == group }
            guard !commands.isEmpty else { continue }
            lines += ["", "## \(title)"]
            for command in commands {
                for entry in command.subcommands.isEmpty ? [command] : command.subcommands where !isHelp(entry) {
                    lines += ["", "### \(entry.name.uppercased().replacing("|", with: " "))", ""]
                    lines += ["```", entry.usage, "```", ""]
                    lines.append(entry.summary)
                    let flags = entry.flags.words.map { "\($0)" }.joined(separator: " ")
                    lines += [
                        "",
                        "\(entry.complexity) · since \(entry.since)" + (flags.isEmpty ? "" : " · `\(flags)`")
                            + role(entry),
                    ]
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func role(_ command: Command) -> String {
        switch command.access.commandClass {
        case .open, .connected: ""
        case let commandClass: " · role \(Role.least(for: commandClass).rawValue)"
        }
    }

    private static func isHelp(_ command: Command) -> Bool { command.name.hasSuffix("|help") }
}
