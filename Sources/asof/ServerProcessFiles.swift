import Commands
import Foundation
import Glibc
import Workflows

/// The file of `--password-file`.
enum PasswordFile {
    private static let bytesMax = 4_096

    static func read(_ path: String) throws -> Password { Password(try bytes(path)) }

    /// The file's content without the line end at its end.
    static func bytes(_ path: String) throws -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw WorkflowError.refused("--password-file \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw WorkflowError.refused("--password-file \(path) is no file")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw WorkflowError.refused(
                "--password-file \(path) can be read or written by everybody: chmod 600 \(path)"
            )
        }
        var bytes = Array(try file.read(upToCount: bytesMax + 2) ?? Data())
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw WorkflowError.refused("--password-file \(path) is empty: write the password into it, on one line")
        }
        guard bytes.count <= bytesMax, !bytes.contains(UInt8(ascii: "\n")) else {
            throw WorkflowError.refused("--password-file \(path): expected one line of at most \(bytesMax) bytes")
        }
        return bytes
    }
}

/// The file of `--pid-file`.
struct PidFile {
    private let path: String

    /// Writes this process's number, whole or not at all.
    init(_ path: String) throws {
        self.path = path
        do {
            try Data("\(getpid())\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw WorkflowError.refused("--pid-file \(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// Unless another process has written its own meanwhile.
    func remove() {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), text == "\(getpid())\n" else { return }
        unlink(path)
    }
}

/// How many files and sockets this process may have open.
enum OpenFiles {
    /// Raises the limit as far as it may be.
    static func allow(_ count: Int) {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0, limit.rlim_cur < rlim_t(count) else { return }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        setrlimit(files, &limit)
    }
}
