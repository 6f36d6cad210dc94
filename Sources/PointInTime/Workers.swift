import Dispatch
import Synchronization

/// Threads that share out pieces of work.
package struct Workers: Sendable {
    /// At most so many pieces are at work at once.
    package let count: Int

    package init(_ count: Int) { self.count = max(1, count) }

    /// Calls `body` once for each number below `pieces`, in any order, and returns when all have ended.
    ///
    /// - Throws: the first error; pieces that had not begun are left out then.
    package func each<Failure: Error>(
        _ pieces: Int,
        _ body: @Sendable (Int) throws(Failure) -> Void
    ) throws(Failure) {
        if count == 1 || pieces <= 1 {
            for piece in 0..<pieces { try body(piece) }
            return
        }
        let next = Atomic(0)
        let failure = Mutex<Failure?>(nil)
        DispatchQueue.concurrentPerform(iterations: min(count, pieces)) { _ in
            while true {
                let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard piece < pieces else { return }
                do throws(Failure) { try body(piece) } catch {
                    failure.withLock { $0 = $0 ?? error }
                    next.store(pieces, ordering: .relaxed)
                    return
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
