import Features
import Online
import PointInTime
import Postgres
import Store

/// Loads a view's events into empty memories, in the snapshot of the caller's transaction.
struct EventLoad {
    let session: Session
    let view: ServedView
    let memories: [EventMemory]
    /// Of the snapshot.
    let position: Int64
    /// What they may take.
    let bytesMax: Int
    let isStopped: @Sendable () -> Bool

    /// - Returns: whether they fit; the transaction stays usable also where they do not.
    func run() throws(StoreError) -> Bool {
        try session.execute("SAVEPOINT load_events")
        let fits = try read()
        try session.execute(fits ? "RELEASE SAVEPOINT load_events" : "ROLLBACK TO SAVEPOINT load_events")
        guard fits else { return false }
        for memory in memories { memory.loaded(at: position) }
        return bytes <= bytesMax
    }

    private var bytes: Int { memories.reduce(0) { $0 + $1.figures.bytes } }

    private func read() throws(StoreError) -> Bool {
        let query = EventRows.Query(view, memories)
        let stored = view.stored
        var sql = """
            SELECT \(query.list("b.position")) FROM \(stored.historyTable) h
            JOIN asof.batches b ON b.batch = h._batch AND b.view = \(stored.id)
            """
        let floor = memories.map(\.floor).min() ?? .min
        if floor >= Timestamp.earliest.microseconds {
            sql += " WHERE h._event_time > '\(Timestamp(microseconds: floor).text)'::timestamptz"
        }
        let copy = try CopyOut(session, query: sql, types: query.types)
        var events = 0
        while let columns = try copy.next(
            rowsMax: ServingLimits.memoryChunkRows,
            bytesMax: ServingLimits.memoryChunkBytes
        ) {
            let rows = query.rows(columns) { $0 }
            for memory in memories {
                let (batch, keys) = rows.batch(for: memory)
                memory.load(batch, keys: keys, positions: rows.positions)
            }
            events += rows.rowCount
            if isStopped() {
                copy.cancel()
                throw .conflict("the server is stopping")
            }
            guard events <= ServingLimits.residentEventsMax, bytes <= bytesMax else {
                copy.cancel()
                return false
            }
        }
        return true
    }
}
