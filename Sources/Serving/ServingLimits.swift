import Store

/// Every bound of a server's work with the store, with its reason. See ``Limits`` for what of it users read.
package enum ServingLimits {
    // MARK: A write

    /// The lines of one FS.WRITE, whatever the server lets an argument have.
    package static let writeBytesMax = 64 << 20
    /// Points of one FS.WRITE: it is one transaction, and nobody else's write shares it while it is as large as this.
    package static let writeRowsMax = 100_000
    /// The values that one FS.WRITE becomes, nulls included. No text becomes more that names all that it stores, but a point of
    /// ten bytes may be a row of 1,600 nulls.
    package static let writeValueBytesMax = 3 * writeBytesMax
    /// The name of a write's source.
    package static let writeSourceBytesMax = 200
    /// Ranges of stored numbers that a source keeps: a source that numbers its writes consecutively has one.
    package static let sourceRangesMax = 64
    /// Sources of one connection whose failed numbers a server remembers.
    static let failedSourcesPerClientMax = 256
    /// Sources of all connections whose failed numbers a server remembers: they take about 20 MiB.
    static let failedSourcesMax = 16_384

    // MARK: All writes

    /// What waits for PostgreSQL, over all connections, from its arrival until it is answered.
    package static let pendingBytesMax = 256 << 20
    /// Writes that wait for PostgreSQL, over all connections.
    static let pendingWritesMax = 100_000
    /// Rows that one group commit collects: more would make the first of them wait for the last.
    package static let groupRowsMax = 10_000
    /// How long a write waits for a view that `apply` or `rebuild-online` holds, or for rows that an ingest holds.
    static let lockedViewWaitMs = 10_000
    /// One statement of a group.
    package static let groupStatementTimeoutMs = 30_000
    /// A group with all that it waits for, but what became of its COMMIT: by then its writers have been told.
    static let groupDeadlineMs = 60_000
    /// How long the outcome of a COMMIT is looked for before clients are told that it is unknown.
    package static let outcomeWaitMs = 5_000
    /// A commit under way for so long means that PostgreSQL does not answer: new writes are refused at once.
    static let stalledCommitMs = 10_000
    /// How long a write that is committed waits, before it is acknowledged, for commits before it to be applied here.
    package static let ownCommitWaitMs = 2_000

    // MARK: Models

    /// Versions of one model that are kept in memory beside those that its names stand for: a rollback goes to one of the last.
    package static let modelVersionsMax = 8

    // MARK: Reads

    /// Rows of one read of history: a client that wants more goes on behind the last one.
    package static let historyRowsMax = 100_000
    /// The values of one read of history.
    package static let historyBytesMax = 64 << 20
    /// A read of history, in PostgreSQL.
    package static let historyTimeoutMs = 10_000
    /// The rows that one request reads of views that are not in memory.
    static let fetchBytesMax = 256 << 20
    /// Events that the windows of one read are computed of; about 100 bytes each.
    static let windowEventsMax = 1_000_000
    /// A read of views that are not in memory, in PostgreSQL.
    static let fetchTimeoutMs = 2_000
    /// Reads that wait for PostgreSQL; more are refused.
    static let waitingReadsMax = 10_000
    /// The same of one user, who leaves room for the others.
    static let waitingReadsOfUserMax = 5_000

    // MARK: Windows in memory

    /// Events that a server keeps for windows; those of the views with the most are read from PostgreSQL where there are more.
    package static let residentEventsMax = 100_000_000
    /// Without --memory, events take at most one of so many equal parts of the memory that the machine or cgroup has.
    package static let eventMemoryParts = 4
    /// How much longer than windows need events are kept, besides a 16th of that: reads AT earlier times are answered by them.
    static let windowSlackUs: Int64 = 3_600_000_000
    /// Rows of other servers' commits that are on their way into memories of events at a time, but for those of one commit.
    static let followedEventsMax: Int64 = 200_000

    // MARK: Following the ledger

    /// How long PostgreSQL may be silent towards a server that follows the ledger.
    static let followSilenceMs = 30_000
    /// How long PostgreSQL may be silent while a server loads: a first load may wait for a cold disk.
    static let loadSilenceMs = 300_000
    /// A server that is so many entries of the ledger behind loads everything anew instead.
    static let followedEntriesBehindMax: Int64 = 200_000

    // MARK: Inside

    /// Rows of a group that are sent as the values of one statement: fewer messages than COPY has, a larger text.
    static let statementRowsMax = 64
    /// Parameters of that statement; PostgreSQL takes 65,535.
    static let statementParametersMax = 2_048
    /// What a column takes beside its values: itself, and its two arrays' headers. Of one row that is most of it.
    static let columnOverheadBytes = 128
    /// What a write takes beside its rows: its places in queues, and whom to tell.
    static let writeOverheadBytes = 256
    /// How long a group's transaction waits for a row that an ingest holds: then the group is halved, and its other writes
    /// are stored without the one that waits.
    static let groupLockTimeoutMs = 50
    /// The same for what was halved, and for a write that is tried again: other clients wait meanwhile.
    static let retryLockTimeoutMs = 10
    /// How long a lane's other clients wait, of one group, for writes that are halved because somebody holds their rows, and
    /// again for such writes to be tried, each by itself.
    static let heldRowsMs = 50
    /// How long a group's COMMIT waits for its place in the ledger, which a commit before it holds until it is on disk, and
    /// on a synchronous standby.
    static let ledgerLockTimeoutMs = 10_000
    /// Attempts at a group and its parts begin within this time; the one under way then has its own deadline.
    static let groupAttemptsMs = 30_000
    /// How long PostgreSQL may be silent while history is counted, of a store that was restored under a server.
    static let fillingSilenceMs = 3_600_000
    /// How long a look at such a store waits for a lock: less than PostgreSQL takes to find a deadlock and end somebody's
    /// statement, which may be pg_restore's.
    static let fillingLockTimeoutMs = 50
    /// What threads that hang get, once stopping has taken as long as it may, to see that they are to end.
    static let stopGraceMs = 1_000
    /// Rows of own commits that wait in memory for earlier ones of other servers; beyond it they are read from history.
    static let ownCommitBytesMax = 64 << 20
    /// What a value of a result takes beside its bytes, in libpq and while columns are made of it.
    static let valueOverheadBytes = 24
    /// Ledger entries that a server reads at a time: more than a transaction has views.
    static let followedEntriesMax = 4_096
    /// Rows and bytes of a COPY that are decoded at a time on their way into a server's memory.
    static let memoryChunkRows = 4_096
    static let memoryChunkBytes = 8 << 20
    /// Rows of other servers' commits that are applied at once, so that readers of several views wait a few ms at most.
    static let rowsTogetherMax: Int64 = 10_000
    /// What a commit of more rows leaves those who were not let read while one before it was applied; they ask each millisecond.
    static let turnedAwayWaitUs: UInt32 = 5_000
    /// Blocks of an online table that are loaded at a time, 16 MiB: enough that a statement costs nothing.
    static let loadRangeBlocks: Int64 = 2_048

    /// Predictions that wait to be logged; more are lost to the log, so that an outage of PostgreSQL does not take the memory.
    static let logQueueBytesMax = 32 << 20
    /// Predictions are logged in groups of so much, or after so long: of a server that is killed that is missing.
    static let logGroupBytes = 2 << 20
    static let logGroupSeconds = 0.1
    /// How long after a failed attempt the next one comes.
    static let logRetryMs = 500
    /// Sums of traffic that wait to be stored: those of a version for a day.
    static let waitingSumsMax = 1_440

    static func check() {
        precondition(statementRowsMax <= groupRowsMax)
        precondition(groupLockTimeoutMs < groupStatementTimeoutMs && groupStatementTimeoutMs < groupDeadlineMs)
        precondition(Limits.outcomeStatementMs < outcomeWaitMs && outcomeWaitMs < Limits.commandOutcomeWaitMs)
        precondition(writeBytesMax < pendingBytesMax)
        precondition(retryLockTimeoutMs < heldRowsMs && ledgerLockTimeoutMs < groupStatementTimeoutMs)
        precondition(groupAttemptsMs < groupDeadlineMs)
        precondition(writeValueBytesMax <= pendingBytesMax)
        precondition(historyBytesMax <= fetchBytesMax)
        precondition(logGroupBytes < logQueueBytesMax)
    }
}
