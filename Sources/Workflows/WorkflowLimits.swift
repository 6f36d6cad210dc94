/// Every bound that use cases put on their work beyond those of the modules below, with its reason. See `Limits` of Store for
/// what of it users read.
package enum WorkflowLimits {
    // MARK: Applying

    /// How often `apply` plans anew because somebody else applied meanwhile.
    package static let plansMax = 10
    /// Rows of history, of all views of an `apply`, of which online tables are made while writers wait; of more they are made beside.
    static let fillRowsMax: Int64 = 20_000

    // MARK: Streams

    /// Records of one commit of a stream: of several times as many the commit would cost little less a record, and single writes wait for it.
    package static let streamBatchRecordsMax = 20_000
    /// Bytes of keys and values of one commit of a stream: large records end it earlier.
    package static let streamBatchBytesMax = 16 << 20
    /// How long a stream at its end waits between two commits (`--linger`): each is a row of the ledger.
    package static let streamLingerMs = 100
    /// How long records of a stream that is behind wait for more before they are committed.
    package static let streamBatchAgeMsMax = 1_000
    /// Of so many records that a stream read last, one in a hundred may be set aside; at more it stops.
    package static let streamRejectWindowRecords = 10_000
    /// How often in a row another process may take a stream's records before this one stops.
    package static let streamLostBatchesMax = 5
    /// How long a run with an end waits for a PostgreSQL that is away; one without waits until it is back.
    package static let streamReconnectMsMax = 60_000
    /// How often the topic is asked for new partitions.
    package static let streamPartitionsRefreshMs = 30_000

    // MARK: Learning

    /// Labels of one commit of a learner, about: it ends where a position does.
    package static let learnCommitRows = 5_000

    // MARK: Models

    /// Combinations of parameters that `train` tries: of more the best is what suits the valid rows by chance.
    package static let experimentRunsMax = 20
    /// Logged predictions that `replay` makes again at a time: they are in memory.
    package static let replayRowsMax = 100_000

    // MARK: Inside

    /// How late a learner that follows sees a commit of which it was not notified.
    static let learnWaitMs: Int32 = 500

    /// Records of one poll.
    static let streamChunkRecordsMax = 10_000
    /// How long a poll waits where nothing comes: a stream that is to end does so within it.
    static let streamPollWaitMs = 100
    /// How often a running stream looks whether the definitions have changed.
    static let streamDefinitionsCheckMs = 1_000
    /// How often old rejects are deleted.
    static let streamRejectsCleaningMs = 3_600_000
    /// Between two attempts to reach PostgreSQL.
    static let streamReconnectPauseMs = 1_000
    /// How long `peek` waits for the first records.
    static let streamPeekWaitMs = 10_000
    /// How long `status` waits for the records that come next, of each stream.
    static let streamStatusWaitMs = 3_000

    static func check() {
        precondition(streamChunkRecordsMax <= streamBatchRecordsMax && streamLingerMs <= streamBatchAgeMsMax)
    }
}
