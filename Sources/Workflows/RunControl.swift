import Dispatch
import Foundation
package import Postgres
import Store

/// When a use case is to end before it is done: at a deadline, or once somebody cancels it.
///
/// Waits for PostgreSQL of sessions that were opened with it end within ``WaitLimits/sliceMs`` then; steps between them ask
/// ``check()``. Transactions that were committed stay. A control is of one run: once it has ended one it ends all.
package final class RunControl: Sendable {
    package let interruption = Interruption(leavesTimeToAsk: true)
    private let deadline: ContinuousClock.Instant?

    /// - Parameter deadline: `nil` = none.
    package init(deadline: ContinuousClock.Instant? = nil) { self.deadline = deadline }

    package func cancel() { interruption.interrupt() }

    /// Whether the run is to end; then its sessions' waits end, too.
    package var isOver: Bool {
        if let deadline, deadline <= .now { interruption.interrupt() }
        return interruption.isInterrupted
    }

    /// Whether an error says that nobody knows what became of a COMMIT: that is told also where the run is over.
    static func isUncertain(_ error: any Error) -> Bool {
        guard let error = ((error as? StoppedShort)?.cause ?? error) as? StoreError else { return false }
        if case .uncertainCommit = error { return true }
        return false
    }

    private var reason: WorkflowError {
        if let deadline, deadline <= .now { return .deadlinePassed }
        return .cancelled
    }

    /// - Throws: ``WorkflowError/cancelled`` or ``WorkflowError/deadlinePassed``.
    package func check() throws(WorkflowError) {
        if isOver { throw reason }
    }

    /// Runs `body`, whose errors count as the end that was asked for where one was; see to it that the deadline also ends
    /// what waits for PostgreSQL.
    /// - Throws: ``StoppedShort`` with a ``WorkflowError`` as its cause where the run was over and `body` told what is stored.
    package func run<Value>(_ body: () throws -> Value) throws -> Value {
        try check()
        let watch = deadline.map { Watch($0, interruption) }
        defer { watch?.end() }
        do {
            return try body()
        } catch {
            guard isOver, !Self.isUncertain(error) else { throw error }
            guard let stored = (error as? StoppedShort)?.stored else { throw reason }
            throw StoppedShort(cause: reason, what: reason.short, stored: stored)
        }
    }
}

/// A thread that interrupts at a time unless it is ended before.
private final class Watch: Sendable {
    private let ended = DispatchSemaphore(value: 0)

    init(_ time: ContinuousClock.Instant, _ interruption: Interruption) {
        let (seconds, attoseconds) = ContinuousClock.now.duration(to: time).components
        // A deadline of another age is none.
        let left = max(0, min(seconds, 1 << 32)) * 1_000_000_000 + max(0, attoseconds / 1_000_000_000)
        let thread = Thread { [ended] in
            if ended.wait(timeout: .now() + .nanoseconds(Int(left))) == .timedOut { interruption.interrupt() }
        }
        thread.start()
    }

    func end() { ended.signal() }
}
