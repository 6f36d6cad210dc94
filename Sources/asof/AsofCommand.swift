import ArgumentParser
import Features
import Foundation
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

            Exit codes: 0 done, 1 data or state error, 2 usage error (verify: 2 = could not be checked), 130 and 143 ended \
            by Ctrl-C or SIGTERM.
            """,
        version: "0.1.0",
        subcommands: [
            InitCommand.self, MigrateCommand.self, PlanCommand.self, ApplyCommand.self, ViewsCommand.self,
            DescribeCommand.self, IngestCommand.self, MaterializeCommand.self, RebuildOnlineCommand.self,
            GetCommand.self, ServeCommand.self, FetchCommand.self, LogCommand.self, ExportCommand.self,
            VerifyCommand.self, ReportCommand.self, CheckCommand.self, StatusCommand.self, DoctorCommand.self,
            TrainCommand.self, PredictCommand.self, ScoreCommand.self, ModelsCommand.self, ForgetCommand.self,
            DropHistoryCommand.self, SegmentsCommand.self, StreamCommand.self,
            UriCommand.self, SuperviseCommand.self, FitCommand.self,
        ]
    )

    static func main() {
        // A closed pipe is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        if let refusal = unknownCommand(CommandLine.arguments.dropFirst().first) {
            Console.writeError(refusal)
            Foundation.exit(2)
        }
        do {
            var command = try parseAsRoot()
            try command.run()
            try Console.checkOutput()
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            if let code = Cancellation.exitCode {
                Console.writeError("asof: \(error)")
                Foundation.exit(code)
            }
            let code = exitCode(for: error)
            if code == .success {
                print(fullMessage(for: error))
                Foundation.exit(0)
            }
            if code == .validationFailure {
                Console.writeError(fullMessage(for: error))
                Foundation.exit(2)
            }
            if case WorkflowError.usage = error {
                Console.writeError("asof: \(error)")
                Foundation.exit(2)
            }
            // A fault's line begins with its place, which editors know how to follow.
            Console.writeError(error is DefinitionsError ? "\(error)" : "asof: \(error)")
            Foundation.exit(1)
        }
    }

    /// What to say where the first argument is no command.
    private static func unknownCommand(_ first: String?) -> String? {
        let known = configuration.subcommands.map { $0._commandName }
        guard let first, !first.hasPrefix("-"), first != "help", !known.contains(first) else { return nil }
        let shown = configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
        return "asof: no command '\(first)'\(Name.hint(for: first, among: shown))\n`asof --help` explains the commands"
    }
}
