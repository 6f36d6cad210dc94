package import Features
package import PointInTime
import Postgres
package import Store

/// Reads single entities' history, and what was committed after a point.
package struct HistoryReader {
    private let session: Session
    private let view: StoredView
    /// Bytes of values that are read at a time, and at most one row more.
    private let bytesMax: Int

    package init(_ session: Session, _ view: StoredView, bytesMax: Int = ServingLimits.historyBytesMax) {
        self.session = session
        self.view = view
        self.bytesMax = bytesMax
    }

    /// Rows of history, in the order asked for.
    package struct Page: Sendable {
        package var eventTimes: [Int64] = []
        /// Whether a row is a tombstone.
        package var isDeleted: [Bool] = []
        /// In the order of the view's features.
        package var features: [Column] = []
        /// Whether further rows were left out since these have ``ServingLimits/historyBytesMax``.
        package var isCut = false

        package var rowCount: Int { eventTimes.count }

        package init() {}
    }

    /// An entity's rows between two event times, one for each event time, or event of an event view: of several the one with
    /// the greatest position.
    ///
    /// - Parameters:
    ///   - keys: one value for each of the view's keys.
    ///   - times: µs, inclusive.
    ///   - isReversed: newest first.
    ///   - limit: of rows; fewer are read where they have ``ServingLimits/historyBytesMax``, see ``Page/isCut``.
    package func range(
        _ keys: [Value],
        _ times: ClosedRange<Int64>,
        isReversed: Bool,
        limit: Int
    ) throws(StoreError) -> Page {
        let count = view.storageKeys.count
        let features = view.definition.features.map { ", h.\(SQLText.identifier($0.name))" }.joined()
        let event = view.eventFeature == nil ? "" : ", h.\(StoredView.eventColumn)"
        let identity = "h._event_time\(event)"
        let columns = view.definition.features.map { ($0.name, $0.type) }
        let direct = """
            SELECT DISTINCT ON (\(identity)) h._event_time, h._deleted\(features),
                \(ValueSizes.row(columns, "h")) AS _size\(event)
            FROM \(view.historyTable) h LEFT JOIN LATERAL (
                SELECT b.position FROM asof.batches b WHERE b.batch = h._batch AND b.view = \(view.id) LIMIT 1) b ON true
            WHERE \(view.keyCondition("h")) AND h._event_time >= $\(count + 1) AND h._event_time <= $\(count + 2)
            ORDER BY \(view.historyOrder("h", isReversed: isReversed)), b.position DESC LIMIT $\(count + 3)
            """
        // One row more than fits would be fetched to see that it is there, were there not its size.
        let rows = try session.query(
            ValueSizes.bounded(direct, order: view.historyOrder(isReversed: isReversed), bytesMax: bytesMax),
            view.keyParameters(keys) + [
                .timestamp(microseconds: times.lowerBound), .timestamp(microseconds: times.upperBound),
                .int64(Int64(limit)),
            ]
        )
        var page = try page(rows, firstColumn: 0)
        page.isCut = isFull(rows, size: 2 + columns.count) && rows.count < limit
        return page
    }

    /// Whether rows have as many bytes as are read at a time.
    /// - Parameter size: the column of a row's bytes; the last column has those of the rows before it.
    private func isFull(_ rows: Rows, size: Int) -> Bool {
        guard rows.count > 0 else { return false }
        let (size, before) = (rows.int64(rows.count - 1, size), rows.int64(rows.count - 1, rows.columnCount - 1))
        return (size ?? 0) + (before ?? 0) >= Int64(bytesMax)
    }

    private func page(_ rows: Rows, firstColumn: Int) throws(StoreError) -> Page {
        let all = (0..<rows.count).map { Int32($0) }
        var page = Page()
        for row in 0..<rows.count {
            page.eventTimes.append(rows.timestamp(row, firstColumn) ?? 0)
            page.isDeleted.append(rows.bool(row, firstColumn + 1) ?? false)
        }
        let reader = ResultColumn(rows: rows, rowOf: all)
        for (index, feature) in view.definition.features.enumerated() {
            page.features.append(try reader.read(firstColumn + 2 + index, as: feature.type, isNull: page.isDeleted))
        }
        return page
    }

    // MARK: Changes

    /// Up to where a reader of changes has come: everything of smaller positions, and of this one so many rows.
    package struct Cursor: Sendable, Hashable {
        package var position: Int64
        /// Rows of the position, counted from 1 in the order of keys, event times and events.
        package var ordinal: Int64

        package init(position: Int64, ordinal: Int64) {
            self.position = position
            self.ordinal = ordinal
        }
    }

    /// Committed rows in the order of positions, and in a position of keys, event times and events.
    package struct Changes: Sendable {
        package var cursors: [Cursor] = []
        /// One column for each of the view's keys.
        package var keys: [Column] = []
        package var rows = Page()
        /// From where to go on: behind the last row or, where there is none, behind what is committed.
        package var next: Cursor
        /// Whether, without rows, there may be some behind ``next`` nevertheless.
        package var isUnfinished = false

        package init(next: Cursor) { self.next = next }
    }

    /// The rows that were committed after a cursor.
    ///
    /// - Parameters:
    ///   - cursor: `nil` = behind everything that is committed.
    ///   - limit: of rows; fewer are read where they have ``ServingLimits/historyBytesMax``.
    /// - Throws: ``StoreError/position(_:)`` for a cursor that this store has not given.
    package func changes(after cursor: Cursor?, limit: Int) throws(StoreError) -> Changes {
        let head = try Ledger(session).head().position
        guard var cursor else { return Changes(next: Cursor(position: head + 1, ordinal: 0)) }
        guard cursor.position <= head + 1 else {
            throw .position(
                "no position \(cursor.position) in this store, whose newest is \(head): it was restored to an earlier state, "
                    + "or the cursor is another store's; begin with 0-0 or $"
            )
        }
        // Batches whose rows are all gone: after some of them the caller goes on, so that others have their turn.
        for _ in 0..<Self.emptyReadsMax {
            let batches = try batches(after: cursor, head: head, limit: limit)
            guard batches.count > 0, let last = batches.int64(batches.count - 1, 0) else {
                return Changes(next: cursor.position > head ? cursor : Cursor(position: head + 1, ordinal: 0))
            }
            let changes = try rows(of: batches, after: cursor, limit: limit)
            if changes.rows.rowCount > 0 { return changes }
            // All that these batches had was forgotten or dropped since, or read before.
            cursor = Cursor(position: last + 1, ordinal: 0)
        }
        var changes = Changes(next: cursor)
        changes.isUnfinished = true
        return changes
    }

    private static let emptyReadsMax = 100
    /// Batches may have lost their rows, so that few rows may need many.
    private static let batchesMin = 1_000

    /// Batches of the view from a cursor's position on, as many as may have `limit` rows behind it.
    private func batches(after cursor: Cursor, head: Int64, limit: Int) throws(StoreError) -> Rows {
        try session.query(
            """
            SELECT position, batch, rows, min_event_time, max_event_time FROM (
                SELECT b.*, sum(rows) OVER (ORDER BY position) - rows AS before FROM asof.batches b
                WHERE view = $1 AND position >= $2 AND position <= $3 AND kind IN ('data', 'materialize')
                ORDER BY position LIMIT $4) b
            WHERE before < $5 ORDER BY position
            """,
            [
                .int32(view.id), .int64(cursor.position), .int64(head), .int64(Int64(max(limit, Self.batchesMin)) + 1),
                .int64(Int64(max(limit, Self.batchesMin)) + min(cursor.ordinal, 1 << 60)),
            ]
        )
    }

    private func rows(of batches: Rows, after cursor: Cursor, limit: Int) throws(StoreError) -> Changes {
        var low: Int64 = .max
        var high: Int64 = .min
        for row in 0..<batches.count {
            low = min(low, batches.timestamp(row, 3) ?? low)
            high = max(high, batches.timestamp(row, 4) ?? high)
        }
        let features = view.featureList("h")
        let columns =
            view.storageKeys.map { ($0.name, $0.type.featureType) }
            + view.definition.features.map { ($0.name, $0.type) }
        let direct = """
            SELECT r.* FROM (
                SELECT p.position, row_number() OVER (
                        PARTITION BY p.position
                            ORDER BY \(view.keyList("h")), \(view.historyOrder("h", isReversed: false))) AS ordinal,
                    \(view.keyList("h")), h._event_time, h._deleted, \(features),
                    \(ValueSizes.row(columns, "h")) AS _size
                FROM unnest($1, $2) AS p (position, batch) JOIN \(view.historyTable) h ON h._batch = p.batch
                WHERE h._event_time >= $3 AND h._event_time <= $4) r
            WHERE position > $5 OR ordinal > $6
            ORDER BY position, ordinal LIMIT $7
            """
        let found = try session.query(
            ValueSizes.bounded(direct, order: "position, ordinal", bytesMax: bytesMax),
            [
                .int64Array((0..<batches.count).map { batches.int64($0, 0) ?? 0 }),
                .int64Array((0..<batches.count).map { batches.int64($0, 1) ?? 0 }),
                .timestamp(microseconds: low), .timestamp(microseconds: high),
                .int64(cursor.position), .int64(cursor.ordinal), .int64(Int64(limit)),
            ]
        )
        var changes = Changes(next: cursor)
        for row in 0..<found.count {
            changes.cursors.append(Cursor(position: found.int64(row, 0) ?? 0, ordinal: found.int64(row, 1) ?? 0))
        }
        if let last = changes.cursors.last { changes.next = last }
        let reader = ResultColumn(rows: found, rowOf: (0..<found.count).map { Int32($0) })
        let none = [Bool](repeating: false, count: found.count)
        for (index, key) in view.definition.keys.enumerated() {
            changes.keys.append(try reader.read(2 + index, as: key.type.featureType, isNull: none))
        }
        changes.rows = try page(found, firstColumn: 2 + view.storageKeys.count)
        return changes
    }
}
