import Glibc
import Synchronization

/// A running embedded server, kept running by this value.
///
/// Held for the life of a command; ends with ``close()``, its last reference, or the process, however that ends.
package final class RunningCluster: Sendable {
    package let cluster: EmbeddedCluster
    /// For libpq: the database `asof` over the cluster's socket, as the role `asof`, its superuser.
    package let conninfo: String
    /// The store's folder as it was opened.
    private let folder: FileIdentity?
    /// The use lock's descriptor; -1 once closed.
    private let descriptor: Mutex<Int32>

    init(cluster: EmbeddedCluster, conninfo: String, use: consuming FileLock) {
        self.cluster = cluster
        self.conninfo = conninfo
        folder = FileIdentity(path: cluster.location.folder)
        descriptor = Mutex(use.release())
    }

    deinit { close() }

    /// What happened to the store's folder while it was used; `nil` where it is in its place. One system call.
    ///
    /// A folder that was moved goes on being served until PostgreSQL stops; after that it is started where it lies now, which
    /// this process does not know.
    package var absence: String? {
        let path = cluster.location.folder
        if let folder, let now = FileIdentity(path: path), now.isSameFile(as: folder) { return nil }
        return
            "\(path) is not the folder that was opened any more: it was moved or deleted; end this process, and start it anew "
            + "where the store is"
    }

    /// Says that this process does not use the server any longer. Can be called again.
    package func close() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            futimens(descriptor, nil)
            Glibc.close(descriptor)
            descriptor = -1
        }
    }
}
