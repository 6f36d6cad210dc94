import ArgumentParser
import Features
import Foundation
import Glibc
import Workflows

@main
struct AsofCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "asof",
        abstract: "A feature store on PostgreSQL.",
        discussion: """
            Keeps the history of timestamped features and their latest values in PostgreSQL, and exports point-in-time \
            correct training sets. The store is found by --database, ASOF_DATABASE, libpq's PG* variables, or the folder \
            asof-data here or above.

            A first round:
              asof init                        a store in this folder, and a features.yaml to edit
              asof apply                       put features.yaml in force
              asof ingest VIEW FILE.csv        store rows
              asof get VIEW ENTITY             read the latest values
              asof export --spine labels.csv --label-time COLUMN --features VIEW --out training.parquet

            Times are RFC 3339 (2026-01-31T12:00:00Z), UTC where no zone is given; durations an integer and a unit: us, \
            ms, s, m, h, d, w (30d).

            `asof help define`, write, read, train, serve or operate lists rarer commands, too.

            Exit codes: 0 done, 1 data or state error, 2 usage error (verify, replay: 2 = could not be checked), 130 and 143 ended \
            by Ctrl-C or SIGTERM.
            """,
        version: "0.1.0",
        subcommands: CommandGroups.hidden + CommandGroups.rarer,
        groupedSubcommands: CommandGroups.all.map { group in
            CommandGroup(name: group.name.capitalized, subcommands: group.commands)
        }
    )

    static func main() {
        // Before arguments are read, which takes a while: a server that is told to read its files again must not end by it.
        if CommandLine.arguments.dropFirst().first == ServeCommand.configuration.commandName { StopSignals.hold() }
        // A closed pipe is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let words = CommandLine.arguments.dropFirst()
        if words.count == 2, words.first == "help", let text = words.last.flatMap(CommandGroups.help) {
            print(text)
            end(0)
        }
        if let refusal = unknownCommand(CommandLine.arguments.dropFirst().first) {
            Console.writeError(refusal)
            end(2)
        }
        do {
            var command = try parseAsRoot()
            try command.run()
            try Console.checkOutput()
            if ServeCommand.hasThreads { end(0) }
        } catch let code as ExitCode {
            end(code.rawValue)
        } catch {
            if let code = Cancellation.exitCode {
                Console.writeError("asof: \(error)")
                end(code)
            }
            let code = exitCode(for: error)
            if code == .success {
                print(fullMessage(for: error))
                end(0)
            }
            // Where 2 means changes, a mistake on the command line is an error like others.
            let usage: Int32 = CommandLine.arguments.contains("--" + PlanCommand.detailedExitCode) ? 1 : 2
            if code == .validationFailure {
                Console.writeError(fullMessage(for: error))
                end(usage)
            }
            if case WorkflowError.usage = error {
                Console.writeError("asof: \(error)")
                end(usage)
            }
            // A fault's line begins with its place, which editors know how to follow.
            Console.writeError(error is DefinitionsError ? "\(error)" : "asof: \(error)")
            end(1)
        }
    }

    /// Ends the process. Where threads of a server may still run, without the exit handlers of libraries: those of OpenSSL free
    /// what a connection that is being made uses.
    private static func end(_ code: Int32) -> Never {
        guard ServeCommand.hasThreads else { Foundation.exit(code) }
        fflush(nil)
        _exit(code)
    }

    /// What to say where the first argument is no command.
    private static func unknownCommand(_ first: String?) -> String? {
        let known = configuration.subcommands.map { $0._commandName }
        guard let first, !first.hasPrefix("-"), first != "help", !known.contains(first) else { return nil }
        let shown = known.filter { !$0.hasPrefix("_") }
        return "asof: no command '\(first)'\(Name.hint(for: first, among: shown))\n`asof --help` explains the commands"
    }
}
