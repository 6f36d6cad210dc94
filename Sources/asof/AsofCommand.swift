import ArgumentParser
import Foundation

@main
struct AsofCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "asof",
        abstract: "A feature store on PostgreSQL.",
        discussion: """
            Keeps the history of timestamped features and their latest values in PostgreSQL, and exports point-in-time \
            correct training sets. The store is found by --database, ASOF_DATABASE, libpq's PG* variables, or the folder \
            asof-data here or above.

            Exit codes: 0 done, 1 data or state error, 2 usage error.
            """,
        version: "0.1.0",
        subcommands: [
            InitCommand.self, MigrateCommand.self, PlanCommand.self, ApplyCommand.self, ViewsCommand.self,
            DescribeCommand.self, IngestCommand.self, MaterializeCommand.self, RebuildOnlineCommand.self,
            GetCommand.self, LogCommand.self, ExportCommand.self,
            VerifyCommand.self, CheckCommand.self, UriCommand.self, SuperviseCommand.self,
        ]
    )

    static func main() {
        // A closed pipe is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            let code = exitCode(for: error)
            if code == .success {
                print(fullMessage(for: error))
                Foundation.exit(0)
            }
            if code == .validationFailure {
                Console.writeError(fullMessage(for: error))
                Foundation.exit(2)
            }
            Console.writeError("asof: \(error)")
            Foundation.exit(1)
        }
    }
}
