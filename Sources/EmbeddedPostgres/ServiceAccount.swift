import Glibc

/// The operating system user a cluster's server runs as: the owner of its data.
///
/// PostgreSQL refuses to run as root, so what root makes belongs to `postgres`; what a plain user makes is that user's. Root can run
/// anybody's cluster, as its owner; others only their own.
package struct ServiceAccount: Equatable {
    /// The account Debian's package makes.
    static let defaultName = "postgres"

    package let uid: UInt32
    package let gid: UInt32
    package let name: String

    package static var isRoot: Bool { geteuid() == 0 }

    /// Who a cluster made by this process belongs to.
    package static func forNewCluster() throws(ClusterError) -> ServiceAccount {
        guard isRoot else { return ServiceAccount(uid: geteuid()) }
        var buffer = [CChar](repeating: 0, count: 4_096)
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        guard getpwnam_r(defaultName, &entry, &buffer, buffer.count, &found) == 0, found != nil, entry.pw_uid != 0
        else {
            throw .accountMissing(name: defaultName)
        }
        return ServiceAccount(uid: entry.pw_uid, gid: entry.pw_gid, name: defaultName)
    }

    /// The owner of a file or folder, if this process may act as that user.
    static func owning(_ path: String) throws(ClusterError) -> ServiceAccount {
        guard let identity = FileIdentity(path: path) else {
            throw .system(operation: "looking at", path: path, code: errno)
        }
        // Whatever root makes belongs to another user from the start.
        guard !isRoot || identity.owner != 0 else { throw .ownedByRoot(path: path, account: defaultName) }
        let account = ServiceAccount(uid: identity.owner)
        guard geteuid() == identity.owner || isRoot else {
            throw .otherOwner(path: path, owner: account.name, user: ServiceAccount(uid: geteuid()).name)
        }
        return account
    }

    private init(uid: UInt32, gid: UInt32, name: String) {
        self.uid = uid
        self.gid = gid
        self.name = name
    }

    /// An account by its number; one without a name keeps the number as its name.
    init(uid: UInt32) {
        self.uid = uid
        var buffer = [CChar](repeating: 0, count: 4_096)
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        if getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil, let text = entry.pw_name {
            gid = entry.pw_gid
            name = String(cString: text)
        } else {
            gid = uid == geteuid() ? getegid() : uid
            name = "user \(uid)"
        }
    }

    /// The arguments that run a program as this user: none when we are that user, else `setpriv` (part of util-linux).
    package func running(_ arguments: [String]) throws(ClusterError) -> [String] {
        if geteuid() == uid { return arguments }
        for path in ["/usr/bin/setpriv", "/bin/setpriv"] where access(path, X_OK) == 0 {
            return [path, "--reuid=\(uid)", "--regid=\(gid)", "--clear-groups", "--"] + arguments
        }
        throw .commandFailed(
            command: "setpriv",
            status: "not found in /usr/bin; install util-linux, or run asof as \(name)",
            output: ""
        )
    }

    /// Makes this process that user for good. For the supervisor, which root starts and which needs nothing of root.
    func become() throws(ClusterError) {
        guard geteuid() != uid else { return }
        var group = gid
        guard setgroups(1, &group) == 0, setgid(gid) == 0, setuid(uid) == 0, geteuid() == uid else {
            throw .system(operation: "becoming", path: name, code: errno)
        }
    }
}
