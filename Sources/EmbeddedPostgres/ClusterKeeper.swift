import Glibc
import Synchronization

/// Starts a store's server again whenever it has ended, for a process that uses it for long.
///
/// A crash, an out-of-memory kill or a `pg_ctl stop` end the server under a process that holds its use lock, and no command may
/// come for hours that would start it. So a thread of its own looks at it as often as a supervisor does, also for a supervisor
/// that has been killed.
package final class ClusterKeeper: Sendable {
    package enum Event: Sendable {
        /// It had ended and runs again.
        case restarted(after: Duration)
        /// It cannot be started; tried again later. Told once as long as the reason stays the same.
        case failed(ClusterError)
    }

    private let running: RunningCluster
    private let supervision: EmbeddedCluster.Supervision
    private let report: @Sendable (Event) -> Void
    private let isStopping = Atomic(false)

    /// How long after a failed start the next one is tried; twice as long each time, up to the longest.
    private static let retrySecondsMin = 1.0
    private static let retrySecondsMax = 30.0

    /// - Parameter report: called on the thread.
    package init(
        _ running: RunningCluster,
        supervision: EmbeddedCluster.Supervision? = nil,
        report: @escaping @Sendable (Event) -> Void
    ) {
        self.running = running
        self.supervision = supervision ?? EmbeddedCluster.Supervision()
        self.report = report
    }

    package func start() { detachThread { [self] in work() } }

    /// From now on an end of the server is left alone; a start under way may still come to its own end.
    package func stop() { isStopping.store(true, ordering: .relaxed) }

    private func work() {
        var retrySeconds = Self.retrySecondsMin
        var reported: ClusterError?
        while !isStopping.load(ordering: .relaxed) {
            var pauseSeconds = EmbeddedCluster.pollSeconds
            let start = ContinuousClock.now
            do throws(ClusterError) {
                if try running.restartIfEnded(supervision) { report(.restarted(after: .now - start)) }
                retrySeconds = Self.retrySecondsMin
                reported = nil
            } catch {
                if error != reported { report(.failed(error)) }
                reported = error
                pauseSeconds = retrySeconds
                retrySeconds = min(retrySeconds * 2, Self.retrySecondsMax)
            }
            pause(pauseSeconds)
        }
    }

    private func pause(_ seconds: Double) {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end, !isStopping.load(ordering: .relaxed) { usleep(100_000) }
    }
}

extension RunningCluster {
    /// Starts the server again where it has ended, and a supervisor where it has none. A folder that is not the one that was
    /// opened (see ``absence``) is left alone.
    ///
    /// - Returns: whether it had ended.
    func restartIfEnded(_ supervision: EmbeddedCluster.Supervision) throws(ClusterError) -> Bool {
        guard absence == nil else { return false }
        do throws(ClusterError) { return try cluster.restartIfEnded(supervision) } catch {
            // It may have been moved in the middle of the look.
            guard absence == nil else { return false }
            throw error
        }
    }
}
