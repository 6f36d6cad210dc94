import Commands
import Wire

/// A transaction from EXEC to its reply: its writes are prepared, committed together, then its other commands run.
///
/// What of that takes an event loop long is done in several turns, between which other connections have theirs.
struct TransactionRun {
    enum Stage {
        /// Commands before ``TransactionRun/next`` have been looked at.
        case preparing
        case committing
        case reading
    }

    let transaction: Transaction
    /// CLIENT REPLY keeps the reply from the client.
    let isMuted: Bool
    let measure: CommandMeasure
    var stage = Stage.preparing
    /// The number of its place among the pending replies; `nil` = all of it has happened in the turn of EXEC so far.
    var id: Int64?

    // MARK: Preparing

    var next = 0
    var writes: [any QueuedWrite] = []
    /// EXEC's error: one write that cannot be done undoes all.
    var fault: String?
    var allowance = WriteAllowance()

    // MARK: Reading

    /// One a write.
    var replies: [DeferredReply.Body] = []
    /// Whether something was applied while the reads ran, which took long: then they run once more, and hold up who applies.
    var isDisturbed = false
    /// Until when a large commit that is being applied is waited for; `nil` = nothing was.
    var waitsUntilNs: Int64?
    /// How long the next turn is waited for, ms.
    var waitMs: Int64 = 0

    init(_ transaction: Transaction, isMuted: Bool, _ measure: CommandMeasure) {
        self.transaction = transaction
        self.isMuted = isMuted
        self.measure = measure
    }

    /// What it takes until its writes are committed.
    var byteCount: Int {
        transaction.byteCount
            + (stage == .preparing ? allowance.takenBytes + writes.capacity * MemoryLayout<any QueuedWrite>.stride : 0)
    }
}

/// What a run of a transaction's commands came to, besides the bytes of replies.
struct TransactionAttempt {
    var replies = TransactionReplies()
    /// Replies that come later, and where in the buffer they belong.
    var deferred: [(mark: Int, reply: DeferredReply)] = []
}
