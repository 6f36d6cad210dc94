import Synchronization

/// What a server has done since the start: the sum of its event loops.
package final class ServerStatistics: Sendable {
    private let loops = Mutex<[LoopStatistics]>([])
    /// ms of the monotonic clock.
    package let startedAtMs: Int64

    package init(startedAtMs: Int64) { self.startedAtMs = startedAtMs }

    package func makeLoop() -> LoopStatistics {
        let loop = LoopStatistics()
        loops.withLock { $0.append(loop) }
        return loop
    }

    package func sum(_ counter: (LoopStatistics) -> Int64) -> Int64 {
        loops.withLock { $0 }.reduce(0) { $0 &+ counter($1) }
    }
}
