import Synchronization

/// How often each command ran on one event loop, how long it took and how it ended; written on the loop, read anywhere.
///
/// `@unchecked Sendable`: the memory is made once, and every cell of it is atomic.
package final class CommandStatistics: @unchecked Sendable {
    /// How a command ended.
    package enum End: Int, Sendable {
        case done
        /// Its reply is an error.
        case failed
        /// It was not run: the server is loading, or its arguments are too many or too few.
        case refused
    }

    /// Upper ends, inclusive, of the bins of durations, µs; what takes longer is in one more.
    package static let boundsUs: [Int64] = [
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 250_000, 1_000_000,
    ]

    /// What one command, or its namesakes on several loops, came to.
    package struct Totals: Sendable, Hashable {
        /// Done, failed, refused: see ``End``.
        package var ends = [Int64](repeating: 0, count: 3)
        /// Of those that ran, by ``boundsUs``; the last is what took longer.
        package var bins = [Int64](repeating: 0, count: boundsUs.count + 1)
        package var ns: Int64 = 0

        package init() {}

        /// Done or failed.
        package var calls: Int64 { ends[End.done.rawValue] + ends[End.failed.rawValue] }
        package var failed: Int64 { ends[End.failed.rawValue] }
        package var refused: Int64 { ends[End.refused.rawValue] }

        /// The end of the bin in which a share of the calls lies, µs; the largest of ``boundsUs`` where it took longer.
        package func quantileUs(_ share: Double) -> Int64 {
            var left = Int64((Double(calls) * share).rounded(.up))
            for (bin, bound) in boundsUs.enumerated() {
                left -= bins[bin]
                if left <= 0 { return bound }
            }
            return boundsUs.last ?? 0
        }
    }

    /// Of each command ends, then bins, then nanoseconds.
    private static let stride = 3 + boundsUs.count + 1 + 1
    private let count: Int
    private let cells: UnsafeMutablePointer<Atomic<Int64>>

    /// - Parameter count: of commands, which have places from 0.
    init(count: Int) {
        self.count = count
        cells = .allocate(capacity: max(count * Self.stride, 1))
        for cell in 0..<count * Self.stride { (cells + cell).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: count * Self.stride)
        cells.deallocate()
    }

    /// On the loop only, so that no atomic addition is needed.
    package func add(_ place: Int, ns: Int64, _ end: End) {
        guard place >= 0, place < count else { return }
        let first = place * Self.stride
        increase(first + end.rawValue, by: 1)
        guard end != .refused else { return }
        let us = ns / 1_000
        var bin = 0
        while bin < Self.boundsUs.count, us > Self.boundsUs[bin] { bin += 1 }
        increase(first + 3 + bin, by: 1)
        increase(first + Self.stride - 1, by: ns)
    }

    private func increase(_ cell: Int, by value: Int64) {
        // Safe: callers keep to `count` times the stride.
        cells[cell].store(cells[cell].load(ordering: .relaxed) &+ value, ordering: .relaxed)
    }

    /// Adds what this loop has to the sums of all, one a command.
    func add(to totals: inout [Totals]) {
        for place in 0..<min(count, totals.count) {
            let first = place * Self.stride
            for end in 0..<3 { totals[place].ends[end] &+= cells[first + end].load(ordering: .relaxed) }
            for bin in 0...Self.boundsUs.count {
                totals[place].bins[bin] &+= cells[first + 3 + bin].load(ordering: .relaxed)
            }
            totals[place].ns &+= cells[first + Self.stride - 1].load(ordering: .relaxed)
        }
    }
}
