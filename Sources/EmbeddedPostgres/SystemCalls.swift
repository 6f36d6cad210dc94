import Glibc

/// The C library's text for an error number.
func systemMessage(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "unknown error" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// What `stat` says about a path, as far as this module asks; `nil` when there is nothing or it cannot be reached.
///
/// Device and inode name the file itself, whatever its path is today.
struct FileIdentity: Equatable {
    let device: UInt
    let inode: UInt
    let owner: UInt32
    let mode: UInt32

    var isFolder: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    var isRegularFile: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    var permissions: UInt32 { mode & 0o7777 }

    init?(path: String, followingLinks: Bool = true) {
        var status = stat()
        guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        self.init(status)
    }

    init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        owner = status.st_uid
        mode = status.st_mode
    }

    func isSameFile(as other: FileIdentity) -> Bool { device == other.device && inode == other.inode }
}

/// Reads a small file whole; at most `limit` bytes, from its end when `fromEnd`.
///
/// - Returns: the text, invalid UTF-8 replaced; `nil` with `errno` set when it cannot be opened.
func readText(_ path: String, limit: Int = 65_536, fromEnd: Bool = false) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    if fromEnd {
        let size = lseek(descriptor, 0, SEEK_END)
        lseek(descriptor, max(0, size - limit), SEEK_SET)
    }
    var bytes = [UInt8](repeating: 0, count: limit)
    var count = 0
    while count < limit {
        let got = bytes.withUnsafeMutableBytes { buffer -> Int in
            // Safe: count < limit = the buffer's size, and at most the rest of it is written.
            guard let base = buffer.baseAddress else { return 0 }
            return read(descriptor, base + count, limit - count)
        }
        if got < 0 && errno == EINTR { continue }
        if got <= 0 { break }
        count += got
    }
    return String(decoding: bytes[0..<count], as: UTF8.self)
}

/// Writes a new file of mode 0600 and flushes it to the disk.
func writeNewFile(_ path: String, _ text: String, mode: UInt32 = 0o600) throws(ClusterError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .system(operation: "creating", path: path, code: errno) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes { buffer -> Int in
            // Safe: written < the buffer's size, and only the rest of it is read.
            guard let base = buffer.baseAddress else { return -1 }
            return write(descriptor, base + written, bytes.count - written)
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw .system(operation: "writing", path: path, code: errno) }
        written += count
    }
    guard fsync(descriptor) == 0 else { throw .system(operation: "flushing", path: path, code: errno) }
}

/// The absolute path without symbolic links.
func resolvedPath(_ path: String) throws(ClusterError) -> String {
    guard let resolved = realpath(path, nil) else {
        throw .system(operation: "resolving", path: path, code: errno)
    }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// Flushes a folder's entries, so that a rename in it survives a power cut.
func syncFolder(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
}

/// Names in a folder, without `.` and `..`; empty when it cannot be read.
func folderEntries(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

/// Sixteen hexadecimal digits that name a text: FNV-1a, stable for ever. Not a defence against anybody.
package func shortHash(_ text: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hexadecimal(hash)
}

func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// Runs something on a thread of its own, to which the process's signals do not go.
func detachThread(_ body: @escaping @Sendable () -> Void) {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 256 << 10)
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let work = Unmanaged.passRetained(Work(body)).toOpaque()
    var thread = pthread_t()
    let code = pthread_create(
        &thread,
        &attributes,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        },
        work
    )
    if code != 0 { Unmanaged<Work>.fromOpaque(work).release() }
}

/// A bound on a wait, on the monotonic clock, with a sleep that grows from 1 ms to 20 ms.
struct Deadline {
    private let end: ContinuousClock.Instant
    private var pause_us: UInt32 = 1_000

    init(seconds: Double) { end = .now + .seconds(seconds) }

    var isPast: Bool { ContinuousClock.now >= end }

    /// Sleeps a little. False, without a sleep, when the time is over.
    mutating func pause() -> Bool {
        if isPast { return false }
        usleep(pause_us)
        pause_us = min(pause_us * 2, 20_000)
        return true
    }
}
