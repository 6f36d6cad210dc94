import Glibc

/// A file or standard output that bytes are appended to.
final class OutputFile {
    let name: String
    private(set) var descriptor: Int32
    let isStandardOutput: Bool
    private let isRegular: Bool

    /// Creates the file, or empties it where it exists.
    /// - Parameter path: `-` is standard output.
    init(path: String) throws(ColumnarError) {
        isStandardOutput = path == "-"
        name = isStandardOutput ? "standard output" : path
        descriptor =
            path == "-" ? fcntl(1, F_DUPFD_CLOEXEC, 3) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            switch errno {
            case EISDIR: throw .isDirectory(file: name)
            case EACCES, EPERM: throw .permissionDenied(file: name)
            default: throw .cannotWrite(file: name, reason: InputFile.systemReason(errno))
            }
        }
        var status = stat()
        isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func write(_ bytes: [UInt8]) throws(ColumnarError) {
        try InputFile.write(bytes, to: descriptor, name: name)
    }

    /// A second descriptor of the same file, for somebody who closes it.
    func duplicate() throws(ColumnarError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw .cannotWrite(file: name, reason: InputFile.systemReason(errno)) }
        return copy
    }

    /// Returns when a file's bytes are on disk; a write error that the system kept to itself comes out here.
    func finish() throws(ColumnarError) {
        if isRegular, fsync(descriptor) != 0 {
            throw .cannotWrite(file: name, reason: InputFile.systemReason(errno))
        }
        let open = descriptor
        descriptor = -1
        guard close(open) == 0 else { throw .cannotWrite(file: name, reason: InputFile.systemReason(errno)) }
    }
}
