import Glibc

/// A `flock` on a file of the store, held until ``close()`` or the end of the process.
///
/// The lock belongs to the open file description: it survives a handover to a child (see ``descriptor``), and the kernel
/// frees it however the last holder ends. Lock files are never deleted, so that everybody locks the same file.
package struct FileLock: ~Copyable {
    package enum Kind {
        case shared
        case exclusive

        fileprivate var operation: Int32 {
            switch self {
            case .shared: LOCK_SH
            case .exclusive: LOCK_EX
            }
        }
    }

    /// To hand the lock to a child. It stays ours to close.
    let descriptor: Int32

    /// Opens the lock file, without a lock yet; makes it, for the store's owner, where it is missing.
    ///
    /// The folder may belong to another user than root runs as, so links are not followed.
    package init(path: String, account: ServiceAccount) throws(ClusterError) {
        let file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system(operation: "opening", path: path, code: errno) }
        guard let identity = FileIdentity(descriptor: file), identity.isRegularFile else {
            Glibc.close(file)
            throw .system(operation: "locking", path: path, code: EINVAL)
        }
        if identity.owner != account.uid { fchown(file, account.uid, account.gid) }
        descriptor = file
    }

    /// Takes over a descriptor that a parent process left open.
    init(inherited descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    /// Gives the descriptor, and the lock with it, to the caller, who has to close it.
    consuming func release() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    /// Takes the lock, or changes its kind, without waiting.
    package func tryLock(_ kind: Kind) -> Bool { flock(descriptor, kind.operation | LOCK_NB) == 0 }

    /// Takes the lock, waiting at most so long. False when it did not come.
    func lock(_ kind: Kind, seconds: Double) -> Bool {
        var deadline = Deadline(seconds: seconds)
        repeat { if tryLock(kind) { return true } } while deadline.pause()
        return false
    }

    func unlock() { flock(descriptor, LOCK_UN) }

    /// Sets the file's modification time to now: a trace of use for whoever looks later.
    func touch() { futimens(descriptor, nil) }

    /// The modification time in ns, only to be compared with itself.
    var touched_ns: Int {
        var status = stat()
        fstat(descriptor, &status)
        return status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
    }
}
