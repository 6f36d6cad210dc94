import CLibPQ
package import EmbeddedPostgres
import Glibc
import Synchronization

/// A real PostgreSQL server for tests: made in a moment, without TCP and without fsync, gone with the test process.
///
/// Most tests want ``shared()`` and a ``database(_:)`` of their own in it. All calls block.
/// ```swift
/// let conninfo = try ThrowawayCluster.shared().database()
/// ```
/// The server ends, and its folder goes, when the test process exits; after a kill -9 the next run does it (``TestRun``).
package final class ThrowawayCluster: Sendable {
    /// How a database compares strings.
    package enum Collation: Sendable {
        /// Bytewise.
        case bytewise
        /// A locale of the C library, such as `C.UTF-8`.
        case libc(String)
        /// An ICU locale, such as `en-US`; from PostgreSQL 15 on.
        case icu(String)
    }

    package let binaries: PostgresBinaries
    package let account: ServiceAccount
    /// Holds `pg/` (the data), `server.log` and the socket.
    package let folder: String
    /// Where databases lie that tests ask for, if not beside the cluster's own: a run makes two thousand of 9 MB each,
    /// of which none goes before its end.
    private let databasesFolder: String?
    private static let databasesPlace = "roomy"
    package let port: Int
    private let databaseCount = Atomic<Int>(0)

    package var data: String { folder + "/pg" }
    package var log: String { folder + "/server.log" }

    private static let sharedResult: Result<ThrowawayCluster, ClusterError> = {
        do throws(ClusterError) { return .success(try start(hasManyDatabases: true)) } catch { return .failure(error) }
    }()

    /// Whether its PostgreSQL was built with ICU, as Debian's is: others know a name or two.
    package static let hasICU =
        (try? shared().execute("SELECT count(*) > 9 FROM pg_collation WHERE collprovider = 'i'") == "t") ?? true

    /// The one that all tests of a run share. Do not change its settings or stop it.
    package static func shared() throws(ClusterError) -> ThrowawayCluster { try sharedResult.get() }

    /// Makes and starts a cluster.
    ///
    /// - Parameters:
    ///   - settings: lines of `postgresql.conf`, such as `max_connections = 5`; later ones win over the fixture's.
    ///   - port: for one that listens on TCP, too; others have a folder of their own for their sockets.
    /// - Complexity: under a second.
    package static func start(
        settings: [String] = [],
        port: Int = ServerProcess.port
    ) throws(ClusterError) -> ThrowawayCluster {
        try start(settings: settings, port: port, hasManyDatabases: false)
    }

    private static func start(
        settings: [String] = [],
        port: Int = ServerProcess.port,
        hasManyDatabases: Bool
    ) throws(ClusterError) -> ThrowawayCluster {
        let cluster = try ThrowawayCluster(port: port, hasManyDatabases: hasManyDatabases)
        let options = ["-D", cluster.data, "-U", "asof", "--encoding=UTF8", "--no-locale", "--auth=trust", "--no-sync"]
        try Subprocess.run(cluster.account.running([cluster.binaries.path("initdb")] + options), seconds: 120)
        try cluster.configure(settings)
        try cluster.start()
        if let place = cluster.databasesFolder {
            try cluster.execute("CREATE TABLESPACE \(databasesPlace) LOCATION '\(place)'")
        }
        return cluster
    }

    private init(port: Int = ServerProcess.port, hasManyDatabases: Bool = false) throws(ClusterError) {
        self.port = port
        binaries = try PostgresBinaries.find()
        account = try ServiceAccount.forNewCluster()
        let run = try TestRun.current.get()
        folder = try run.makeFolder()
        databasesFolder = hasManyDatabases ? try run.makeRoomyFolder() : nil
    }

    private func configure(_ settings: [String]) throws(ClusterError) {
        let lines =
            [
                "listen_addresses = ''", "unix_socket_directories = '\(folder)'", "port = \(port)",
                "fsync = off", "full_page_writes = off", "max_connections = 200", "shared_buffers = 64MB",
                "wal_level = replica", "max_wal_senders = 10", "max_wal_size = 1GB", "log_checkpoints = off",
            ] + settings
        try append(lines.joined(separator: "\n"), to: data + "/postgresql.conf")
    }

    private func append(_ text: String, to path: String) throws(ClusterError) {
        let tee = try account.running(["/usr/bin/tee", "-a", path])
        try Subprocess.run(tee, input: "\n" + text + "\n", seconds: 10)
    }

    /// Starts the server again after ``stop()`` or ``crash()``.
    package func start() throws(ClusterError) {
        let command = [binaries.path("pg_ctl"), "start", "-w", "-s", "-D", data, "-l", log, "-t", "60"]
        let result = try Subprocess.run(account.running(command), seconds: 70, checked: false)
        guard result.status == 0 else {
            let tail = try? Subprocess.run(["/usr/bin/tail", "-n", "15", log], seconds: 10).output
            throw .startFailed(home: folder, reason: result.output, log: tail ?? "")
        }
    }

    /// A fast shutdown: clients are cut off, everything is written.
    package func stop() { _ = server?.stop(seconds: 30) }

    /// Kills the postmaster with SIGKILL and waits until its children have gone, too: what a power cut leaves, but for fsync.
    ///
    /// Waits also until init has taken its exit status: until then the number is in use, and the next start is refused.
    package func crash() {
        guard let server else { return }
        kill(server.pid, SIGKILL)
        _ = Patience.wait(seconds: 10) { !hasProcesses && kill(server.pid, 0) != 0 }
    }

    /// The running server.
    package var server: ServerProcess? {
        switch ServerState(ofDataIn: data) {
        case .stopped: nil
        case .starting(let server), .ready(let server), .stopping(let server): server
        }
    }

    /// Whether a process of the cluster is left: all of them work in the data folder.
    private var hasProcesses: Bool {
        var folder = stat()
        guard stat(data, &folder) == 0 else { return false }
        return TestRun.entries("/proc").contains { name in
            var other = stat()
            return Int32(name) != nil && stat("/proc/\(name)/cwd", &other) == 0
                && other.st_ino == folder.st_ino && other.st_dev == folder.st_dev
        }
    }

    /// How to connect, in libpq's keywords, as the superuser `asof`.
    package func conninfo(database: String = "postgres") -> String {
        "host='\(folder)' hostaddr='' port=\(port) dbname=\(database) user=asof"
    }

    /// Makes an empty database of its own for a test.
    ///
    /// - Returns: how to connect to it.
    /// - Complexity: about 50 ms.
    package func database(_ collation: Collation = .bytewise) throws(ClusterError) -> String {
        let name = "test\(databaseCount.add(1, ordering: .relaxed).newValue)"
        let options =
            switch collation {
            case .bytewise: ""
            case .libc(let locale): " TEMPLATE template0 LOCALE '\(locale)'"
            case .icu(let locale): " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '\(locale)' LOCALE 'C.UTF-8'"
            }
        let place = databasesFolder == nil ? "" : " TABLESPACE \(Self.databasesPlace)"
        try execute("CREATE DATABASE \(name)\(options)\(place)")
        return conninfo(database: name)
    }

    /// Makes a hot standby that follows this server, and starts it. It is read-only, and has this server's databases.
    package func standby(settings: [String] = []) throws(ClusterError) -> ThrowawayCluster {
        let standby = try ThrowawayCluster()
        let command = [
            binaries.path("pg_basebackup"), "-D", standby.data, "-d", conninfo(), "-R", "-X", "stream", "-c", "fast",
            "--no-sync",
        ]
        try Subprocess.run(account.running(command), seconds: 120)
        try standby.configure(["hot_standby = on"] + settings)
        try standby.start()
        return standby
    }

    /// Waits until a standby of this server has replayed what is committed now.
    ///
    /// - Returns: false when it has not within `seconds`.
    package func waitForReplay(by standby: ThrowawayCluster, seconds: Double = 20) throws(ClusterError) -> Bool {
        let position = try execute("SELECT pg_current_wal_lsn()")
        let sql = "SELECT pg_last_wal_replay_lsn() >= '\(position)'"
        do {
            return try Patience.wait(seconds: seconds) { try standby.execute(sql) == "t" }
        } catch let error as ClusterError {
            throw error
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// Runs one statement on a connection of its own and gives the first value of its result, "" when there is none.
    ///
    /// For what a fixture needs; what a test is about goes through the connection under test.
    @discardableResult
    package func execute(_ sql: String, database: String = "postgres") throws(ClusterError) -> String {
        let connection = PQconnectdb(conninfo(database: database))
        defer { PQfinish(connection) }
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            throw .commandFailed(command: sql, status: "refused", output: String(cString: PQerrorMessage(connection)))
        }
        guard PQntuples(result) > 0, let value = PQgetvalue(result, 0, 0) else { return "" }
        return String(cString: value)
    }
}
