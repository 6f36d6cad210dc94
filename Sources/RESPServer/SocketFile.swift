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

    /// Removes a socket at `path` that no server answers at.
    ///
    /// - Throws: `IOError` with EADDRINUSE where a server listens there; ``OtherFile`` where it is no socket.
    static func makeRoom(_ path: String) throws {
        guard let status = Self.status(path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw OtherFile() }
        guard isAbandoned(path) else { throw IOError(errnoCode: EADDRINUSE, reason: "bind") }
        unlink(path)
    }

    /// Makes the file. NIO's own listener would remove what is at the path at its end, whoever made it.
    /// - Returns: the socket, which does not listen yet.
    static func bind(_ path: String) throws -> CInt {
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
