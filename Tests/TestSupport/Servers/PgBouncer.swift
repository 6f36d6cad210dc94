import EmbeddedPostgres
import Foundation
import Glibc

/// Debian's `pgbouncer` in transaction mode before a throw-away cluster, on a unix socket only.
///
/// Its pool is smaller than what tests open, so that transactions of one client go to several server sessions.
package final class PgBouncer {
    package static var path: String? {
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].first { access($0, X_OK) == 0 }
    }

    /// Why tests are skipped without it.
    package static let notice = "pgbouncer is not installed; `scripts/setup pgbouncer` does that"

    private static let port = 6_432
    private let process: Process
    /// Closed when this process ends, however it does: then the program is ended.
    private let lifeline = Pipe()
    private let folder: String

    /// - Parameters:
    ///   - path: the program.
    ///   - users: who may connect, each as itself; none = everybody, as the cluster's superuser.
    ///   - sessions: of the server, for each of them.
    package init(_ path: String, before cluster: ThrowawayCluster, users: [String] = [], sessions: Int = 2) throws {
        folder = cluster.folder + "/pgbouncer"
        let settings = """
            [databases]
            * = host=\(cluster.folder) port=\(ServerProcess.port)\(users.isEmpty ? " user=asof" : "")
            [pgbouncer]
            listen_port = \(Self.port)
            unix_socket_dir = \(folder)
            auth_type = \(users.isEmpty ? "any" : "trust")
            auth_file = \(folder)/users
            pool_mode = transaction
            default_pool_size = \(sessions)
            max_client_conn = 100
            """
        guard mkdir(folder, 0o755) == 0, chown(folder, cluster.account.uid, cluster.account.gid) == 0 else {
            throw ClusterError.system(operation: "making", path: folder, code: errno)
        }
        let names = users.map { "\"\($0)\" \"\"\n" }.joined()
        try Data(names.utf8).write(to: URL(fileURLWithPath: folder + "/users"))
        let file = folder + "/pgbouncer.ini"
        try Data(settings.utf8).write(to: URL(fileURLWithPath: file))
        let command = try cluster.account.running(["/bin/sh", "-c", "\"$0\" -q \"$1\" & read _; kill $!", path, file])
        process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput = lifeline
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.runWithDefaultSignals()
        let socket = folder + "/.s.PGSQL.\(Self.port)"
        guard Patience.wait(until: { access(socket, F_OK) == 0 }) else {
            throw ClusterError.commandFailed(command: path, status: "no socket", output: socket)
        }
    }

    package func conninfo(database: String) -> String {
        "host='\(folder)' hostaddr='' port=\(Self.port) dbname=\(database) user=asof"
    }

    deinit {
        try? lifeline.fileHandleForWriting.close()
        if !Patience.wait(seconds: 5, until: { !process.isRunning }) { kill(process.processIdentifier, SIGKILL) }
    }
}
