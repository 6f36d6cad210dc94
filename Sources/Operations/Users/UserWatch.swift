package import Access
import Foundation
import Postgres
import Store
import Synchronization

/// Looks at the store's users some times a second, on a thread and a connection of its own: whoever loads much, or waits for
/// a lock, does not keep a removed user in.
///
/// Where PostgreSQL is away the users stay as they were, since nobody can have changed them.
package final class UserWatch: @unchecked Sendable {
    // Sendable: everything but the stop is the thread's alone.
    private let conninfo: String
    private let interruption = Interruption()
    private let wakeUp = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)
    private let isStopping = Atomic(false)
    private let take: @Sendable ([Account]) -> Void
    private let log: @Sendable (String) -> Void

    /// - Parameters:
    ///   - take: gets all users, at the start and after each change; on the watch's thread.
    ///   - log: gets why the users cannot be looked at, once.
    package init(
        _ conninfo: String,
        log: @escaping @Sendable (String) -> Void,
        take: @escaping @Sendable ([Account]) -> Void
    ) {
        self.conninfo = conninfo
        self.log = log
        self.take = take
    }

    package func start() {
        let thread = Thread { [self] in
            work()
            done.signal()
        }
        thread.name = "asof-users"
        thread.start()
    }

    /// Ends the thread, for which it waits a moment.
    package func stop() {
        isStopping.store(true, ordering: .relaxed)
        wakeUp.signal()
        interruption.interrupt()
        _ = done.wait(timeout: .now() + .seconds(1))
    }

    private var isStopped: Bool { isStopping.load(ordering: .relaxed) }

    private func work() {
        var isLogged = false
        while !isStopped {
            do throws(StoreError) {
                let session = try Session(conninfo: conninfo, connectTimeoutSeconds: 2, interruption: interruption)
                let registry = UserRegistry(session)
                // Nothing is known of what another connection saw: it may have been another store.
                var known: Int64?
                while !isStopped {
                    let version = try registry.version()
                    if version != known { take(try registry.accounts()) }
                    known = version
                    isLogged = false
                    _ = wakeUp.wait(timeout: .now() + .milliseconds(OperationsLimits.userWatchMs))
                }
            } catch {
                if isStopped { return }
                if !isLogged { log("users cannot be looked at, and stay as they were: \(error)") }
                isLogged = true
                _ = wakeUp.wait(timeout: .now() + .milliseconds(OperationsLimits.userWatchMs))
            }
        }
    }
}
