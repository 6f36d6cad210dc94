import Synchronization

/// Ends waits for PostgreSQL from another thread: those under way within ``WaitLimits/sliceMs``, later ones at once.
///
/// Connections that were made with it are of no use afterwards.
package final class Interruption: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isInterrupted: Bool { flag.load(ordering: .relaxed) }

    package func interrupt() { flag.store(true, ordering: .relaxed) }
}
