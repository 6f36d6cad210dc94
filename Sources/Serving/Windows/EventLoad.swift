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
    /// Rows up to this time, µs, are of no use to any of them.
    let floor: Int64
    /// Rows of the view's history, about.
    let historyRows: Int64
    /// What they may take now; others may come to take more meanwhile.
    let room: @Sendable () -> ResidentMemory.Room
    /// Why nobody wants them any more; `nil` = somebody does.
    let end: @Sendable () -> StoreError?

    /// Why events do not fit, told by the rows that were read until then.
    struct Refusal {
        let absence: EventMemory.Absence
        let rows: Int
    }

    /// - Returns: `nil` where they fit.
    func run() throws(StoreError) -> Refusal? {
        let query = EventRows.Query(view, memories)
        let stored = view.stored
        let sql = """
            SELECT \(query.list("b.position")) FROM \(stored.historyTable) h
            JOIN asof.batches b ON b.batch = h._batch AND b.view = \(stored.id) WHERE \(isReached)
            """
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
            if events > room.events { absence = .events(count: events) }
            for memory in memories where absence == nil {
                let (batch, keys) = rows.batch(for: memory)
                if !memory.load(batch, keys: keys, positions: rows.positions) { absence = .bytes }
                if memory.isOvertaken { absence = .queue }
            }
            let bytes = memories.reduce(0) { $0 + $1.figures.bytes }
            if bytes > room.bytes { absence = .memory(bytes: bytes) }
            if let error = end() {
                copy.cancel()
                throw error
            }
            if let absence {
                copy.cancel()
                return Refusal(absence: absence, rows: events)
            }
        }
        return nil
    }

    /// SQL: that windows reach a row.
    private var isReached: String {
        guard floor >= Timestamp.earliest.microseconds else { return "true" }
        return "h._event_time > '\(Timestamp(microseconds: floor).text)'::timestamptz"
    }

    /// What all rows take that windows reach, where there was no room for some: when there is, they are loaded again. They are
    /// counted, since a history may be much longer than its windows.
    func whole(_ refusal: Refusal) throws(StoreError) -> EventMemory.Absence {
        switch refusal.absence {
        case .waiting, .bytes, .queue: return refusal.absence
        case .events(let count): return .events(count: max(count, try rowsReached()))
        case .memory(let bytes):
            let share = Double(try rowsReached()) / Double(max(refusal.rows, 1))
            return .memory(bytes: Int(min(Double(bytes) * max(share, 1), 1e15)))
        }
    }

    private func rowsReached() throws(StoreError) -> Int {
        guard floor >= Timestamp.earliest.microseconds else { return Int(historyRows) }
        let sql = "SELECT count(*) FROM \(view.stored.historyTable) h WHERE \(isReached)"
        return Int(try session.query(sql).int64(0, 0) ?? 0)
    }
}
