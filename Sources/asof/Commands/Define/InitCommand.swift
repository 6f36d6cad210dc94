import ArgumentParser
import EmbeddedPostgres
import Features
import Foundation
import Store
import Workflows

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a store: ./asof-data with its own PostgreSQL, or, with -d, in a database of yours.",
        discussion: "Also writes a commented features.yaml, unless there is one. A rerun changes nothing."
    )

    @OptionGroup var store: StoreOptions

    func run() throws {
        let folder = FileManager.default.currentDirectoryPath
        let location: StoreLocation
        let environment = ProcessInfo.processInfo.environment["ASOF_DATABASE"] ?? ""
        if store.database != nil || !environment.isEmpty {
            location = try store.locate()
        } else if let existing = try EmbeddedCluster.find(from: folder),
            existing.location.folder == folder + "/" + ClusterLocation.folderName
        {
            let running = try existing.open()
            location = StoreLocation(conninfo: running.conninfo, cluster: running)
        } else {
            let above = try EmbeddedCluster.find(from: folder)
            let running = try EmbeddedCluster.create(in: folder).open()
            Console.write("made \(folder)/asof-data with its own PostgreSQL")
            if let above {
                Console.writeError(
                    "WARNING: there is a store above, too: \(above.location.folder); commands in this folder and below it use the "
                        + "new one"
                )
            }
            let variables = StoreOptions.libpqVariables(ProcessInfo.processInfo.environment)
            if !variables.isEmpty {
                Console.writeError(
                    "WARNING: other commands will use the database that \(variables.joined(separator: ", ")) "
                        + "\(variables.count == 1 ? "names" : "name"), and not this store; unset \(variables.count == 1 ? "it" : "them"), "
                        + "or make the store there with `asof init -d postgresql://…`"
                )
            }
            location = StoreLocation(conninfo: running.conninfo, cluster: running)
        }
        let applied = try withExtendedLifetime(location) { try OpenStore.migrate(location.conninfo) }
        Console.write(applied.isEmpty ? "the store is there already" : "made the store (schema \(Migration.newest))")
        try writeTemplate(folder)
    }

    private func writeTemplate(_ folder: String) throws {
        let path = folder + "/features.yaml"
        guard !FileManager.default.fileExists(atPath: path) else { return }
        try Data(DefinitionsTemplate.commentedYAML.utf8).write(
            to: URL(fileURLWithPath: path),
            options: .withoutOverwriting
        )
        Console.write("wrote features.yaml: say there what your features are, then `asof apply`")
    }
}

struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the store's schema up to this binary's.",
        // See CommandGroups.
        shouldDisplay: false
    )

    @OptionGroup var store: StoreOptions

    func run() throws {
        let location = try store.locate()
        let applied = try withExtendedLifetime(location) { try OpenStore.migrate(location.conninfo) }
        Console.write(
            applied.isEmpty ? "nothing to do: schema \(Migration.newest)" : "applied \(applied.joined(separator: ", "))"
        )
    }
}

struct SuperviseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: EmbeddedCluster.Supervision.subcommand,
        abstract: "Stop an embedded PostgreSQL that nobody uses.",
        shouldDisplay: false
    )

    @Argument var folder: String

    func run() throws { throw ExitCode(EmbeddedCluster.supervise(home: folder)) }
}
