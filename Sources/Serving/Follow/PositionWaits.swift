import Foundation
import Glibc
import Synchronization

/// Those who wait until a position has been applied, or until a view has moved.
///
/// Who waits for a view is looked at only when that view has moved, so that a commit costs nothing for those who wait for
/// others. Deadlines are kept by a thread of their own, so that they hold while PostgreSQL is away.
final class PositionWaits: @unchecked Sendable {
    // Sendable: everything is guarded by `condition`.
    private struct Wait {
        let position: Int64
        /// `nil` = the position is enough, whatever it changed.
        let view: Int32?
        /// µs of the monotonic clock.
        let deadline: Int64
        let finish: @Sendable (Serving.Reached) -> Void
    }

    private let condition = NSCondition()
    private var waits: [Int64: Wait] = [:]
    /// Those of ``waits`` that have a view, by it.
    private var waitsOfViews: [Int32: Set<Int64>] = [:]
    /// The others that wait for a position that may come.
    private var waitsOfPositions: Set<Int64> = []
    /// For each view the last position that is known to have changed it.
    private var moves: [Int32: Int64] = [:]
    /// Up to here any view may have changed.
    private var movesUnknownTo: Int64 = 0
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

    /// - Parameter view: whose rows are waited for: a commit at the position or a later one that has some; `nil` = the
    ///   position alone.
    /// - Returns: by which the wait can be given up.
    func wait(
        for wanted: Int64,
        of view: Int32? = nil,
        timeoutMs: Int,
        _ finish: @escaping @Sendable (Serving.Reached) -> Void
    ) -> Int64 {
        condition.lock()
        let hasCome = view.map { wanted <= max(moves[$0] ?? 0, movesUnknownTo) } ?? (position >= wanted)
        if isStopped || hasCome {
            condition.unlock()
            finish(hasCome ? .reached : .stopped)
            return 0
        }
        let id = nextID
        nextID += 1
        // A wait of more than a month is one without an end.
        let deadline = MonotonicClock.now + Int64(min(max(timeoutMs, 0), 1 << 32)) * 1_000
        waits[id] = Wait(position: wanted, view: view, deadline: deadline, finish: finish)
        if let view {
            waitsOfViews[view, default: []].insert(id)
        } else if wanted < .max {
            waitsOfPositions.insert(id)
        }
        if deadline < wakesAt { condition.signal() }
        condition.unlock()
        return id
    }

    /// Ends a wait early; it is told ``Serving/Reached/stopped``.
    func cancel(_ id: Int64) {
        condition.lock()
        let wait = remove(id)
        condition.unlock()
        wait?.finish(.stopped)
    }

    private func remove(_ id: Int64) -> Wait? {
        guard let wait = waits.removeValue(forKey: id) else { return nil }
        if let view = wait.view {
            waitsOfViews[view]?.remove(id)
            if waitsOfViews[view]?.isEmpty == true { waitsOfViews[view] = nil }
        } else {
            waitsOfPositions.remove(id)
        }
        return wait
    }

    /// Which views a change has moved.
    enum Moved: Sendable {
        /// With the last position that did.
        case views([Int32: Int64])
        /// Any of them; after a change of timeline positions may be less than before.
        case any
    }

    /// Lets those go whose position has come, or whose view has moved.
    func advance(to position: Int64, _ moved: Moved) {
        condition.lock()
        self.position = position
        var done = waitsOfPositions.filter { waits[$0].map { $0.position <= position } ?? true }
        switch moved {
        case .views(let views):
            for (view, position) in views {
                moves[view] = max(position, moves[view] ?? 0)
                for id in waitsOfViews[view] ?? [] where waits[id].map({ $0.position <= position }) ?? true {
                    done.insert(id)
                }
            }
        case .any:
            moves = [:]
            movesUnknownTo = position
            for ids in waitsOfViews.values { done.formUnion(ids) }
        }
        let finished = done.compactMap { remove($0) }
        condition.unlock()
        for wait in finished { wait.finish(.reached) }
    }

    /// Lets everybody go.
    func stop() {
        condition.lock()
        isStopped = true
        let left = waits
        (waits, waitsOfViews, waitsOfPositions) = ([:], [:], [])
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
                for id in late.keys { _ = remove(id) }
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
