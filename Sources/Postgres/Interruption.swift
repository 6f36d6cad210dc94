import Synchronization

/// Ends waits for PostgreSQL from another thread: those under way within ``WaitLimits/sliceMs``, later ones at once.
///
/// Connections that were made with it are of no use afterwards.
package final class Interruption: Sendable {
    private let flag = Atomic(false)

    /// Whether whoever interrupts waits some seconds more for what became of a COMMIT under way.
    package let leavesTimeToAsk: Bool

    package init(leavesTimeToAsk: Bool = false) { self.leavesTimeToAsk = leavesTimeToAsk }

    package var isInterrupted: Bool { flag.load(ordering: .relaxed) }

    package func interrupt() { flag.store(true, ordering: .relaxed) }
}
