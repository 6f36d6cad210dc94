import Features
import Online
import PointInTime
import Postgres
import Store

/// Reads rows of committed batches from history into a view's memory. Within the caller's transaction.
struct BatchRows {
    let session: Session

    init(_ session: Session) { self.session = session }

    /// Rows of one view, decoded, with the position of each.
    struct Chunk {
        let view: ServedView
        let rows: ViewRows
        let positions: [Int64]

        func apply() { view.memory?.apply(rows, positions: positions) }
    }

    /// Applies rows as they come.
    /// - Parameter entries: data of the view, in any order.
    /// - Returns: rows read.
    @discardableResult
    func apply(_ entries: [FollowedEntry], to view: ServedView) throws(StoreError) -> Int {
        var count = 0
        try read(entries, of: view) { chunk in
            chunk.apply()
            count += chunk.rows.rowCount
        }
        return count
    }

    /// Reads rows without applying them.
    func collect(_ entries: [FollowedEntry], of view: ServedView) throws(StoreError) -> [Chunk] {
        var chunks: [Chunk] = []
        try read(entries, of: view) { chunks.append($0) }
        return chunks
    }

    private func read(
        _ entries: [FollowedEntry],
        of view: ServedView,
        _ body: (Chunk) -> Void
    ) throws(StoreError) {
        for entry in entries { view.freshness.add(entry.state, newest: entry.maxEventTime) }
        guard view.memory != nil, !entries.isEmpty else { return }
        let layout = view.layout
        // An online row of an event view may have come back, with all that it had.
        let features = layout.columns.filter { !$0.isRetired || layout.isByPosition }
        let keyCount = layout.keys.count
        let copy = try CopyOut(
            session,
            query: layout.isByPosition
                ? onlineQuery(entries, view.stored, features) : query(entries, view.stored, features),
            types: layout.keys.map(\.type.featureType) + [.timestamp, .bool, .int64] + features.map(\.type)
        )
        let positions = Dictionary(entries.map { ($0.batch, $0.state.position) }) { first, _ in first }
        while let columns = try copy.next(
            rowsMax: ServingLimits.memoryChunkRows,
            bytesMax: ServingLimits.memoryChunkBytes
        ) {
            let rows = ViewRows(
                keys: Array(columns[..<keyCount]),
                eventTimes: columns[keyCount],
                isDeleted: columns[keyCount + 1],
                features: Array(columns[(keyCount + 3)...])
            )
            body(
                Chunk(
                    view: view,
                    rows: rows,
                    positions: columns[keyCount + 2].int64Values.map { positions[$0] ?? 0 }
                )
            )
        }
    }

    private func query(_ entries: [FollowedEntry], _ view: StoredView, _ features: [RowLayout.Column]) -> String {
        let columns =
            [view.keyList("h"), "h._event_time", "h._deleted", "h._batch"]
            + features.map { "h.\(SQLText.identifier($0.feature))" }
        return "SELECT \(columns.joined(separator: ", ")) FROM \(view.historyTable) h WHERE \(Self.condition(entries))"
    }

    /// SQL: of an event view what is online of the entities in the batches, which is what counts at the last of them.
    private func onlineQuery(
        _ entries: [FollowedEntry],
        _ view: StoredView,
        _ features: [RowLayout.Column]
    ) -> String {
        let last = entries.max { $0.state.position < $1.state.position }
        let columns =
            [view.keyList("o"), "o._event_time", "o._deleted", "\(last?.batch ?? 0)::bigint"]
            + features.map { "o.\(SQLText.identifier($0.feature))" }
        return """
            SELECT \(columns.joined(separator: ", ")) FROM (
                SELECT DISTINCT \(view.keyList("h")) FROM \(view.historyTable) h WHERE \(Self.condition(entries))) k
            JOIN \(view.onlineTable) o ON \(view.keysEqual("o", "k"))
            """
    }

    static func condition(_ entries: [FollowedEntry]) -> String {
        var sql =
            entries.count == 1
            ? "h._batch = \(entries[0].batch)"
            : "h._batch = ANY ('{\(entries.map { String($0.batch) }.joined(separator: ","))}'::bigint[])"
        // Only partitions that may have such rows are looked at.
        if let low = entries.compactMap(\.minEventTime).min(), let high = entries.compactMap(\.maxEventTime).max() {
            sql += " AND h._event_time >= '\(Timestamp(microseconds: low).text)'::timestamptz"
            sql += " AND h._event_time <= '\(Timestamp(microseconds: high).text)'::timestamptz"
        }
        return sql
    }
}
