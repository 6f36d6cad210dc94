import Wire

/// All commands by name.
package struct CommandTable: Sendable {
    /// A new command family adds its line here.
    package static let all = CommandTable(connectionCommands, featureCommands, definitionCommands)

    private let commands: [String: Command]

    init(_ families: [Command]...) {
        commands = Dictionary(families.joined().map { ($0.name, $0) }) { first, _ in first }
    }

    package func command(_ name: String) -> Command? { commands[name.lowercased()] }

    static let connectionCommands: [Command] = [
        Command(
            "ping",
            arity: -1,
            summary: "Answers PONG, or the message.",
            group: .connection,
            flags: [.fast, .loading],
            arguments: [ArgumentSpec("message", isOptional: true)]
        ) { context, arguments in
            if arguments.count > 1 {
                arguments[1].withUnsafeBufferPointer { context.reply.bulk(UnsafeRawBufferPointer($0)) }
            } else {
                context.reply.simple("PONG")
            }
            return .replied
        }
    ]
}
