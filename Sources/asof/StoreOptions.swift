import ArgumentParser
import EmbeddedPostgres
import Foundation
import Store
import Workflows

/// Where the store is.
struct StoreOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help:
            "The store's PostgreSQL: a URI or libpq connection string. Default: ASOF_DATABASE, PG* variables, ./asof-data."
    )
    var database: String?

    /// Connects to the store; starts the embedded cluster where that is the store.
    func open(forWriting: Bool) throws -> OpenStore { try open(try locate(), forWriting: forWriting) }

    /// Connects to the store in a database that was found.
    func open(_ location: StoreLocation, forWriting: Bool) throws -> OpenStore {
        try OpenStore(
            location.conninfo,
            forWriting: forWriting,
            segmentsFolder: location.cluster.map { $0.cluster.location.folder + "/segments" },
            keeping: location.cluster
        )
    }

    /// Finds the store's database, whether or not it has a store yet.
    func locate() throws -> StoreLocation {
        let environment = ProcessInfo.processInfo.environment
        if let database { return StoreLocation(conninfo: database, cluster: nil) }
        if let database = environment["ASOF_DATABASE"], !database.isEmpty {
            return StoreLocation(conninfo: database, cluster: nil)
        }
        if ["PGHOST", "PGDATABASE", "PGSERVICE", "PGHOSTADDR"].contains(where: { environment[$0]?.isEmpty == false }) {
            return StoreLocation(conninfo: "", cluster: nil)
        }
        guard let cluster = try EmbeddedCluster.find(from: FileManager.default.currentDirectoryPath) else {
            throw WorkflowError.refused(
                """
                no store here: there is no folder asof-data in \(FileManager.default.currentDirectoryPath) or above it, and \
                neither --database, ASOF_DATABASE nor PGHOST/PGDATABASE/PGSERVICE names a database.
                Make one here with `asof init`, or name one with `-d postgresql://…`
                """
            )
        }
        let running = try cluster.open()
        return StoreLocation(conninfo: running.conninfo, cluster: running)
    }
}

/// A database, and the cluster of ours that it lies in, which stays up as long as this is kept.
struct StoreLocation {
    let conninfo: String
    let cluster: RunningCluster?
}
