package import Drift
import Glibc
import Synchronization
package import Training

/// Counts of a version's traffic, in parts, so that event loops do not wait for one another.
package final class TrafficTally: Sendable {
    package let counter: TrafficCounter
    private let parts: [Part]

    /// More rows are counted before the lock is taken: an event loop may wait for it.
    private static let lockedRowsMax = 64

    private final class Part: Sendable {
        let sums = Mutex<(rows: Int, counts: [Int])>((0, []))
    }

    init(_ counter: TrafficCounter) {
        self.counter = counter
        parts = (0..<8).map { _ in Part() }
    }

    /// - Parameter values: the answers, as ``TrafficCounter/add(_:_:to:)`` takes them.
    package func add(_ matrix: DesignMatrix, _ values: [Float?]) {
        // Threads' addresses differ by their stacks.
        let thread = Int(truncatingIfNeeded: UInt64(pthread_self()) >> 12)
        let part = parts[(thread ^ thread >> 8) & 7]
        guard matrix.rowCount <= Self.lockedRowsMax else {
            var own = [Int](repeating: 0, count: counter.reference.countsLength)
            counter.add(matrix, values, to: &own)
            return part.sums.withLock { sums in
                sums.counts = sums.counts.isEmpty ? own : zip(sums.counts, own).map { $0 + $1 }
                sums.rows += matrix.rowCount
            }
        }
        part.sums.withLock { sums in
            if sums.counts.isEmpty { sums.counts = [Int](repeating: 0, count: counter.reference.countsLength) }
            counter.add(matrix, values, to: &sums.counts)
            sums.rows += matrix.rowCount
        }
    }

    /// What was counted since the last time; `nil` = nothing.
    package func take() -> (rows: Int, counts: [Int])? {
        var taken: (rows: Int, counts: [Int])?
        for part in parts {
            let sums = part.sums.withLock { sums in
                defer { sums = (0, []) }
                return sums
            }
            guard sums.rows > 0 else { continue }
            guard let before = taken else {
                taken = sums
                continue
            }
            taken = (before.rows + sums.rows, zip(before.counts, sums.counts).map { $0 + $1 })
        }
        return taken
    }
}
