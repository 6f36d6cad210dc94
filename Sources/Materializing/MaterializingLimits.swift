/// Every bound of batch views, with its reason. See ``Limits`` for what of it users read.
enum MaterializingLimits {
    // MARK: Chunks

    /// Rows that a chunk aims at: its sorts stay in memory, a commit costs nothing per row, and a kill loses seconds.
    static let chunkRows = 1_000_000
    /// How many times its unit a chunk is at most: an empty decade takes tens of queries.
    static let chunkUnitsMax = 64
    /// Memory of each sort and hash table of a chunk, in PostgreSQL: enough for a chunk's rows of ten features.
    static let workMiB = 128

    // MARK: Expectations

    /// Rows that a run tells of one by one, of those that do not meet expectations.
    static let warningsMax = 10

    // MARK: Inside

    /// A statement about the lock of a view's materialization.
    static let lockStatementMs = 30_000
}
