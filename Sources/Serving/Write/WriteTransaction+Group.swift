import Features
import PointInTime
import Postgres
import Store

/// Why a group's transaction could not begin to write.
struct HeldViews: Error {
    /// Views that are being changed or rebuilt at this moment.
    var locked: Set<Int32> = []
    /// Views that are not as their writers know them.
    var changed: Set<Int32> = []
}

/// A group's transaction, or the views that stand in its way.
enum GroupStart {
    case begun(WriteTransaction)
    case held(HeldViews)
}

/// How a server writes a group: the semantics of ``WriteTransaction/write(_:to:source:)`` in few messages, without a
/// temporary table, whose making and dropping would swell the catalog a thousand times a second.
extension WriteTransaction {
    /// Begins a transaction and takes the views' locks if they are free, all in one message.
    ///
    /// - Parameter place: as in the initializer; `nil` = no write is numbered.
    static func begin(
        group views: [StoredView],
        on session: Session,
        lockTimeoutMs: Int = ServingLimits.groupLockTimeoutMs,
        place: inout (some SourcePlace)?
    ) throws(StoreError) -> GroupStart {
        let views = views.sorted { $0.id < $1.id }
        let ids = views.map { String($0.id) }.joined(separator: ",")
        let locks = views.map {
            "pg_try_advisory_xact_lock_shared(\(AdvisoryLock.space), \(AdvisoryLock.view($0.id)))"
        }
        let options = Connection.TransactionOptions(
            isReadOnly: false,
            lockTimeoutMs: lockTimeoutMs,
            statementTimeoutMs: ServingLimits.groupStatementTimeoutMs
        )
        let start = """
            SELECT \(locks.joined(separator: ", "));
            SELECT id, shape FROM asof.views WHERE id = ANY ('{\(ids)}') AND retired_at IS NULL;
            \(hiddenQuery(views));
            SELECT nextval('asof.batch_numbers'), pg_current_xact_id()::text
            """
        do throws(StoreError) {
            let results: [Rows]
            if place != nil {
                try session.begin(options)
                try place?.lock(session)
                results = try session.execute(start)
            } else {
                results = try session.begin(options, then: start)
            }
            guard results.count >= 4, let batch = results[results.count - 1].text(0, 0).flatMap({ Int64($0) }),
                let transaction = results[results.count - 1].text(0, 1)
            else { throw StoreError.conflict("the sequence asof.batch_numbers gave no number") }
            let held = held(views, locks: results[results.count - 4], shapes: results[results.count - 3])
            guard held.locked.isEmpty, held.changed.isEmpty else {
                session.connection.rollBack()
                return .held(held)
            }
            let hidden = hidden(results[results.count - 2])
            return .begun(
                WriteTransaction(session: session, batch: batch, transactionID: transaction, hidden: hidden)
            )
        } catch {
            session.connection.rollBack()
            throw error
        }
    }

    private static func held(_ views: [StoredView], locks: Rows, shapes: Rows) -> HeldViews {
        var held = HeldViews()
        var known: [Int32: Int64] = [:]
        for row in 0..<shapes.count {
            if let id = shapes.text(row, 0).flatMap({ Int32($0) }),
                let shape = shapes.text(row, 1).flatMap({ Int64($0) })
            {
                known[id] = shape
            }
        }
        for (index, view) in views.enumerated() {
            if locks.text(0, index) != "t" {
                held.locked.insert(view.id)
            } else if known[view.id] != view.shape {
                held.changed.insert(view.id)
            }
        }
        return held
    }

    /// Stores rows in history and moves the online table. Call once a view, in ascending order of ``StoredView/id``.
    ///
    /// - Returns: with the counts, for whoever follows what is online, the rows that are the newest of their entity, in key
    ///   order; of an event view those that are online then.
    func writeGroup(
        _ rows: ViewRows,
        to view: StoredView
    ) throws(StoreError) -> (counts: WriteCounts, newest: ViewRows) {
        let times = rows.eventTimeValues
        guard let low = times.min(), let high = times.max() else { return (WriteCounts(), rows) }
        let range = Timestamp(microseconds: low)...Timestamp(microseconds: high)
        var order = HistoryOrder(rows, of: view)
        let newest = order.newest
        var counts = WriteCounts(stored: order.rows.count, duplicates: order.duplicateCount)
        let parameterCount = order.rows.count * rows.columns.count
        let isSmall = order.rows.count <= ServingLimits.statementRowsMax
        // An event view's online rows are moved by statements of their own.
        let isOneStatement = isSmall && rows.knownAt == nil && view.eventFeature == nil
        if isOneStatement, parameterCount <= ServingLimits.statementParametersMax {
            counts.late = try writeStatement(rows, order, to: view)
        } else {
            let (partitions, ranges) = KnownPartitions(view: view).partition(times)
            order.group(by: partitions, partitionCount: ranges.count)
            try copyHistory(rows, order.rows, to: view)
            if view.definition.isOnline {
                counts.late =
                    newest.count
                    - (try moveOnlineFromHistory(view, range, hasTombstones: rows.hasTombstones))
            }
        }
        entries.append(LedgerEntry(view: view.id, kind: .data, rows: counts.stored, eventTimes: range))
        let isOfEvents = view.eventFeature != nil && view.definition.isOnline
        return (counts, isOfEvents ? try onlineRows(of: rows.gather(newest), view) : rows.gather(newest))
    }

    /// What is online of some entities of an event view, whose rows this transaction has locked.
    private func onlineRows(of rows: ViewRows, _ view: StoredView) throws(StoreError) -> ViewRows {
        let names = rows.keys.indices.map { "k\($0)" }
        let equal = view.keysGiven("o", count: names.count)
        let found = try session.query(
            """
            SELECT \(view.keyList("o")), o._event_time, o._deleted, \(view.featureList("o"))
            FROM unnest(\(names.indices.map { "$\($0 + 1)" }.joined(separator: ", "))) AS k (\(names.joined(separator: ", ")))
            JOIN \(view.onlineTable) o ON \(equal.joined(separator: " AND "))
            """,
            rows.keys.map(FetchedRows.parameter)
        )
        let reader = ResultColumn(rows: found, rowOf: (0..<found.count).map { Int32($0) })
        let none = [Bool](repeating: false, count: found.count)
        let types =
            view.storageKeys.map(\.type.featureType) + [.timestamp, .bool] + view.definition.features.map(\.type)
        var columns: [Column] = []
        for (index, type) in types.enumerated() { columns.append(try reader.read(index, as: type, isNull: none)) }
        let keyCount = view.storageKeys.count
        return ViewRows(
            keys: Array(columns[..<keyCount]),
            eventTimes: columns[keyCount],
            isDeleted: columns[keyCount + 1],
            features: Array(columns[(keyCount + 2)...])
        )
    }

    /// A few rows as the values of one statement.
    ///
    /// - Returns: how many entities' newest rows were older than what is online.
    private func writeStatement(
        _ rows: ViewRows,
        _ order: HistoryOrder,
        to view: StoredView
    ) throws(StoreError) -> Int {
        var parameters: [Parameter] = []
        var tuples: [String] = []
        let newest = Set(order.newest)
        for (place, row) in order.rows.enumerated() {
            var items: [String] = []
            for column in rows.keys + [rows.eventTimes] + rows.features {
                parameters.append(Parameter(column, Int(row)))
                items.append("$\(parameters.count)")
            }
            items.append(rows.isDeleted?.isTrue(Int(row)) == true ? "true" : "false")
            items.append(newest.contains(row) ? "true" : "false")
            items.append(String(place))
            tuples.append("(\(items.joined(separator: ",")))")
        }
        let keys = view.keyList()
        let features = view.featureList()
        var sql = """
            WITH v (\(keys), _event_time, \(features), _deleted, _newest, _place) AS MATERIALIZED (
                VALUES \(tuples.joined(separator: ","))
            ), stored AS (
                INSERT INTO \(view.historyTable) (\(keys), _event_time, _batch, _deleted, \(features))
                SELECT \(keys), _event_time, \(batch), _deleted, \(features) FROM v ORDER BY _place
                RETURNING 1
            )
            """
        if view.definition.isOnline {
            let upsert = view.onlineUpsert(from: "v", where: "_newest", order: "_place", hidden: hidden[view.id])
            sql += """
                , upserted AS (
                    \(upsert)
                    RETURNING 1
                )
                SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM upserted)
                """
        } else {
            sql += " SELECT (SELECT count(*) FROM stored), \(order.newest.count)::bigint"
        }
        let result = try session.query(sql, parameters)
        guard let stored = result.int64(0, 0), Int(stored) == order.rows.count, let upserted = result.int64(0, 1) else {
            throw .conflict("history took another number of rows than it was given")
        }
        return order.newest.count - Int(upserted)
    }
}

extension Column {
    /// Whether a bool column has a true there.
    func isTrue(_ row: Int) -> Bool {
        guard case .bool(let values) = values, !isNull(row) else { return false }
        return values[row]
    }
}
