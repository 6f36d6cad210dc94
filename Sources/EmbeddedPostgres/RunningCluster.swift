import Glibc
import Synchronization

/// A running embedded server, kept running by this value.
///
/// Held for the life of a command; ends with ``close()``, its last reference, or the process, however that ends.
package final class RunningCluster: Sendable {
    package let cluster: EmbeddedCluster
    /// For libpq: the database `asof` over the cluster's socket, as the role `asof`, its superuser.
    package let conninfo: String
    /// The use lock's descriptor; -1 once closed.
    private let descriptor: Mutex<Int32>

    init(cluster: EmbeddedCluster, conninfo: String, use: consuming FileLock) {
        self.cluster = cluster
        self.conninfo = conninfo
        descriptor = Mutex(use.release())
    }

    deinit { close() }

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
