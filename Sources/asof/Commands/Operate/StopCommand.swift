import ArgumentParser
import EmbeddedPostgres
import Foundation
import Glibc
import Workflows

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "End the servers of the store in this folder, and its own PostgreSQL.",
        discussion: """
            For the store that `asof init` made here or above: each `asof serve` of it is sent SIGTERM and waited for, then \
            its PostgreSQL is stopped. Other commands that use the store are named and left alone, and nothing is stopped \
            then. The next command starts PostgreSQL again.

            Without it PostgreSQL stops by itself about a minute after its last use.
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Option(help: ArgumentHelp("How long servers may take to end.", valueName: "seconds"))
    var seconds = 30

    func validate() throws {
        guard (1...3_600).contains(seconds) else { throw ValidationError("--seconds: expected 1 to 3600") }
    }

    func run() throws {
        if let name = StoreOptions.namedByEnvironment {
            throw WorkflowError.refused(
                "\(name) names the store's database, whose PostgreSQL is not asof's to stop; unset it to stop that of asof-data"
            )
        }
        guard let cluster = try EmbeddedCluster.find(from: FileManager.default.currentDirectoryPath) else {
            throw WorkflowError.refused(
                "there is no folder asof-data in \(FileManager.default.currentDirectoryPath) or above it; nothing was stopped"
            )
        }
        let users = cluster.users()
        let others = users.filter { $0.command != "serve" }
        guard others.isEmpty else {
            throw WorkflowError.refused(
                "\(cluster.location.folder) is in use by \(others.map(Self.text).joined(separator: ", ")); end that first; "
                    + "nothing was stopped"
            )
        }
        let server = try cluster.status()
        guard !users.isEmpty || server.server != .stopped || server.isSupervised else {
            Console.write("nothing of \(cluster.location.folder) runs")
            return
        }
        for user in users {
            guard kill(user.pid, SIGTERM) == 0 || errno == ESRCH else {
                throw WorkflowError.refused("\(Self.text(user)) cannot be ended: \(String(cString: strerror(errno)))")
            }
        }
        do throws(ClusterError) {
            try cluster.stop(waiting: Double(users.isEmpty ? 1 : seconds))
        } catch {
            throw Self.explaining(error, cluster)
        }
        let postgres = server.pid.map { "PostgreSQL (process \($0))" } ?? "PostgreSQL"
        Console.write("stopped \((users.map(Self.text) + [postgres]).joined(separator: ", "))")
    }

    private static func explaining(_ error: ClusterError, _ cluster: EmbeddedCluster) -> any Error {
        guard case .inUse = error else { return error }
        let left = cluster.users()
        let names = left.isEmpty ? "a process that cannot be seen here" : left.map(text).joined(separator: ", ")
        return WorkflowError.refused("\(cluster.location.folder) is still in use by \(names); its PostgreSQL goes on")
    }

    private static func text(_ user: EmbeddedCluster.User) -> String {
        "asof\(user.command.isEmpty ? "" : " ")\(user.command) (process \(user.pid))"
    }
}
