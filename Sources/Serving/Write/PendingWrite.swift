/// A write that waits for its commit.
struct PendingWrite: Sendable {
    let write: RowWrite
    /// Ascending in the order in which the lane was given its writes.
    let number: Int64
    /// Whose writes keep their order.
    let client: Int64
    /// By when it gives up waiting for a view or rows that somebody holds.
    let deadline: ContinuousClock.Instant
    let finish: GroupWriter.Finish

    /// The numbers that its items were given by their sources.
    var sourceNumbers: [SourceSequence] { write.items.compactMap(\.source) }
}

/// Writes that had to wait, behind which the later ones of their clients and of their sources wait too.
struct WriteBarrier {
    private var clients: [Int64: Int64] = [:]
    private var sources: [SourceName: Int64] = [:]

    init(_ writes: some Sequence<PendingWrite> = []) {
        for write in writes { add(write) }
    }

    mutating func add(_ pending: PendingWrite) {
        clients[pending.client] = min(clients[pending.client] ?? pending.number, pending.number)
        for number in pending.sourceNumbers {
            sources[number.source] = min(sources[number.source] ?? pending.number, pending.number)
        }
    }

    func blocks(_ pending: PendingWrite) -> Bool {
        if let first = clients[pending.client], first < pending.number { return true }
        guard !sources.isEmpty else { return false }
        return pending.sourceNumbers.contains { number in
            sources[number.source].map { $0 < pending.number } ?? false
        }
    }
}
