import Dispatch
import Synchronization

/// Threads that share out pieces of work.
package struct Workers: Sendable {
    /// At most so many pieces are at work at once.
    package let count: Int

    package init(_ count: Int) { self.count = max(1, count) }

    /// The threads shared out to two that work side by side.
    package var halves: (Workers, Workers) { (Workers(count - count / 2), Workers(count / 2)) }

    /// Runs two pieces of work, side by side where there are threads for it, and returns when both have ended.
    ///
    /// - Throws: what `first` throws; `second` may be left out then.
    package func both<Failure: Error>(
        _ first: () throws(Failure) -> Void,
        _ second: () -> Void
    ) throws(Failure) {
        // Safe: each closure is called once at most, by one thread, and both have ended when this returns.
        nonisolated(unsafe) let (first, second) = (first, second)
        try each(2) { piece throws(Failure) in
            if piece == 0 { try first() } else { second() }
        }
    }

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
