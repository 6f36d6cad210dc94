import Foundation
import Glibc
import Synchronization

/// Those who wait until a position has been applied.
///
/// Deadlines are kept by a thread of their own, so that they hold while PostgreSQL is away.
final class PositionWaits: @unchecked Sendable {
    // Sendable: everything is guarded by `condition`.
    private struct Wait {
        let position: Int64
        /// µs of the monotonic clock.
        let deadline: Int64
        let finish: @Sendable (Serving.Reached) -> Void
    }

    private let condition = NSCondition()
    private var waits: [Int64: Wait] = [:]
    private var nextID: Int64 = 1
    private var position: Int64 = 0
    private var isStopped = false
    /// When the thread wakes by itself, µs.
    private var wakesAt = Int64.max

    /// Starts the thread of deadlines; ``stop()`` ends it.
    func start() {
        let thread = Thread { [self] in keepDeadlines() }
        thread.name = "asof-waits"
        thread.start()
    }

    /// - Returns: by which the wait can be given up.
    func wait(
        for wanted: Int64,
        timeoutMs: Int,
        _ finish: @escaping @Sendable (Serving.Reached) -> Void
    ) -> Int64 {
        condition.lock()
        if isStopped || position >= wanted {
            let outcome: Serving.Reached = position >= wanted ? .reached : .stopped
            condition.unlock()
            finish(outcome)
            return 0
        }
        let id = nextID
        nextID += 1
        // A wait of more than a month is one without an end.
        let deadline = MonotonicClock.now + Int64(min(max(timeoutMs, 0), 1 << 32)) * 1_000
        waits[id] = Wait(position: wanted, deadline: deadline, finish: finish)
        if deadline < wakesAt { condition.signal() }
        condition.unlock()
        return id
    }

    /// Ends a wait early; it is told ``Serving/Reached/stopped``.
    func cancel(_ id: Int64) {
        condition.lock()
        let wait = waits.removeValue(forKey: id)
        condition.unlock()
        wait?.finish(.stopped)
    }

    /// Lets those go whose position has come. After a change of timeline `position` may be less than before.
    func advance(to position: Int64) {
        condition.lock()
        self.position = position
        let done = waits.filter { $0.value.position <= position }
        for id in done.keys { waits[id] = nil }
        condition.unlock()
        for wait in done.values { wait.finish(.reached) }
    }

    /// Lets everybody go.
    func stop() {
        condition.lock()
        isStopped = true
        let left = waits
        waits = [:]
        condition.signal()
        condition.unlock()
        for wait in left.values { wait.finish(.stopped) }
    }

    private func keepDeadlines() {
        condition.lock()
        while !isStopped {
            let now = MonotonicClock.now
            let late = waits.filter { $0.value.deadline <= now }
            if !late.isEmpty {
                for id in late.keys { waits[id] = nil }
                condition.unlock()
                for wait in late.values { wait.finish(.timedOut) }
                condition.lock()
                continue
            }
            wakesAt = waits.values.reduce(.max) { min($0, $1.deadline) }
            guard wakesAt < .max else {
                condition.wait()
                continue
            }
            _ = condition.wait(until: Date(timeIntervalSinceNow: Double(wakesAt - now) / 1_000_000))
        }
        condition.unlock()
    }
}

/// µs that never go back.
enum MonotonicClock {
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
    }
}
