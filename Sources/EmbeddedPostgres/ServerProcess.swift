import Glibc

/// What `postmaster.pid` and the process table say about the server of a data folder.
package enum ServerState: Equatable {
    /// No server. A `postmaster.pid` that is there nevertheless is stale.
    case stopped
    case starting(ServerProcess)
    case ready(ServerProcess)
    case stopping(ServerProcess)

    /// Reads the state; a few system calls, no connection.
    ///
    /// The file alone proves nothing (after a crash or a reboot its number may be another process's), so the process must also have
    /// the data folder as its working directory, which a postmaster has from before it writes the file.
    package init(ofDataIn data: String) {
        self = .stopped
        guard let identity = FileIdentity(path: data), let text = readText(data + "/postmaster.pid") else { return }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let pid = Int32(first), pid > 1 else { return }
        let server = ServerProcess(
            pid: pid,
            socketFolder: lines.count > 4 ? String(lines[4]) : "",
            data: identity
        )
        guard server.isAlive else { return }
        switch lines.count > 7 ? lines[7].split(separator: " ").first ?? "" : "" {
        case "ready", "standby": self = .ready(server)
        case "stopping": self = .stopping(server)
        default: self = .starting(server)
        }
    }
}

/// One running postmaster.
package struct ServerProcess: Equatable {
    /// Only the name of the socket is made of it: there is no TCP.
    package static let port = 5_432

    package let pid: Int32
    let socketFolder: String
    /// The data folder itself, however it is called meanwhile.
    let data: FileIdentity

    static var socketName: String { ".s.PGSQL.\(port)" }
    var socketPath: String { socketFolder + "/" + Self.socketName }

    /// The process exists and works in the data folder.
    package var isAlive: Bool {
        guard kill(pid, 0) == 0 || errno == EPERM else { return false }
        if let folder = FileIdentity(path: "/proc/\(pid)/cwd") { return folder.isSameFile(as: data) }
        guard errno == EACCES else { return false }
        return readText("/proc/\(pid)/comm")?.hasPrefix("postgres") ?? false
    }

    /// Whether somebody listens on the socket: connects and hangs up. About 30 µs here and a fork in the server.
    var isListening: Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array(socketPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        // Safe: the path and a zero after it fit, as just checked; the rest is zero already.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        // EAGAIN: it listens, and its queue is full.
        return code == 0 || errno == EAGAIN || errno == EINPROGRESS
    }

    /// Ends the server without writing anything out. Its processes may take a moment.
    func stopAtOnce() { if isAlive { kill(pid, SIGQUIT) } }

    /// Ends the server: a fast shutdown, which rolls open transactions back, then after `seconds` an immediate one.
    ///
    /// - Returns: whether the process is gone.
    package func stop(seconds: Double) -> Bool {
        for (signal, patience) in [(SIGINT, seconds), (SIGQUIT, 10)] {
            guard isAlive else { return true }
            kill(pid, signal)
            var deadline = Deadline(seconds: patience)
            repeat { if !isAlive { return true } } while deadline.pause()
        }
        return !isAlive
    }
}
