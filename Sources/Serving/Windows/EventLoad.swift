import Features
import Online
import PointInTime
import Postgres
import Store

/// Loads a view's events into memories that have begun to be loaded, in the snapshot of the caller's transaction.
struct EventLoad {
    let session: Session
    let view: ServedView
    let memories: [EventMemory]
    /// Rows of the view's history, about.
    let rowsExpected: Int64
    /// What they may take now; others may come to take more meanwhile.
    let room: @Sendable () -> ResidentMemory.Room
    /// Why nobody wants them any more; `nil` = somebody does.
    let end: @Sendable () -> StoreError?

    /// - Returns: why they do not fit; `nil` where they do.
    func run() throws(StoreError) -> EventMemory.Absence? {
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
            events += rows.rowCount
            var absence: EventMemory.Absence?
            let room = room()
            if events > room.events { absence = .events(count: max(events, Int(rowsExpected))) }
            for memory in memories where absence == nil {
                let (batch, keys) = rows.batch(for: memory)
                if !memory.load(batch, keys: keys, positions: rows.positions) { absence = .bytes }
                if memory.isOvertaken { absence = .queue }
            }
            let bytes = memories.reduce(0) { $0 + $1.figures.bytes }
            if bytes > room.bytes { absence = .memory(bytes: expected(bytes, of: events)) }
            if let error = end() {
                copy.cancel()
                throw error
            }
            if let absence {
                copy.cancel()
                return absence
            }
        }
        return nil
    }

    /// What all rows take, where some take so much.
    private func expected(_ bytes: Int, of rows: Int) -> Int {
        let whole = Double(bytes) / Double(max(rows, 1)) * Double(rowsExpected)
        return max(bytes, Int(min(whole, 1e15)))
    }
}
