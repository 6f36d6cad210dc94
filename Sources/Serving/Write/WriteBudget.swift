import Store
import Synchronization

/// What writes may take of a server's memory from their arrival until they are answered, over all connections.
final class WriteBudget: Sendable {
    private struct Use {
        var writes = 0
        var bytes = 0
    }

    private let use = Mutex(Use())

    /// Counts a write in.
    /// - Returns: why there is no room for it; `nil` = it is counted.
    func take(_ byteCount: Int) -> String? {
        use.withLock { use in
            guard
                use.writes < ServingLimits.pendingWritesMax,
                use.writes == 0 || use.bytes + byteCount <= ServingLimits.pendingBytesMax
            else {
                return "\(use.writes) writes of \(use.bytes >> 20) MiB wait for PostgreSQL; send it again later"
            }
            use.writes += 1
            use.bytes += byteCount
            return nil
        }
    }

    /// Counts a write that is counted already as what it turned out to take.
    /// - Returns: why there is no room for that; it is then counted as before.
    func raise(_ byteCount: Int, to larger: Int) -> String? {
        use.withLock { use in
            guard use.writes == 1 || use.bytes - byteCount + larger <= ServingLimits.pendingBytesMax else {
                return "\(use.writes) writes of \(use.bytes >> 20) MiB wait for PostgreSQL; send it again later"
            }
            use.bytes += larger - byteCount
            return nil
        }
    }

    func giveBack(_ byteCount: Int) {
        use.withLock { use in
            use.writes -= 1
            use.bytes -= byteCount
        }
    }

    var isEmpty: Bool { use.withLock { $0.writes == 0 && $0.bytes == 0 } }
}
