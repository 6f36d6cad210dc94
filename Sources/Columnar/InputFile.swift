import Glibc
import Synchronization

/// A file or a pipe that is read from front to back, once or, after ``rewind()``, again.
final class InputFile {
    /// As messages show it.
    let name: String
    private(set) var descriptor: Int32
    /// The file's size as it is stored; `nil` for pipes and terminals.
    private(set) var totalBytes: Int?
    /// Bytes read, of what the file holds decompressed.
    private(set) var bytesRead = 0
    /// Bytes read of the file as it is stored.
    private(set) var storedBytesRead = 0
    /// The file's own first bytes, which told how it is compressed, as long as nobody has taken them.
    private var magic: [UInt8] = []
    private(set) var compression: Compression?
    private var decompressor: Decompressor?

    /// - Parameters:
    ///   - path: `-` is standard input; an object's name is the copy that the process makes of it.
    ///   - shown: what messages call the file; by default its path.
    ///   - isPart: whether it is one of many files of a table, whose copies do not stay.
    /// - Throws: ``ColumnarError``: no such file, a directory, no permission; a name that ends in `.gz` or `.zst` where the
    ///   file is not compressed so.
    init(path: String, shown: String? = nil, isPart: Bool = false) throws(ColumnarError) {
        name = shown ?? Self.shownName(path)
        if ObjectName.isOne(path) {
            descriptor = try ObjectCopy.input(try ObjectName(path), stays: !isPart).open()
        } else {
            // A duplicate, so that closing ours leaves the process's standard input alone.
            descriptor = path == "-" ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC)
        }
        if path == "-" { StandardInput.descriptor.store(descriptor, ordering: .relaxed) }
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
        while magic.count < Compression.magicBytesMax {
            let more = try readStored(Compression.magicBytesMax - magic.count)
            if more.isEmpty { break }
            magic += more
        }
        compression = Compression(magic: magic[...])
        if let named = Compression(path: path), named != compression {
            throw .malformed(
                .init(file: name),
                reason: "it is no \(named.rawValue) data, though its name ends in \(named.fileExtension); rename it"
            )
        }
        if let compression { decompressor = try Decompressor(compression, name: name) }
    }

    deinit {
        guard descriptor >= 0 else { return }
        _ = StandardInput.descriptor.compareExchange(expected: descriptor, desired: -1, ordering: .relaxed)
        close(descriptor)
    }

    var isRewindable: Bool { totalBytes != nil }

    /// The first bytes of a file as it is stored; only where ``isRewindable``.
    func head(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { slots, written in
            // Safe: `slots` has room for `count` bytes.
            written = max(pread(descriptor, slots.baseAddress, count, 0), 0)
        }
    }

    /// Reads up to `count` bytes, decompressed, to the end of `buffer`.
    /// - Returns: how many; 0 only at the end of the file.
    func read(_ count: Int, appendingTo buffer: inout [UInt8]) throws(ColumnarError) -> Int {
        let bytes: [UInt8]
        if let decompressor { bytes = try decompressed(count, decompressor) } else { bytes = try stored(count) }
        buffer.append(contentsOf: bytes)
        bytesRead += bytes.count
        return bytes.count
    }

    private func decompressed(_ count: Int, _ decompressor: Decompressor) throws(ColumnarError) -> [UInt8] {
        while true {
            if decompressor.needsInput { decompressor.feed(try stored(Self.compressedChunkBytes)) }
            let bytes = try decompressor.read(count)
            if !bytes.isEmpty { return bytes }
            if decompressor.isAtEnd { return [] }
        }
    }

    private static let compressedChunkBytes = 64 << 10

    /// The next bytes of the file as it is stored; none at its end.
    private func stored(_ count: Int) throws(ColumnarError) -> [UInt8] {
        guard magic.isEmpty else {
            let bytes = Array(magic.prefix(count))
            magic.removeFirst(bytes.count)
            return bytes
        }
        return try readStored(count)
    }

    private func readStored(_ count: Int) throws(ColumnarError) -> [UInt8] {
        var got = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { slots, written in
            // Safe: `slots` has room for `count` bytes.
            repeat { got = Glibc.read(descriptor, slots.baseAddress, count) } while got < 0 && errno == EINTR
            written = max(got, 0)
        }
        guard got >= 0 else { throw .cannotRead(file: name, reason: Self.systemReason(errno)) }
        storedBytesRead += got
        return bytes
    }

    /// Goes back to the start; only where ``isRewindable``.
    func rewind() throws(ColumnarError) {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .cannotRead(file: name, reason: Self.systemReason(errno))
        }
        bytesRead = 0
        storedBytesRead = 0
        magic = []
        if let compression { decompressor = try Decompressor(compression, name: name) }
    }

    /// Copies what is left, decompressed, to a temporary file and goes on with that from its start.
    ///
    /// The temporary file has no name any more when this returns, so that it ends with the process.
    /// - Parameter head: bytes that were read already.
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
        compression = nil
        decompressor = nil
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
