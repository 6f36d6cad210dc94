import Access
import Foundation
import Glibc
import Workflows

/// The file of `--password-file`, and of others that hold one line that is nobody else's to read.
enum PasswordFile {
    private static let bytesMax = 4_096

    static func read(_ path: String) throws -> Password { Password(try bytes(path)) }

    /// The file's content without the line end at its end.
    /// - Parameter option: what names the file, for errors.
    static func bytes(_ path: String, named option: String = "--password-file") throws -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw WorkflowError.refused("\(option) \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw WorkflowError.refused("\(option) \(path) is no file")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw WorkflowError.refused(
                "\(option) \(path) can be read or written by everybody: chmod 600 \(path)"
            )
        }
        var bytes = Array(try file.read(upToCount: bytesMax + 2) ?? Data())
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw WorkflowError.refused("\(option) \(path) is empty: write one line into it")
        }
        guard bytes.count <= bytesMax, !bytes.contains(UInt8(ascii: "\n")) else {
            throw WorkflowError.refused("\(option) \(path): expected one line of at most \(bytesMax) bytes")
        }
        return bytes
    }
}

/// The file of `--pid-file`.
struct PidFile {
    private let path: String

    /// Writes this process's number, whole or not at all.
    ///
    /// - Throws: ``WorkflowError/refused(_:)`` where the file has the number of another process of this program that lives.
    init(_ path: String) throws {
        self.path = path
        if let other = Self.owner(path), other != getpid() {
            throw WorkflowError.refused(
                "--pid-file \(path) has the number of process \(other), which runs: end it, or give another file"
            )
        }
        do {
            try Data("\(getpid())\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw WorkflowError.refused("--pid-file \(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// Whose number a file has, where that process lives and is this program with the same command: the number of one that has
    /// ended may be anybody's by now, a thread's of this process, too.
    private static func owner(_ path: String) -> pid_t? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let number = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), number > 0,
            let name = try? String(contentsOfFile: "/proc/\(number)/comm", encoding: .utf8),
            name == (try? String(contentsOfFile: "/proc/self/comm", encoding: .utf8)),
            let status = try? String(contentsOfFile: "/proc/\(number)/status", encoding: .utf8),
            status.contains("\nTgid:\t\(number)\n"), command(of: "\(number)") == command(of: "self")
        else { return nil }
        return number
    }

    /// The word behind the program's name.
    private static func command(of process: String) -> String? {
        let words = try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)
        return words?.split(separator: "\0").dropFirst().first.map(String.init)
    }

    /// Unless another process has written its own meanwhile.
    func remove() {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), text == "\(getpid())\n" else { return }
        unlink(path)
    }
}

/// How many files and sockets this process may have open, and who of its clients gets them.
struct OpenFiles {
    /// Clients of RESP and of HTTP.
    private(set) var clients: Int
    private(set) var httpClients: Int
    /// What the log is told where these are fewer than was asked for.
    private(set) var warning: String?

    /// For everything but clients: connections to PostgreSQL, event loops, files, and clients that are being refused.
    static let ownMax = 192
    /// So many HTTP clients at least have a place, for probes.
    private static let httpClientsMin = 8

    /// Raises the limit as far as it may be, and shares out what there is.
    ///
    /// - Throws: ``WorkflowError/refused(_:)`` where that leaves no client a place.
    init(clients: Int, httpClients: Int) throws {
        let limit = Self.raise(to: clients + httpClients + Self.ownMax)
        try self.init(clients: clients, httpClients: httpClients, limit: limit)
    }

    /// - Parameter limit: of the process, open files of all kinds.
    init(clients: Int, httpClients: Int, limit: Int) throws {
        let rest = limit - Self.ownMax
        self.httpClients = httpClients == 0 ? 0 : min(httpClients, max(Self.httpClientsMin, rest / 8))
        self.clients = min(clients, rest - self.httpClients)
        guard self.clients > 0 else {
            throw WorkflowError.refused(
                "this process may have \(limit) files open (ulimit -n), which leaves no client a place; at least "
                    + "\(Self.ownMax + (httpClients == 0 ? 0 : Self.httpClientsMin) + 1) are needed, and one more for each client"
            )
        }
        guard self.clients < clients || self.httpClients < httpClients else { return }
        warning =
            "this process may have \(limit) files open (ulimit -n): \(self.clients) clients at a time instead of "
            + "--max-clients \(clients)"
            + (self.httpClients < httpClients ? ", and \(self.httpClients) of HTTP instead of \(httpClients)" : "")
            + "; for all of them it takes ulimit -n \(clients + httpClients + Self.ownMax), or LimitNOFILE= of its unit"
    }

    /// - Returns: the limit then.
    private static func raise(to count: Int) -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0 else { return count }
        if limit.rlim_cur < rlim_t(count) {
            var wanted = limit
            wanted.rlim_cur = min(rlim_t(count), limit.rlim_max)
            if setrlimit(files, &wanted) == 0 { limit = wanted }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
