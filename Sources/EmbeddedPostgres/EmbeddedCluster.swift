import Glibc

/// A store's own PostgreSQL cluster: made by `asof init`, started when a command needs it, stopped when none has for a while.
///
/// No process owns it. Commands and one supervisor agree by three locks in its home (see ``ClusterLocation``):
/// - A command holds **use** shared while it lives. If the server is not up, it takes **start**, starts it, and starts a supervisor.
/// - The supervisor holds **supervisor** while it watches the server; the lock is handed to it by whoever starts it, so there is no moment without. When nobody has
///   held **use** for the idle time and no client is connected, it takes **use** exclusively, stops the server, and ends.
/// - Lock order: use, start, supervisor. Each wait has a bound; the kernel frees the locks of a killed process.
///
/// So any of them can be killed at any time: a server without a supervisor gets one from the next command, a supervisor without a server ends, a stale
/// `postmaster.pid` is recognised by the process it names. All calls block; none may run on an event loop or in a Swift task.
package struct EmbeddedCluster: Equatable {
    package static let databaseName = "asof"
    package static let roleName = "asof"

    package let location: ClusterLocation
    /// Who the server runs as.
    package let account: ServiceAccount

    package init(location: ClusterLocation) throws(ClusterError) {
        self.location = location
        account = try ServiceAccount.owning(location.home)
    }

    /// The nearest store: `asof-data` in a folder or one above it; `nil` when there is none.
    ///
    /// - Throws: ``ClusterError/foreignFolder(path:)``, ``ClusterError/otherOwner(path:owner:user:)``, or that its marker is damaged.
    package static func find(from directory: String = ".") throws(ClusterError) -> EmbeddedCluster? {
        guard let location = try ClusterLocation.find(from: directory) else { return nil }
        return try EmbeddedCluster(location: location)
    }

    /// The store in this very `asof-data` folder.
    package static func at(folder: String) throws(ClusterError) -> EmbeddedCluster {
        try EmbeddedCluster(location: ClusterLocation(folder: folder))
    }

    /// How to connect, in libpq's keywords; for the server's present socket folder. It overrides `PGHOST`, `PGHOSTADDR` and their like.
    func conninfo(_ server: ServerProcess, database: String = databaseName) -> String {
        "host='\(server.socketFolder)' hostaddr='' port=\(ServerProcess.port) dbname=\(database) user=\(Self.roleName)"
    }

    /// What `asof status` shows of the cluster. Starts nothing.
    package struct Status: Equatable {
        package enum Server: String {
            case stopped
            case starting
            case running
            case stopping
        }
        package let server: Server
        package let pid: Int32?
        /// A supervisor watches the server, and will stop it when it is idle.
        package let isSupervised: Bool
        package let socketFolder: String?
    }

    package func status() throws(ClusterError) -> Status {
        let isSupervised = try isSupervised()
        return switch ServerState(ofDataIn: location.data) {
        case .stopped: Status(server: .stopped, pid: nil, isSupervised: isSupervised, socketFolder: nil)
        case .starting(let server):
            Status(server: .starting, pid: server.pid, isSupervised: isSupervised, socketFolder: server.socketFolder)
        case .ready(let server):
            Status(server: .running, pid: server.pid, isSupervised: isSupervised, socketFolder: server.socketFolder)
        case .stopping(let server):
            Status(server: .stopping, pid: server.pid, isSupervised: isSupervised, socketFolder: server.socketFolder)
        }
    }

    /// Whether somebody holds the supervisor lock. Tries it shared, so that askers do not disturb each other.
    func isSupervised() throws(ClusterError) -> Bool {
        let lock = try FileLock(path: location.supervisorLock, account: account)
        return !lock.tryLock(.shared)
    }

    /// The end of the server's log, at most 15 lines of what was written after `start` bytes.
    func logTail(since start: Int = 0) -> String {
        guard let text = readText(location.log, limit: 16_384, fromEnd: true) else { return "" }
        let size = FileSize.of(location.log)
        let fresh = max(0, size - start)
        let lines = String(decoding: text.utf8.suffix(fresh), as: UTF8.self).split(separator: "\n")
        return lines.suffix(15).joined(separator: "\n")
    }
}
