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
    /// Spine rows of a scan's block: at least so many, since all of history passes by for each block; at most so many,
    /// beyond which larger blocks gain nothing.
    package static let scanBlockRowsMin = 16_384
    package static let scanBlockRowsMax = 8_388_608
    /// Spine rows of the first block where values may be of any length and none has been seen.
    package static let scanFirstBlockRows = 1_048_576
    /// How long a writer waits for a lock before it gives up this attempt.
    package static let lockTimeoutMs = 30_000
    /// How long `apply` waits for each lock: while it waits for one, everybody else waits behind it.
    package static let applyLockTimeoutMs = 10_000
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
    /// How often a transaction that lost a lock race is tried again.
    package static let retriesMax = 3

    /// Rows of a segment's row group: its keys and times fit a core's caches, and there are enough to skip.
    package static let segmentGroupRowsMax = 131_072
    /// Bytes of a row group's columns: wide rows end a group earlier.
    package static let segmentGroupBytesMax = 64 << 20
    /// Rows that are decoded at a time: they stay in a core's cache while one column after the other is read.
    package static let segmentBlockRows = 2_048
    /// Memory of the server's sort of one partition, in MiB; a larger one goes to its disk.
    package static let segmentSortMiB = 512

    static func check() {
        precondition(segmentGroupRowsMax % segmentBlockRows == 0)
        precondition(batchRowsMax >= copyChunkRows)
        precondition(keyBytesMax < 8_192 / 3)
    }
}
