import Glibc
import Postgres

extension EmbeddedCluster {
    /// How often the supervisor looks; also how soon a crashed server can be started again.
    static let pollSeconds = 0.5

    /// Watches a cluster's server and stops it when it was idle long enough. The body of the hidden subcommand `_supervise HOME`.
    ///
    /// Returns when the server is gone, whoever stopped it, or at once when another supervisor is at work.
    /// Started by root it becomes the server's user.
    /// - Returns: the process's exit code.
    package static func supervise(home: String) -> Int32 {
        do throws(ClusterError) {
            let path = try steadyPath(home)
            let account = try ServiceAccount.owning(path)
            // Before: a process that changed its user may not write its own name.
            nameProcess("asof-supervisor")
            try account.become()
            let location = ClusterLocation(folder: path, id: "", home: path)
            var supervisor = try Supervisor(EmbeddedCluster(location: location))
            try supervisor.run()
            return 0
        } catch {
            writeError("asof: \(error)\n")
            return 1
        }
    }

    /// A path by way of a descriptor, which stays right when the home is moved: the one inherited with the lock, else a new one.
    private static func steadyPath(_ home: String) throws(ClusterError) -> String {
        let inherited = "/proc/self/fd/\(inheritedHome)"
        if let lock = FileIdentity(descriptor: inheritedLock),
            let file = FileIdentity(path: inherited + "/supervisor.lock"), file.isSameFile(as: lock)
        {
            _ = fcntl(inheritedHome, F_SETFD, FD_CLOEXEC)
            return inherited
        }
        let folder = Glibc.open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .system(operation: "opening", path: home, code: errno) }
        return "/proc/self/fd/\(folder)"
    }

    /// The state of one supervisor process.
    private struct Supervisor: ~Copyable {
        let cluster: EmbeddedCluster
        let idle: Duration
        let watch: FileLock
        let use: FileLock
        var lastTouched_ns = 0
        var lastUsed = ContinuousClock.now

        init(_ cluster: EmbeddedCluster) throws(ClusterError) {
            let watch = try Self.takeLock(cluster)
            let use = try FileLock(path: cluster.location.useLock, account: cluster.account)
            self.cluster = cluster
            idle = .seconds(Supervision().idleSeconds)
            self.watch = watch
            self.use = use
        }

        /// The lock that whoever started us left at descriptor 3, or, started by hand, the file's.
        private static func takeLock(_ cluster: EmbeddedCluster) throws(ClusterError) -> FileLock {
            let path = cluster.location.supervisorLock
            if let inherited = FileIdentity(descriptor: inheritedLock), let file = FileIdentity(path: path),
                inherited.isSameFile(as: file)
            {
                _ = fcntl(inheritedLock, F_SETFD, FD_CLOEXEC)
                return FileLock(inherited: inheritedLock)
            }
            return try FileLock(path: path, account: cluster.account)
        }

        mutating func run() throws(ClusterError) {
            // A shared asker can be in the way for an instant.
            guard watch.lock(.exclusive, seconds: 1) else { return }
            var last: ServerProcess?
            var wasAlive = true
            while wasAlive {
                switch ServerState(ofDataIn: cluster.location.data) {
                case .ready(let server):
                    last = server
                    if !server.isListening {
                        if stopIfUnreachable(server) { wasAlive = false }
                    } else if isIdle(server) && stopIfUnused(server) {
                        wasAlive = false
                    }
                case .starting(let server), .stopping(let server):
                    last = server
                    lastUsed = .now
                case .stopped:
                    wasAlive = last?.isAlive ?? false
                    // Without its data folder it would go on for up to a minute, and confirm what is nowhere.
                    if wasAlive, let last, FileIdentity(path: cluster.location.data) == nil { last.stopAtOnce() }
                }
                if wasAlive { usleep(UInt32(EmbeddedCluster.pollSeconds * 1_000_000)) }
            }
            if let last { SocketFolder.remove(last.socketFolder) }
        }

        /// Whether nothing used the server for the idle time, as far as can be told without disturbing anybody.
        private mutating func isIdle(_ server: ServerProcess) -> Bool {
            // A command that came and went between two looks has touched the file.
            let touched_ns = use.touched_ns
            var isUsed = touched_ns != lastTouched_ns
            lastTouched_ns = touched_ns
            if !isUsed {
                isUsed = !use.tryLock(.exclusive)
                if !isUsed { use.unlock() }
            }
            if isUsed { lastUsed = .now }
            guard ContinuousClock.now - lastUsed >= idle else { return false }
            if hasOtherClients(server) {
                lastUsed = .now
                return false
            }
            return true
        }

        /// Stops the server with the use lock held, so that commands wait and then start it again. False when one was quicker.
        private func stopIfUnused(_ server: ServerProcess) -> Bool {
            guard use.tryLock(.exclusive) else { return false }
            defer { use.unlock() }
            // Commands of the time before we held the lock are gone; a foreign client can still have come.
            if hasOtherClients(server) { return false }
            return server.stop(seconds: Double(ClusterLimits.stopSecondsMax))
        }

        /// Stops a server that nobody can connect to any more (its socket was deleted), as soon as no command uses it; the next one starts it again.
        private func stopIfUnreachable(_ server: ServerProcess) -> Bool {
            guard use.tryLock(.exclusive) else { return false }
            defer { use.unlock() }
            return server.stop(seconds: Double(ClusterLimits.stopSecondsMax))
        }

        /// Whether a client other than this one is connected: a command whose lock is elsewhere, psql, a standby.
        /// A server that does not answer is taken to be busy.
        private func hasOtherClients(_ server: ServerProcess) -> Bool {
            let options = " application_name='asof supervisor' options='-c statement_timeout=5000'"
            let conninfo = cluster.conninfo(server, database: "postgres") + options
            let query = """
                SELECT count(*) FROM pg_catalog.pg_stat_activity
                WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
                """
            guard let connection = try? Connection(conninfo, connectTimeoutSeconds: 5),
                let count = try? connection.execute(query).last?.text(0, 0)
            else { return true }
            return count != "0"
        }
    }
}

/// What `ps` and `top` show, instead of the name of the whole program.
private func nameProcess(_ name: String) {
    let descriptor = open("/proc/self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = name.utf8.withContiguousStorageIfAvailable { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
}

private func writeError(_ text: String) {
    _ = text.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
