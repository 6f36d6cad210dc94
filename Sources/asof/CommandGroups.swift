import ArgumentParser

/// The commands by what they are for.
///
/// `asof --help` shows those that people need often; `asof help GROUP` shows all of a group.
struct CommandGroups {
    let name: String
    let commands: [any ParsableCommand.Type]
    /// Not in `asof --help`.
    let rarer: [any ParsableCommand.Type]

    static let all = [
        CommandGroups(
            name: "define",
            commands: [
                InitCommand.self, ValidateCommand.self, PlanCommand.self, ApplyCommand.self, TestCommand.self,
                ViewsCommand.self, DescribeCommand.self,
            ],
            rarer: [DefinitionsCommand.self, MigrateCommand.self]
        ),
        CommandGroups(
            name: "write",
            commands: [
                IngestCommand.self, MaterializeCommand.self, StreamCommand.self, ForgetCommand.self,
                DropHistoryCommand.self,
            ],
            rarer: [RebuildOnlineCommand.self]
        ),
        CommandGroups(
            name: "read",
            commands: [
                GetCommand.self, FetchCommand.self, ExportCommand.self, VerifyCommand.self, LogCommand.self,
            ],
            rarer: [ReportCommand.self]
        ),
        CommandGroups(
            name: "train",
            commands: [TrainCommand.self, LearnCommand.self, ModelsCommand.self],
            rarer: [EncodeCommand.self, CollisionsCommand.self]
        ),
        CommandGroups(
            name: "serve",
            commands: [
                ServeCommand.self, PingCommand.self, PredictCommand.self, ScoreCommand.self, MonitorCommand.self,
            ],
            rarer: [ReplayCommand.self]
        ),
        CommandGroups(
            name: "operate",
            commands: [
                StatusCommand.self, DoctorCommand.self, CheckCommand.self, SegmentsCommand.self, UserCommand.self,
            ],
            rarer: [StopCommand.self, AuditCommand.self, GrantSQLCommand.self, UriCommand.self]
        ),
    ]

    /// What asof starts itself.
    static let hidden: [any ParsableCommand.Type] = [SuperviseCommand.self, FitCommand.self]

    static var rarer: [any ParsableCommand.Type] { all.flatMap(\.rarer) }

    /// What `asof help GROUP` prints; `nil` where that is no group.
    static func help(_ name: String) -> String? {
        guard let group = all.first(where: { $0.name == name }) else { return nil }
        let commands = group.commands + group.rarer
        let width = commands.map { $0._commandName.count }.max() ?? 0
        let lines = commands.map { command in
            let name = command._commandName
            return "  \(name)\(String(repeating: " ", count: width - name.count))  \(command.configuration.abstract)"
        }
        return (["Commands to \(name); `asof COMMAND --help` explains one:"] + lines).joined(separator: "\n")
    }
}
