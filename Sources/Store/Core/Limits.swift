import Features

/// Every bound that the store puts on its work, with its reason.
package enum Limits {
    /// Rows of one ingest batch: large enough that a commit costs nothing per row, small enough for bounded memory.
    package static let batchRowsMax = 250_000
    /// Bytes of one ingest batch's columns: wide rows end a batch earlier.
    package static let batchBytesMax = 128 << 20
    /// Bytes handed to libpq at a time during COPY.
    package static let copyChunkRows = 1_024
    /// New partitions that one batch may open: more means that times were read in a wrong unit.
    package static let newPartitionsMax = 120
    /// An event time may lie this far ahead of the clock.
    package static let futureUsMax: Int64 = 300_000_000
    /// A fact may be known so long before its event at most, 30 years: a forecast may, a wrong unit may not.
    package static let knownBeforeUsMax: Int64 = 30 * 365 * 86_400_000_000 + 8 * 86_400_000_000
    /// Rows that a materialization tells of one by one, of those that do not meet expectations.
    package static let materializeWarningsMax = 10
    /// How long what commits counted of expectations is kept: months of it would tell no more than a month does.
    package static let expectationCountsDays = 30
    /// Counts of one view that are deleted at a time, by one commit in ``ledgerTotalsBatches``: no fewer than can have been
    /// made in between, so that they never pile up.
    package static let expectationCountsDropped = DefinitionLimits.tableColumnsMax * Int(ledgerTotalsBatches)
    /// What `status` shows of expectations: the last days, and of one view no more than so many counts.
    package static let expectationStatusDays = 7
    package static let expectationStatusCounts = 10_000
    /// Bytes of one entity key: a B-tree entry must fit a third of a page.
    package static let keyBytesMax = DefinitionLimits.keyBytesMax
    /// Spine rows of one probe statement: its arrays stay small, its transaction short.
    package static let probeRowsMax = 8_192
    /// Spine rows that look-ups get at a time: they come from a file in batches of about as many.
    package static let probeBatchRows = 65_536
    /// Memory of a scan where nothing else is said.
    package static let scanMemoryBytes = 2 << 30
    /// Of that, what the process takes beside the rows at work: libraries, file buffers, the writer's open row group.
    package static let scanBaseBytes = 224 << 20
    /// A scan gets no less memory than this, which its base and the smallest block need.
    package static let scanMemoryMin = 256 << 20
    /// Spine rows of a scan's block: at least so many, since all of history passes by for each block, though values are so
    /// long that fewer would fit into the memory; at most so many, beyond which larger blocks gain nothing.
    package static let scanBlockRowsMin = 1_024
    package static let scanBlockRowsMax = 8_388_608
    /// Spine rows of the first block where values may be of any length and none has been seen.
    package static let scanFirstBlockRows = 1_048_576
    /// How long a writer waits for a lock before it gives up this attempt.
    package static let lockTimeoutMs = 30_000
    /// How often `apply` plans anew because somebody else applied meanwhile.
    package static let plansMax = 10
    /// How long `apply` waits for each lock: while it waits for one, everybody else waits behind it.
    package static let applyLockTimeoutMs = 10_000
    /// How long a migration waits for transactions that write; each of them may store a batch.
    package static let migrationWaitMs = 60_000
    /// How long it stands in the way of new ones at a time; then they have as long without it.
    static let writersStallMs = 200
    /// Partitions dropped in one transaction: each takes about five locks of the 6,400 that a server has by default.
    package static let dropPartitionsMax = 200
    /// Rows that a chunk of a batch view aims at: its sorts stay in memory, a commit costs nothing per row, and a kill
    /// loses seconds.
    package static let materializeChunkRows = 1_000_000
    /// A chunk is at most so many times its unit: an empty decade takes tens of queries.
    package static let materializeUnitsMax = 64
    /// Memory of each sort and hash table of a chunk, in MiB: ``materializeChunkRows`` of ten features.
    package static let materializeWorkMiB = 128
    /// Reading so many rows of history costs as much as one look-up in the index of one partition.
    package static let rowsPerLeap: Int64 = 20
    /// A batch view's SQL may take a day; other statements an hour.
    package static let batchQueryTimeoutMs = 86_400_000
    /// One batch of so many writes down what the ledger adds up to: so few rows are summed by those who ask.
    package static let ledgerTotalsBatches: Int64 = 1_000
    /// A statement that stores a batch, looks up a block of a spine or the like: each has a bounded number of rows.
    package static let boundedStatementMs = 600_000
    /// How often a transaction that lost a lock race is tried again.
    package static let retriesMax = 3

    /// Rows that one group commit of a server collects: more would make the first of them wait for the last.
    package static let groupRowsMax = 10_000
    /// Rows of a group that are sent as the values of one statement: fewer messages than COPY has, a larger text.
    package static let statementRowsMax = 64
    /// Parameters of that statement; PostgreSQL takes 65,535.
    package static let statementParametersMax = 2_048
    /// Writes and their bytes from their arrival until they are answered, over all connections: so much memory may clients
    /// fill while PostgreSQL is slower than they are.
    package static let pendingBytesMax = 256 << 20
    package static let pendingWritesMax = 100_000
    /// Bytes of one FS.WRITE's lines, whatever the server lets an argument have.
    package static let writeBytesMax = 64 << 20
    /// Points of one FS.WRITE: a unit is one transaction, and nobody else's write shares it while it is as large as this.
    package static let writeRowsMax = 100_000
    /// Bytes of the values of one FS.WRITE, nulls included: as much as its text is taken to become, which no text has that
    /// names all that it stores. A point of ten bytes may be a row of 1,600 nulls.
    package static let writeValueBytesMax = 3 * writeBytesMax
    /// What a column takes beside its values: itself, and its two arrays' headers. Of one row that is most of it.
    package static let columnOverheadBytes = 128
    /// What a write takes beside its rows: its places in queues, and whom to tell.
    package static let writeOverheadBytes = 256
    /// How long a write waits for a view that `apply` or `rebuild-online` holds, or for rows that an ingest holds.
    package static let lockedViewWaitMs = 10_000
    /// How long a group's transaction waits for a row that an ingest holds: then the group is halved, and its other writes
    /// are stored without the one that waits.
    package static let groupLockTimeoutMs = 250
    /// The same for what was halved, and for a write that is tried again: other clients wait meanwhile.
    package static let retryLockTimeoutMs = 10
    /// How long a lane's other clients wait, of one group, for writes that are halved because somebody holds their rows, and
    /// again for such writes to be tried, each by itself.
    package static let heldRowsMs = 400
    /// How long a group's COMMIT waits for its place in the ledger, which a commit before it holds until it is on disk, and
    /// on a synchronous standby.
    package static let ledgerLockTimeoutMs = 10_000
    /// Attempts at a group and its parts begin within this time; the one under way then has its own deadline.
    package static let groupAttemptsMs = 30_000
    /// A commit under way for so long means that PostgreSQL does not answer: new writes are refused at once.
    package static let stalledCommitMs = 10_000
    /// A statement of a group: at most ``groupRowsMax`` rows, or one write of ``writeRowsMax``.
    package static let groupStatementTimeoutMs = 30_000
    /// A group with all that it waits for, but what became of its COMMIT: by then its writers have been told.
    package static let groupDeadlineMs = 60_000
    /// How long the outcome of a COMMIT is looked for before its clients are told that it is unknown; commands are more
    /// patient.
    package static let outcomeWaitMs = 5_000
    package static let commandOutcomeWaitMs = 15_000
    /// One question about the outcome of a COMMIT: looked up by a key.
    package static let outcomeStatementMs = 2_000
    /// How long PostgreSQL may be silent towards a server that follows it, or loads from it: a first load may wait for a
    /// cold disk.
    package static let followSilenceMs = 30_000
    package static let loadSilenceMs = 300_000
    /// The same while history is counted, of a store that was restored under it.
    package static let fillingSilenceMs = 3_600_000
    /// How long a look at such a store waits for a lock: less than PostgreSQL takes to find a deadlock and end somebody's
    /// statement, which may be pg_restore's.
    package static let fillingLockTimeoutMs = 50
    /// What threads that hang get, once stopping has taken as long as it may, to see that they are to end.
    package static let stopGraceMs = 1_000
    /// How long a write that is committed is not acknowledged because commits before it are not applied here yet.
    package static let ownCommitWaitMs = 2_000
    /// Rows of own commits that wait in memory for earlier ones of other servers; beyond it they are read from history.
    package static let ownCommitBytesMax = 64 << 20
    /// Bytes of the name of a write's source.
    package static let writeSourceBytesMax = 200
    /// Ranges of stored numbers that a source keeps: a source that numbers its writes consecutively has one.
    package static let sourceRangesMax = 64
    /// Sources of one connection, and of all, whose failed numbers a server remembers: 16,384 take about 20 MiB.
    package static let failedSourcesPerClientMax = 256
    package static let failedSourcesMax = 16_384
    /// Rows of one read of history, and bytes of their values: a client that wants more goes on behind the last one.
    package static let historyRowsMax = 100_000
    package static let historyBytesMax = 64 << 20
    /// Bytes of the rows that one request reads from online tables, of views that are not in memory.
    package static let fetchBytesMax = 256 << 20
    /// What a value of a result takes beside its bytes, in libpq and while columns are made of it.
    package static let valueOverheadBytes = 24
    /// Ledger entries that a server reads at a time: more than a transaction has views.
    package static let followedEntriesMax = 4_096
    /// A server that is so many entries behind loads everything anew instead.
    package static let followedEntriesBehindMax: Int64 = 200_000
    /// Rows and bytes of a COPY that are decoded at a time on their way into a server's memory.
    package static let memoryChunkRows = 4_096
    package static let memoryChunkBytes = 8 << 20
    /// Rows of other servers' commits that are applied at once, so that readers of several views wait a few ms at most.
    package static let rowsTogetherMax: Int64 = 10_000
    /// Blocks of an online table that are loaded at a time, 16 MiB: enough that a statement costs nothing.
    package static let loadRangeBlocks: Int64 = 2_048

    /// Rows of a segment's row group: its keys and times fit a core's caches, and there are enough to skip.
    package static let segmentGroupRowsMax = 131_072
    /// Bytes of a row group's columns: wide rows end a group earlier.
    package static let segmentGroupBytesMax = 64 << 20
    /// Rows that are decoded at a time: they stay in a core's cache while one column after the other is read.
    package static let segmentBlockRows = 2_048
    /// Memory of the server's sort of one partition, in MiB; a larger one goes to its disk.
    package static let segmentSortMiB = 512

    static func check() {
        precondition(statementRowsMax <= groupRowsMax)
        precondition(groupLockTimeoutMs < groupStatementTimeoutMs && groupStatementTimeoutMs < groupDeadlineMs)
        precondition(outcomeStatementMs < outcomeWaitMs && outcomeWaitMs < commandOutcomeWaitMs)
        precondition(writeBytesMax < pendingBytesMax)
        precondition(retryLockTimeoutMs < heldRowsMs && ledgerLockTimeoutMs < groupStatementTimeoutMs)
        precondition(groupAttemptsMs < groupDeadlineMs)
        precondition(writeValueBytesMax <= pendingBytesMax)
        precondition(segmentGroupRowsMax % segmentBlockRows == 0)
        precondition(batchRowsMax >= copyChunkRows)
        precondition(keyBytesMax < 8_192 / 3)
        precondition(historyBytesMax <= fetchBytesMax)
    }
}
