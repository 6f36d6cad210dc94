import ArgumentParser
import EmbeddedPostgres
import Foundation
import Postgres
import Store
import Workflows

/// Where the store is.
struct StoreOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help:
            "The store's PostgreSQL: a URI or libpq connection string. Default: ASOF_DATABASE, the file that ASOF_DATABASE_FILE names, PG* variables, ./asof-data."
    )
    var database: String?
    @Option(
        help: ArgumentHelp(
            "A shell command that prints PostgreSQL's password, for each new connection; kept for up to 10 minutes. Default: ASOF_PASSWORD_COMMAND.",
            valueName: "command"
        )
    )
    var passwordCommand: String?

    /// libpq's variables that say which database is meant, as far as they are set.
    static func libpqVariables(_ environment: [String: String]) -> [String] {
        ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"].filter { environment[$0]?.isEmpty == false }
    }

    /// Connects to the store; starts the embedded cluster where that is the store.
    func open(forWriting: Bool, onStandby: Bool = false) throws -> OpenStore {
        try open(try locate(), forWriting: forWriting, onStandby: onStandby)
    }

    /// Connects to the store in a database that was found.
    func open(_ location: StoreLocation, forWriting: Bool, onStandby: Bool = false) throws -> OpenStore {
        try OpenStore(
            location.conninfo,
            forWriting: forWriting,
            onStandby: onStandby,
            segmentsFolder: location.cluster.map { $0.cluster.location.folder + "/segments" },
            keeping: location.cluster
        )
    }

    /// Finds the store's database, whether or not it has a store yet.
    func locate() throws -> StoreLocation {
        let environment = ProcessInfo.processInfo.environment
        if let command = passwordCommand ?? environment["ASOF_PASSWORD_COMMAND"], !command.isEmpty {
            PasswordCommand.use(command)
        }
        if let database { return StoreLocation(conninfo: database, cluster: nil) }
        switch Self.namedByEnvironment {
        case "ASOF_DATABASE": return StoreLocation(conninfo: environment["ASOF_DATABASE"] ?? "", cluster: nil)
        case "ASOF_DATABASE_FILE":
            let file = environment["ASOF_DATABASE_FILE"] ?? ""
            let text = String(decoding: try PasswordFile.bytes(file, named: "ASOF_DATABASE_FILE"), as: UTF8.self)
            return StoreLocation(conninfo: text, cluster: nil)
        case .some:
            let variables = Self.libpqVariables(environment)
            // What is set for another program may hide a store that lies right here.
            if let cluster = try? EmbeddedCluster.find(from: FileManager.default.currentDirectoryPath) {
                Console.writeError(
                    "asof: \(variables.joined(separator: ", ")) \(variables.count == 1 ? "is" : "are") set and named the store, "
                        + "not \(cluster.location.folder); for that one: env \(variables.map { "-u \($0)" }.joined(separator: " ")) asof …"
                )
            }
            return StoreLocation(conninfo: "", cluster: nil)
        case nil: break
        }
        guard let cluster = try EmbeddedCluster.find(from: FileManager.default.currentDirectoryPath) else {
            throw WorkflowError.refused(
                """
                no store here: there is no folder asof-data in \(FileManager.default.currentDirectoryPath) or above it, and \
                neither --database, ASOF_DATABASE, ASOF_DATABASE_FILE nor PGHOST/PGDATABASE/PGSERVICE names a database.
                Make one here with `asof init`, or name one with `-d postgresql://…`
                """
            )
        }
        let running = try cluster.open()
        return StoreLocation(conninfo: running.conninfo, cluster: running)
    }

    /// The variable by which the environment names a database, which is then the store; `nil` = it names none.
    static var namedByEnvironment: String? {
        let environment = ProcessInfo.processInfo.environment
        return ["ASOF_DATABASE", "ASOF_DATABASE_FILE"].first { environment[$0]?.isEmpty == false }
            ?? libpqVariables(environment).first
    }
}

/// A database, and the cluster of ours that it lies in, which stays up as long as this is kept.
struct StoreLocation {
    let conninfo: String
    let cluster: RunningCluster?
}
