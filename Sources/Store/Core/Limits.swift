import Features

/// Every bound that the store puts on its work, with its reason.
///
/// Here and in the other modules' files of bounds, what stands before `// MARK: Inside` is made into docs/reference/limits.md, of each
/// comment the first sentence, in words of users; what stands behind it nobody meets.
package enum Limits {
    // MARK: Ingest

    /// Rows of one batch, which is one commit: large enough that a commit costs nothing per row, small enough for memory.
    package static let batchRowsMax = 250_000
    /// The same where a view has latest values, unless `--batch-rows` says otherwise: single writes and servers wait for a batch.
    package static let onlineBatchRowsMax = 20_000
    /// The values of one batch: wide rows end a batch earlier.
    package static let batchBytesMax = 128 << 20
    /// New partitions that one batch may open (`--new-partitions-max`): more means that times were read in a wrong unit.
    package static let newPartitionsMax = 120
    /// How far an event time may lie ahead of the clock, without `--allow-future`.
    package static let futureUsMax: Int64 = 300_000_000
    /// How long before its event a fact may be known, 30 years: a forecast may, a wrong unit may not.
    package static let knownBeforeUsMax: Int64 = 30 * 365 * 86_400_000_000 + 8 * 86_400_000_000
    /// What is kept of the key and of the value of a record that a stream sets aside: enough to see what it is.
    package static let rejectedBytesMax = 65_536
    /// Of a file, what tells it from another file of the same name, where no `--source` does.
    package static let sourceHeadBytesMax = 65_536

    // MARK: Waiting

    /// How long a writer waits for a lock before it gives up this attempt.
    package static let lockTimeoutMs = 30_000
    /// How often a transaction that lost a lock race is tried again.
    package static let retriesMax = 3
    /// How long `apply`, `forget` and the like wait for each lock: while they wait for one, everybody else waits behind them.
    package static let applyLockTimeoutMs = 10_000
    /// How long a migration waits for transactions that write; each of them may store a batch.
    package static let migrationWaitMs = 60_000
    /// A statement that stores a batch, looks up a block of a spine or the like: each has a bounded number of rows.
    package static let boundedStatementMs = 600_000
    /// A batch view's SQL, and reading a partition for a segment up to its first row; other statements have an hour.
    package static let batchQueryTimeoutMs = 86_400_000
    /// How long a command looks for what became of a COMMIT that was not answered.
    package static let commandOutcomeWaitMs = 15_000
    /// The same once the command was cancelled, or its deadline has passed.
    package static let cancelledOutcomeWaitMs = 5_000

    // MARK: Expectations

    /// How long what commits counted of expectations is kept: months of it would tell no more than a month does.
    package static let expectationCountsDays = 30

    // MARK: Streams

    /// How long records that a stream sets aside are kept: they hold what the topic holds, personal data included.
    package static let rejectsDays = 30

    // MARK: Inside

    /// What a change of types writes anew, tables and indexes: for the estimate that a plan shows.
    static let rewrittenBytesPerSecond: Int64 = 50 << 20
    /// Rejects that are deleted at a time.
    static let rejectsDropped = 10_000
    /// Bytes handed to libpq at a time during COPY.
    package static let copyChunkRows = 1_024
    /// Counts of one view that are deleted at a time, by one commit in ``ledgerTotalsBatches``: no fewer than can have been
    /// made in between, so that they never pile up.
    package static let expectationCountsDropped = DefinitionLimits.tableColumnsMax * Int(ledgerTotalsBatches)
    /// One batch of so many writes down what the ledger adds up to: so few rows are summed by those who ask.
    package static let ledgerTotalsBatches: Int64 = 1_000
    /// How long a migration stands in the way of new writers at a time; then they have as long without it.
    static let writersStallMs = 200
    /// One question about the outcome of a COMMIT: looked up by a key.
    package static let outcomeStatementMs = 2_000

    static func check() {
        precondition(outcomeStatementMs < cancelledOutcomeWaitMs && cancelledOutcomeWaitMs < commandOutcomeWaitMs)
        precondition(batchRowsMax >= onlineBatchRowsMax && onlineBatchRowsMax >= copyChunkRows)
        precondition(DefinitionLimits.keyBytesMax < 8_192 / 3, "an entry of a B-tree fits a third of a page")
    }
}
