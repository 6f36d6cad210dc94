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
        try refuseIfClosed()
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
}
