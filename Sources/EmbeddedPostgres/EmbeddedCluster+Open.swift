import Glibc
import Postgres

extension EmbeddedCluster {
    /// How to start a supervisor: a program that calls ``EmbeddedCluster/supervise(home:)`` when its arguments say so.
    package struct Supervision {
        package static let subcommand = "_supervise"
        package static let idleVariable = "ASOF_IDLE_SECONDS"
        package static let idleSecondsDefault = 60.0

        /// An absolute path.
        package let executable: String
        /// How long after the last use the server stops.
        package let idleSeconds: Double

        /// - Parameters:
        ///   - executable: `nil` is the program that runs now.
        ///   - idleSeconds: `nil` is the environment's `ASOF_IDLE_SECONDS`, else a minute.
        package init(executable: String? = nil, idleSeconds: Double? = nil) {
            self.executable = executable ?? Self.thisProgram
            let wanted = environmentValue(Self.idleVariable).flatMap(Double.init)
            self.idleSeconds = max(0.1, min(idleSeconds ?? wanted ?? Self.idleSecondsDefault, 86_400 * 365))
        }

        /// Its path, so that the process has its name; a program replaced meanwhile can still be run by way of /proc.
        private static var thisProgram: String {
            guard let path = realpath("/proc/self/exe", nil) else { return "/proc/self/exe" }
            defer { free(path) }
            return String(cString: path)
        }
    }

    /// Uses the store: starts its server unless it runs, and keeps it from being stopped until the result is closed.
    ///
    /// - Throws: ``ClusterError/startFailed(home:reason:log:)`` with the end of the server's log, ``ClusterError/timedOut(waitingFor:home:seconds:log:)``.
    /// - Complexity: well below a millisecond when the server runs, else what PostgreSQL needs to start.
    package func open(_ supervision: Supervision? = nil) throws(ClusterError) -> RunningCluster {
        let use = try FileLock(path: location.useLock, account: account)
        // Only a supervisor that is stopping the server holds it exclusively.
        let patience = ClusterLimits.stopSecondsMax + 20
        guard use.lock(.shared, seconds: Double(patience)) else {
            throw .timedOut(waitingFor: "the server to stop", home: location.home, seconds: patience, log: logTail())
        }
        use.touch()
        if let server = try readyServer(supervision) {
            return RunningCluster(cluster: self, conninfo: conninfo(server), use: use)
        }
        // Nobody can connect. Its supervisor restarts the server when it gets the lock: when no other command uses it.
        use.unlock()
        usleep(UInt32(4 * Self.pollSeconds * 1_000_000))
        guard use.lock(.shared, seconds: Double(patience)), let server = try readyServer(supervision) else {
            throw socketLost()
        }
        return RunningCluster(cluster: self, conninfo: conninfo(server), use: use)
    }

    /// The server, ready and supervised, started if need be; `nil` when it runs but nobody can connect to it.
    /// The caller holds the use lock.
    private func readyServer(_ supervision: Supervision?) throws(ClusterError) -> ServerProcess? {
        var deadline = Deadline(seconds: Double(ClusterLimits.startSecondsMax))
        var unreachable = Deadline(seconds: 2)
        repeat {
            switch ServerState(ofDataIn: location.data) {
            case .ready(let server):
                let isListening = server.isListening
                if isListening { try SocketFolder.check(server.socketFolder, for: account) }
                var isWatched = try isSupervised()
                if !isWatched { isWatched = try superviseNow(supervision ?? Supervision()) }
                if isListening && isWatched { return server }
                if !isListening && unreachable.isPast { return nil }
            case .stopped:
                try startIfFirst(supervision ?? Supervision())
                unreachable = Deadline(seconds: 2)
            case .starting, .stopping:
                unreachable = Deadline(seconds: 2)
            }
        } while deadline.pause()
        throw .timedOut(
            waitingFor: "the server to start",
            home: location.home,
            seconds: ClusterLimits.startSecondsMax,
            log: logTail()
        )
    }

    /// Starts the server again where it has ended, and a supervisor where it has none. The caller holds the use lock.
    ///
    /// - Returns: whether it had ended.
    /// - Complexity: some system calls where there is nothing to do.
    func restartIfEnded(_ supervision: Supervision) throws(ClusterError) -> Bool {
        switch ServerState(ofDataIn: location.data) {
        case .ready:
            if try !isSupervised() { _ = try superviseNow(supervision) }
            return false
        case .starting, .stopping: return false
        case .stopped:
            guard try readyServer(supervision) != nil else { throw socketLost() }
            return true
        }
    }

    private func socketLost() -> ClusterError {
        .startFailed(
            home: location.home,
            reason: "it runs, but its socket in \(location.socketFolder(of: account)) is gone, and other commands keep "
                + "it from being restarted; end them, and run the command again after a few seconds",
            log: ""
        )
    }

    /// Gives a running server a supervisor. False when somebody else is at it.
    private func superviseNow(_ supervision: Supervision) throws(ClusterError) -> Bool {
        let start = try FileLock(path: location.startLock, account: account)
        guard start.tryLock(.exclusive) else { return false }
        let watch = try FileLock(path: location.supervisorLock, account: account)
        guard watch.tryLock(.exclusive) else { return false }
        try spawnSupervisor(supervision, holding: watch)
        return true
    }

    /// Starts the server and its supervisor, unless somebody else is at it.
    private func startIfFirst(_ supervision: Supervision) throws(ClusterError) {
        let start = try FileLock(path: location.startLock, account: account)
        guard start.tryLock(.exclusive) else { return }
        let watch = try FileLock(path: location.supervisorLock, account: account)
        // The supervisor of a crashed server needs a moment to see it. One that stays watches a server we cannot see.
        guard watch.lock(.exclusive, seconds: Double(ClusterLimits.supervisorSecondsMax)) else {
            throw .runsElsewhere(home: location.home)
        }
        guard ServerState(ofDataIn: location.data) == .stopped else { return }
        try startServer()
        try spawnSupervisor(supervision, holding: watch)
    }

    /// Starts the server, which must be stopped, and waits until it is ready. The caller holds the locks start and supervisor.
    private func startServer() throws(ClusterError) {
        let binaries = try PostgresBinaries.find(forDataIn: location.data)
        let socketFolder = location.socketFolder(of: account)
        try SocketFolder.prepare(socketFolder, for: account)
        // A postmaster.pid that a crash left is PostgreSQL's to judge: without it, it would not look for processes of the
        // killed server that still write to the data.
        rotateLog()
        // Not by pg_ctl: it passes the path through a shell, and looks only ten times a second.
        let command = try account.running([
            binaries.path("postgres"), "-D", location.data, "-p", "\(ServerProcess.port)",
            "-c", "unix_socket_directories=\(socketFolder)",
        ])
        // Processes of a killed server can hold its shared memory for a moment longer.
        var deadline = Deadline(seconds: 30)
        while true {
            let logStart = FileSize.of(location.log)
            guard let failure = try runServer(command) else { return }
            let log = logTail(since: logStart)
            let isLocked = log.contains("postmaster.pid") && log.contains("already exists")
            // Nor has whoever started the killed one always taken it away yet.
            let isPassing =
                isLocked ? isNamedServerDead() : log.contains("shared memory block") && log.contains("still in use")
            guard isPassing, deadline.pause() else {
                SocketFolder.remove(socketFolder)
                let reason = isLocked ? lockedReason() : rightsReason(log) ?? failure
                throw .startFailed(home: location.home, reason: reason, log: log)
            }
            usleep(200_000)
        }
    }

    /// What mends owners and rights that a copy has not kept; `nil` where the log says nothing of them.
    private func rightsReason(_ log: String) -> String? {
        if log.contains("has invalid permissions") {
            return "others may enter its data, as after a copy that did not keep rights (cp -a does); mend it with: "
                + "chmod 700 '\(location.data)'"
        }
        if log.contains("has wrong ownership") || log.contains("Permission denied") {
            return
                "not all of its files belong to \(account.name), as after a copy that did not keep owners (cp -a does); "
                + "mend it with: chown -R \(account.name): '\(location.home)'"
        }
        return nil
    }

    /// Whether the process that `postmaster.pid` names has ended, and only its number is still there.
    private func isNamedServerDead() -> Bool {
        guard let line = readText(location.data + "/postmaster.pid")?.split(separator: "\n").first,
            let pid = Int32(line)
        else { return true }
        guard let state = readText("/proc/\(pid)/stat") else { return true }
        return state.split(separator: ")").last?.hasPrefix(" Z") == true
    }

    /// Why PostgreSQL takes the data for those of a running server, though this process sees none.
    private func lockedReason() -> String {
        let file = location.data + "/postmaster.pid"
        let number = readText(file)?.split(separator: "\n").first.flatMap { Int32($0) }
        guard let number else { return "it finds \(file) and takes it for that of a running server" }
        let name = readText("/proc/\(number)/comm").map { " (\($0.split(separator: "\n").first ?? ""))" } ?? ""
        return
            "\(file) of its last run names process \(number)\(name), which is another one today, and PostgreSQL does not "
            + "start while there is a process of that number. End that process or wait for its end; or, if you are sure that "
            + "no server uses the folder, also none in a container, delete the file; then run the command again"
    }

    /// Spawns the server and waits until it is ready.
    ///
    /// - Returns: how it ended if it ended instead.
    private func runServer(_ command: [String]) throws(ClusterError) -> String? {
        let log = Glibc.open(location.log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw .system(operation: "opening", path: location.log, code: errno) }
        defer { close(log) }
        fchown(log, account.uid, account.gid)
        let descriptors: [(Int32, Int32)] = [(log, 1), (log, 2)]
        let pid = try Subprocess.spawn(command, environment: [], descriptors: descriptors, newSession: true)
        var deadline = Deadline(seconds: Double(ClusterLimits.startSecondsMax))
        repeat {
            if case .ready = ServerState(ofDataIn: location.data) {
                Subprocess.leave(pid)
                return nil
            }
            if let status = Subprocess.status(ofEnded: pid) { return "it ended at once (exit code \(status))" }
        } while deadline.pause()
        Subprocess.leave(pid)
        throw .timedOut(
            waitingFor: "the server to start",
            home: location.home,
            seconds: ClusterLimits.startSecondsMax,
            log: logTail()
        )
    }

    /// Keeps the log of the last runs only: past 8 MiB it becomes `server.log.1`.
    private func rotateLog() {
        if FileSize.of(location.log) > 8 << 20 { rename(location.log, location.log + ".1") }
    }

    /// Starts the supervisor, and hands it the supervisor lock and the home as descriptors.
    private func spawnSupervisor(_ supervision: Supervision, holding lock: borrowing FileLock) throws(ClusterError) {
        var environment = ["\(Supervision.idleVariable)=\(supervision.idleSeconds)"]
        for name in ["LD_LIBRARY_PATH", "HOME", "LLVM_PROFILE_FILE"] {
            if let value = environmentValue(name) { environment.append("\(name)=\(value)") }
        }
        let home = Glibc.open(location.home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard home >= 0 else { throw .system(operation: "opening", path: location.home, code: errno) }
        defer { close(home) }
        let pid = try Subprocess.spawn(
            [supervision.executable, Supervision.subcommand, location.home],
            environment: environment,
            descriptors: [(lock.descriptor, Self.inheritedLock), (home, Self.inheritedHome)],
            newSession: true
        )
        Subprocess.leave(pid)
    }

    /// The descriptors a supervisor finds its lock and its home at.
    static let inheritedLock: Int32 = 3
    static let inheritedHome: Int32 = 4

    /// Stops the server now, unless a command uses it; clients that hold no lock (psql) are cut off. For deleting or copying a store.
    ///
    /// - Parameter seconds: how long commands that are about to end are waited for. The supervisor tries their lock, too, for
    ///   an instant at a time.
    /// - Throws: ``ClusterError/inUse(home:)``; ``ClusterError/timedOut(waitingFor:home:seconds:log:)``.
    package func stop(waiting seconds: Double = 0.5) throws(ClusterError) {
        let use = try FileLock(path: location.useLock, account: account)
        guard use.lock(.exclusive, seconds: seconds) else { throw .inUse(home: location.home) }
        switch ServerState(ofDataIn: location.data) {
        case .stopped: break
        case .starting(let server), .ready(let server), .stopping(let server):
            guard server.stop(seconds: Double(ClusterLimits.stopSecondsMax)) else {
                throw .timedOut(
                    waitingFor: "the server to stop",
                    home: location.home,
                    seconds: ClusterLimits.stopSecondsMax,
                    log: logTail()
                )
            }
        }
        // The supervisor ends by itself; wait for it, so that nothing of the store runs afterwards.
        let watch = try FileLock(path: location.supervisorLock, account: account)
        guard watch.lock(.exclusive, seconds: Double(ClusterLimits.supervisorSecondsMax)) else { return }
        SocketFolder.remove(location.socketFolder(of: account))
    }
}

/// The size of a file in bytes; 0 when it is not there.
enum FileSize {
    static func of(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
