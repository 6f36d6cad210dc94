package import Synchronization

/// What one event loop has done since the start; written on the loop, read anywhere.
package final class LoopStatistics: Sendable {
    package struct Counter: ~Copyable, Sendable {
        private let value = Atomic<Int64>(0)

        init() {}

        /// On the loop only, so that no atomic addition is needed.
        package func add(_ count: Int64 = 1) {
            value.store(value.load(ordering: .relaxed) &+ count, ordering: .relaxed)
        }

        package var total: Int64 { value.load(ordering: .relaxed) }
    }

    package let commands = Counter()
    package let connections = Counter()
    package let refusedConnections = Counter()
    package let protocolErrors = Counter()
    /// Ended for what their clients had left unread.
    package let evictedConnections = Counter()
    package let bytesIn = Counter()
    package let bytesOut = Counter()
    /// Commands in the second before the last look.
    package let commandsPerSecond = Atomic<Int64>(0)

    package init() {}
}

/// What a server has done since the start: the sum of its event loops.
package final class ServerStatistics: Sendable {
    private let loops = Mutex<[LoopStatistics]>([])
    package let startedAtMs = Clock.nowMs()

    package init() {}

    package func makeLoop() -> LoopStatistics {
        let loop = LoopStatistics()
        loops.withLock { $0.append(loop) }
        return loop
    }

    package func sum(_ counter: (LoopStatistics) -> Int64) -> Int64 {
        loops.withLock { $0 }.reduce(0) { $0 &+ counter($1) }
    }
}
