import Glibc
import NIOCore

/// The file of a listening Unix socket, which stays behind where its server ends without a word.
struct SocketFile: Sendable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Remembers the file that a server has just made there; `nil` = somebody took it away.
    init?(_ path: String) {
        guard let status = Self.status(path) else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    /// Makes the file in the place of one that a server left behind, and listens there. NIO's own listener would remove what is
    /// at the path at its end, whoever made it.
    ///
    /// Of several servers that find one abandoned file, one gets the place: they take turns by a lock of the folder, which
    /// leaves no file behind, and who has made the file answers there before the next one looks.
    /// - Returns: the socket, which listens.
    /// - Throws: `IOError` with EADDRINUSE where a server listens there; ``OtherFile`` where it is no socket.
    static func listen(_ path: String) throws -> CInt {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "."
        let turn = open(String(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Where the folder cannot be read or locked, or somebody holds it, it is as without turns.
        if turn >= 0 {
            let end = ContinuousClock.now + .seconds(2)
            while flock(turn, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK || errno == EINTR, .now < end {
                usleep(5_000)
            }
        }
        defer { if turn >= 0 { close(turn) } }
        try makeRoom(path)
        let descriptor = try bind(path)
        guard Glibc.listen(descriptor, backlog) == 0 else {
            let code = errno
            close(descriptor)
            unlink(path)
            throw IOError(errnoCode: code, reason: "listen")
        }
        return descriptor
    }

    /// Connections that wait to be taken.
    static let backlog: CInt = 1_024

    private static func makeRoom(_ path: String) throws {
        guard let status = Self.status(path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw OtherFile() }
        guard isAbandoned(path) else { throw IOError(errnoCode: EADDRINUSE, reason: "bind") }
        unlink(path)
    }

    private static func bind(_ path: String) throws -> CInt {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        guard withAddress(path, { Glibc.bind(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw IOError(errnoCode: code, reason: "bind")
        }
        return descriptor
    }

    /// Unless another server's stands there by now.
    func remove() {
        guard let status = Self.status(path), status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    /// What is in a socket's place and is not this program's to remove.
    struct OtherFile: Error {}

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// Whether nobody listens there. A full queue, or a lack of rights, is somebody.
    private static func isAbandoned(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withAddress(path) { connect(descriptor, $0, $1) } != 0 && errno == ECONNREFUSED
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // ``ListenAddress`` has seen to it that the path has room, and its end.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
