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
    /// When the loop last looked at its timers, ms of the monotonic clock; 0 = not yet.
    package let turnedAtMs = Atomic<Int64>(0)
    /// By the commands' places in their table.
    package let byCommand: CommandStatistics

    package init(commandCount: Int = 0) { byCommand = CommandStatistics(count: commandCount) }
}
