import Synchronization
package import Wire

/// What reads of features that wait for their turn, for a position or for PostgreSQL keep, over all connections: their
/// arguments, keys, and the rows that were fetched for them.
package final class ReadMemory: Sendable {
    private let bytesMax: Int
    private let bytes = Mutex(0)

    init(bytesMax: Int = ReadingLimits.waitingBytesMax) { self.bytesMax = bytesMax }

    /// Counts a read, or more of it, until what this returns is gone. The only one has room in any case: a single read has
    /// bounds of its own.
    /// - Parameter own: what is counted of the same read already.
    /// - Returns: `nil` where it keeps so little that it does not count.
    /// - Throws: where there is no room for it beside others.
    package func hold(_ byteCount: Int, beside own: ReadHold? = nil) throws(CommandFault) -> ReadHold? {
        guard byteCount > ReadingLimits.uncountedBytesMax else { return nil }
        let others: Int? = bytes.withLock { bytes in
            guard bytes == own?.byteCount ?? 0 || bytes + byteCount <= bytesMax else { return bytes }
            bytes += byteCount
            return nil
        }
        guard let others else { return ReadHold(self, byteCount) }
        throw CommandFault(
            .limit,
            "large reads of \(others >> 20) MiB wait for their turn, and \(bytesMax >> 20) MiB may; try again later"
        )
    }

    fileprivate func giveBack(_ byteCount: Int) { bytes.withLock { $0 -= byteCount } }

    /// Counted now.
    var bytesHeld: Int { bytes.withLock { $0 } }
}

/// A read's part of ``ReadMemory``: it stands beside what it counts, and ends with it.
package final class ReadHold: Sendable {
    private let memory: ReadMemory
    fileprivate let byteCount: Int

    fileprivate init(_ memory: ReadMemory, _ byteCount: Int) {
        self.memory = memory
        self.byteCount = byteCount
    }

    deinit { memory.giveBack(byteCount) }
}
