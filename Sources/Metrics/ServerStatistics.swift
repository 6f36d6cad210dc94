import Synchronization

/// What a server has done since the start: the sum of its event loops.
package final class ServerStatistics: Sendable {
    private let loops = Mutex<[LoopStatistics]>([])
    /// ms of the monotonic clock.
    package let startedAtMs: Int64
    private let commandCount: Int

    /// - Parameter commandCount: how many places the table of commands has.
    package init(startedAtMs: Int64, commandCount: Int) {
        self.startedAtMs = startedAtMs
        self.commandCount = commandCount
    }

    package func makeLoop() -> LoopStatistics {
        let loop = LoopStatistics(commandCount: commandCount)
        loops.withLock { $0.append(loop) }
        return loop
    }

    package func sum(_ counter: (LoopStatistics) -> Int64) -> Int64 {
        loops.withLock { $0 }.reduce(0) { $0 &+ counter($1) }
    }

    /// Of each command, by its place.
    package func commands() -> [CommandStatistics.Totals] {
        var totals = [CommandStatistics.Totals](repeating: CommandStatistics.Totals(), count: commandCount)
        for loop in loops.withLock({ $0 }) { loop.byCommand.add(to: &totals) }
        return totals
    }

    /// When the loop that has stood still longest last turned, ms of the monotonic clock; `nil` = none has begun.
    package var oldestTurnMs: Int64? {
        loops.withLock { $0 }.map { $0.turnedAtMs.load(ordering: .relaxed) }.filter { $0 > 0 }.min()
    }
}
