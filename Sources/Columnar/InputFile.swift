import Glibc

/// A file or a pipe that is read from front to back, once or, after ``rewind()``, again.
final class InputFile {
    /// As messages show it.
    let name: String
    private(set) var descriptor: Int32
    /// `nil` for pipes and terminals.
    private(set) var totalBytes: Int?
    private(set) var bytesRead = 0

    /// - Parameter path: `-` is standard input.
    /// - Throws: ``ColumnarError``: no such file, a directory, no permission.
    init(path: String) throws(ColumnarError) {
        name = Self.shownName(path)
        // A duplicate, so that closing ours leaves the process's standard input alone.
        descriptor = path == "-" ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR: throw .noSuchFile(file: name)
            case EACCES, EPERM: throw .permissionDenied(file: name)
            default: throw .cannotRead(file: name, reason: Self.systemReason(errno))
            }
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .cannotRead(file: name, reason: Self.systemReason(errno))
        }
        if status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory(file: name) }
        // What stands before the current position (a shell's redirection shares it) was read by somebody else.
        if status.st_mode & S_IFMT == S_IFREG, lseek(descriptor, 0, SEEK_CUR) == 0 { totalBytes = Int(status.st_size) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    var isRewindable: Bool { totalBytes != nil }

    /// Reads up to `count` bytes to the end of `buffer`.
    /// - Returns: how many; 0 only at the end of the file.
    func read(_ count: Int, appendingTo buffer: inout [UInt8]) throws(ColumnarError) -> Int {
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: count))
        while true {
            let got = buffer.withUnsafeMutableBytes { bytes in
                // Safe: `count` bytes from `start` on were just appended.
                Glibc.read(descriptor, bytes.baseAddress.map { $0 + start }, count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .cannotRead(file: name, reason: Self.systemReason(errno)) }
            buffer.removeLast(count - got)
            bytesRead += got
            return got
        }
    }

    /// Goes back to the start; only where ``isRewindable``.
    func rewind() throws(ColumnarError) {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .cannotRead(file: name, reason: Self.systemReason(errno))
        }
        bytesRead = 0
    }

    /// Copies what is left of a pipe to a temporary file and goes on with that from its start.
    ///
    /// The temporary file has no name any more when this returns, so that it ends with the process.
    /// - Parameter head: bytes that were read from the pipe already.
    func spool(head: [UInt8]) throws(ColumnarError) {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((directory + "/asof-input-XXXXXX").utf8CString)
        let copy = mkstemp(&template)
        guard copy >= 0, fcntl(copy, F_SETFD, FD_CLOEXEC) == 0 else {
            throw .cannotWrite(file: "a temporary file in \(directory)", reason: Self.systemReason(errno))
        }
        unlink(template)
        var chunk = head
        do throws(ColumnarError) {
            repeat {
                try Self.write(chunk, to: copy, name: "a temporary file in \(directory)")
                chunk.removeAll(keepingCapacity: true)
            } while try read(1 << 20, appendingTo: &chunk) > 0
        } catch {
            close(copy)
            throw error
        }
        close(descriptor)
        descriptor = copy
        totalBytes = bytesRead
        try rewind()
    }

    /// Gives the descriptor away; nothing can be read afterwards.
    func releaseDescriptor() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }

    /// Writes all of `bytes`.
    static func write(_ bytes: [UInt8], to descriptor: Int32, name: String) throws(ColumnarError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                // Safe: `written` is below the count of `raw`.
                Glibc.write(descriptor, raw.baseAddress.map { $0 + written }, raw.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .cannotWrite(file: name, reason: systemReason(errno)) }
            written += count
        }
    }

    static func systemReason(_ code: Int32) -> String { String(cString: strerror(code)) }

    static func shownName(_ path: String) -> String { path == "-" ? "standard input" : path }
}
