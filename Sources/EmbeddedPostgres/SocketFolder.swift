import Glibc

/// The folder of the server's socket, `/tmp/asof-UID-HASH`: mode 0700, the server's user's.
///
/// It is the wall around the cluster: the server trusts whoever connects (`trust`), and the kernel lets only the owner and root through
/// this folder and to the socket (itself 0700). Peer authentication would lock root out, or map users by a file that can be wrong;
/// permissions are checked by the kernel on each connect. In `/tmp` anybody can take a name first, so nothing found there is believed.
enum SocketFolder {
    /// Makes the folder for an account, or checks and empties the one that is there. The store's server must be stopped.
    static func prepare(_ path: String, for account: ServiceAccount) throws(ClusterError) {
        if mkdir(path, 0o700) == 0 {
            guard lchown(path, account.uid, account.gid) == 0, chmod(path, 0o700) == 0 else {
                throw .system(operation: "preparing", path: path, code: errno)
            }
        } else if errno != EEXIST {
            throw .system(operation: "making", path: path, code: errno)
        }
        try check(path, for: account)
        clear(path)
    }

    /// Removes what a killed server left in it, whose lock file could name a stranger's process. No server may be running.
    private static func clear(_ path: String) {
        for name in [ServerProcess.socketName, ServerProcess.socketName + ".lock"] { unlink(path + "/" + name) }
    }

    /// Removes the folder after the server has ended.
    static func remove(_ path: String) {
        guard path.hasPrefix("/tmp/asof-") else { return }
        clear(path)
        rmdir(path)
    }

    /// - Throws: ``ClusterError/socketFolderUnsafe(path:reason:)`` unless it is a real folder, the account's, and closed to others.
    static func check(_ path: String, for account: ServiceAccount) throws(ClusterError) {
        guard let identity = FileIdentity(path: path, followingLinks: false) else {
            throw .system(operation: "looking at", path: path, code: errno)
        }
        if !identity.isFolder { throw .socketFolderUnsafe(path: path, reason: "it is not a folder") }
        if identity.owner != account.uid {
            let owner = ServiceAccount(uid: identity.owner).name
            throw .socketFolderUnsafe(path: path, reason: "it belongs to \(owner), not to \(account.name)")
        }
        if identity.permissions & 0o077 != 0 {
            let mode = String(identity.permissions, radix: 8)
            throw .socketFolderUnsafe(path: path, reason: "its mode is \(mode), not 700")
        }
    }
}
