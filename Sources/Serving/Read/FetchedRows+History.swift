import Features
import Online
import PointInTime
import Postgres
import Store
import Windowing

extension FetchedRows {
    /// As ``Serving/fetch(_:keys:at:position:finish:)``.
    func read(
        _ view: ServedView,
        _ keys: [Column],
        at time: Int64,
        position: Int64
    ) throws(StoreError) -> ViewMemory {
        if let windows = view.windows { return try read(windows, view, keys, at: time, position: position) }
        let ledger = Ledger(session)
        let state = try ledger.pin(position > 0 ? try ledger.state(at: position) : .beginning)
        let rows = try session.query(
            statement(view, state, keyCount: keys.count),
            keys.map(Self.parameter) + [.timestamp(microseconds: time)]
        )
        try refuseMany(rows, view)
        let memory = ViewMemory(layout: view.layout)
        memory.apply(try viewRows(rows, view), position: position)
        return memory
    }

    /// For each entity a row, also where no event is in any window: then without an event time.
    private func read(
        _ windows: WindowRole,
        _ view: ServedView,
        _ keys: [Column],
        at time: Int64,
        position: Int64
    ) throws(StoreError) -> ViewMemory {
        let rowCount = keys.first?.rowCount ?? 1
        let ledger = Ledger(session)
        let state = try ledger.pin(position > 0 ? try ledger.state(at: position) : .beginning)
        let found = try WindowReader(session, state, windows, eventsMax: ServingLimits.windowEventsMax).read(
            WindowRequests(
                keys: keys,
                times: Column(type: .timestamp, values: .int64(Array(repeating: time, count: rowCount)))
            )
        )
        var times = found.eventTimes.int64Values
        for row in times.indices where found.eventTimes.isNull(row) { times[row] = PackedRow.noEventTime }
        let memory = ViewMemory(layout: view.layout)
        memory.apply(
            ViewRows(
                keys: keys.isEmpty ? [Column(type: .int64, values: .int64([0]))] : keys,
                eventTimes: Column(type: .timestamp, values: .int64(times)),
                features: found.values
            ),
            position: position
        )
        return memory
    }

    /// One descent of the index of history for each entity; of rows with equal event times the one of the greatest position,
    /// of an event view the newest event in force.
    private func statement(_ view: ServedView, _ state: PinnedState, keyCount: Int) -> String {
        let stored = view.stored
        let list = view.rowList("h")
        let names = (0..<keyCount).map { "k\($0)" }
        // A global view has no keys, and one entity.
        let asked =
            names.isEmpty
            ? "(SELECT 1) k"
            : "(SELECT DISTINCT * FROM unnest(\(names.indices.map { "$\($0 + 1)" }.joined(separator: ", "))) "
                + "AS k (\(names.joined(separator: ", ")))) k"
        let equal =
            stored.keysGiven("h", count: keyCount) + [state.condition("h"), "h._event_time <= $\(keyCount + 1)"]
        let matches = equal.joined(separator: " AND ")
        let table = stored.historyTable
        let found: String
        if stored.eventFeature != nil {
            found = """
                CROSS JOIN LATERAL (SELECT \(list) FROM \(table) h
                    WHERE \(matches) AND \(stored.isInForce("h") { [state.condition($0)] })
                    ORDER BY \(stored.historyOrder("h")) LIMIT 1) f
                """
        } else if state.isOvertaken(stored) {
            let position = "(SELECT b.position FROM asof.batches b WHERE b.batch = h._batch LIMIT 1)"
            found = """
                CROSS JOIN LATERAL (SELECT h._event_time AS newest FROM \(table) h WHERE \(matches)
                    ORDER BY h._event_time DESC LIMIT 1) n
                CROSS JOIN LATERAL (SELECT \(list) FROM \(table) h WHERE \(matches) AND h._event_time = n.newest
                    ORDER BY \(position) DESC LIMIT 1) f
                """
        } else {
            found = """
                CROSS JOIN LATERAL (SELECT \(list) FROM \(table) h WHERE \(matches)
                    ORDER BY h._event_time DESC, h._batch DESC LIMIT 1) f
                """
        }
        return """
            SELECT * FROM (SELECT f.*, (pg_catalog.sum(f._size) OVER (ROWS UNBOUNDED PRECEDING))::bigint AS _sum
            FROM \(asked) \(found)) s WHERE s._sum - s._size < \(bytesMax)
            """
    }
}
