import EmbeddedPostgres
import Glibc
import Synchronization

/// The folders of one test process, `asof-tests-PID` in ``parent`` and in ``roomyParent``, in which its clusters lie.
///
/// The process holds a lock in each, so that the next run can tell a folder in use from one that a killed run left.
package final class TestRun: Sendable {
    /// Where tests keep files: in memory where there is plenty, since tests flush small files all the time, else `/tmp`.
    package static let parent = hasRoom("/dev/shm", bytes: 4 << 30) ? "/dev/shm" : "/tmp"

    /// Where much is kept that is seldom flushed: not in memory, of which a machine may have less than all tests write.
    private static let roomyParent = hasRoom("/tmp", bytes: 30 << 30) ? "/tmp" : parent

    private static func hasRoom(_ path: String, bytes: UInt64) -> Bool {
        var status = statvfs()
        return statvfs(path, &status) == 0 && UInt64(status.f_bavail) * UInt64(status.f_frsize) > bytes
            && access(path, W_OK | X_OK) == 0
    }

    private static let prefix = "asof-tests-"

    static let current: Result<TestRun, ClusterError> = {
        do throws(ClusterError) { return .success(try TestRun()) } catch { return .failure(error) }
    }()

    private let folder: String
    private let roomyFolder: String
    private let account: ServiceAccount
    private let lock: FileLock
    private let roomyLock: FileLock?
    private let count = Atomic<Int>(0)

    private init() throws(ClusterError) {
        account = try ServiceAccount.forNewCluster()
        // Servers that lie in memory end before what they have elsewhere goes.
        for parent in [Self.parent, Self.roomyParent] { Self.removeAbandoned(account, in: parent) }
        (folder, roomyFolder) = (Self.folder(in: Self.parent), Self.folder(in: Self.roomyParent))
        lock = try Self.makeLocked(folder, account)
        roomyLock = roomyFolder == folder ? nil : try Self.makeLocked(roomyFolder, account)
        atexit {
            guard let run = try? TestRun.current.get() else { return }
            for folder in [run.folder, run.roomyFolder] { TestRun.remove(folder) }
        }
    }

    private static func folder(in parent: String) -> String { "\(parent)/\(prefix)\(getpid())" }

    /// A new folder for a cluster, owned by the account its server runs as.
    func makeFolder() throws(ClusterError) -> String { try makeFolder(in: folder) }

    /// The same for what takes much room.
    func makeRoomyFolder() throws(ClusterError) -> String { try makeFolder(in: roomyFolder) }

    private func makeFolder(in folder: String) throws(ClusterError) -> String {
        let path = folder + "/\(count.add(1, ordering: .relaxed).newValue)"
        try Self.make(path, account)
        return path
    }

    private static func makeLocked(_ path: String, _ account: ServiceAccount) throws(ClusterError) -> FileLock {
        try make(path, account)
        let lock = try FileLock(path: path + "/run.lock", account: account)
        _ = lock.tryLock(.exclusive)
        return lock
    }

    private static func make(_ path: String, _ account: ServiceAccount) throws(ClusterError) {
        guard mkdir(path, 0o700) == 0, lchown(path, account.uid, account.gid) == 0 else {
            throw .system(operation: "making", path: path, code: errno)
        }
    }

    /// Ends the servers of killed runs and removes their folders.
    private static func removeAbandoned(_ account: ServiceAccount, in parent: String) {
        for name in entries(parent) where name.hasPrefix(prefix) {
            let path = parent + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0, status.st_uid == account.uid,
                let lock = try? FileLock(path: path + "/run.lock", account: account), lock.tryLock(.exclusive)
            else { continue }
            remove(path)
        }
    }

    private static func remove(_ folder: String) {
        for name in entries(folder) {
            switch ServerState(ofDataIn: folder + "/\(name)/pg") {
            case .stopped: continue
            // Nothing in it is needed any more: no time for a checkpoint.
            case .starting(let server), .ready(let server), .stopping(let server): _ = server.stop(seconds: 0)
            }
        }
        _ = try? Subprocess.run(["/bin/rm", "-rf", "--", folder], seconds: 60)
    }

    static func entries(_ path: String) -> [String] {
        (try? Subprocess.run(["/bin/ls", "-A", path], seconds: 10).output.split(separator: "\n").map(String.init)) ?? []
    }
}
