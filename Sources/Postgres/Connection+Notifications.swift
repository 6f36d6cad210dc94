import CLibPQ
import Glibc

extension Connection {
    /// Waits until another session notifies a channel that this one listens to, and takes what has come.
    ///
    /// Notifications wake early, and no more: one may be lost on the way through a proxy.
    /// - Parameters:
    ///   - timeoutMs: after which to give up.
    ///   - other: a file descriptor that ends the wait when it becomes readable; -1 = none.
    /// - Returns: whether there was a notification.
    /// - Throws: ``PostgresError`` of kind `connectionLost`.
    package func waitForNotification(timeoutMs: Int32, orReadable other: Int32 = -1) throws(PostgresError) -> Bool {
        if takeNotifications() { return true }
        var descriptors = [
            pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        // A negative descriptor is passed over. An interrupted wait counts as one that has ended.
        guard poll(&descriptors, 2, timeoutMs) > 0, descriptors[0].revents != 0 else { return false }
        guard PQconsumeInput(handle) == 1, isAlive else { throw lostConnection() }
        return takeNotifications()
    }

    private func takeNotifications() -> Bool {
        var hasSome = false
        while let notification = PQnotifies(handle) {
            PQfreemem(notification)
            hasSome = true
        }
        return hasSome
    }

    /// By which another thread can make the server give up what this connection has it do.
    package func cancellation() -> Cancellation? { PQgetCancel(handle).map(Cancellation.init) }
}

/// Ends a connection's statement from another thread; stays usable when the connection has gone.
package final class Cancellation: @unchecked Sendable {
    // Sendable: libpq lets any thread use it, and nothing changes it.
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQfreeCancel(handle) }

    /// Asks the server; blocks for as long as a connection takes. What comes too late has no effect.
    package func cancel() {
        var reason = [CChar](repeating: 0, count: 256)
        PQcancel(handle, &reason, Int32(reason.count))
    }
}
