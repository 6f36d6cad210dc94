/// How an ingest writes.
package struct IngestionOptions: Sendable {
    /// Refuses event times more than ``Limits/futureUsMax`` ahead of PostgreSQL's clock.
    package var refusesFuture = true
    /// Sets rows aside that the store does not take, instead of ending with the first; what stops a batch ends it all the same.
    package var skipsBadRows = false
    /// Reads the source from its start, whatever was read of it before.
    package var startsOver = false
    package var newPartitionsMax = Limits.newPartitionsMax
    /// No batch has more rows than this.
    package var batchRowsMax = Limits.batchRowsMax
    package var batchBytesMax = Limits.batchBytesMax
    /// How long a batch waits for each lock: for whoever changes or rebuilds the view, or ingests the same source.
    package var lockTimeoutMs = Limits.lockTimeoutMs
    /// The options that give the input its meaning, spelled out; a rerun must have the same.
    package var meaning = ""

    /// How many rows are to be read at a time, at most `limit`, so that batches are as large as they may be.
    package func rowsAtATime(atMost limit: Int) -> Int {
        batchRowsMax / max(1, (batchRowsMax + limit - 1) / limit)
    }

    package init() {}
}
