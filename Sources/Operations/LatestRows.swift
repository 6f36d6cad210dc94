import Features
import Postgres
import Store

/// Entities of a view between two, in the order of their keys.
struct EntityRange {
    /// Not among them; `nil` = from the first.
    let above: [Value]?
    /// The last of them; `nil` = up to the last.
    let upTo: [Value]?
}

/// Statements about the latest row of each entity, by history, and what the online table has instead.
///
/// The newest event time of each entity comes from the index on keys and times alone; then that one row is fetched. `DISTINCT ON` would
/// read or sort whole rows.
struct LatestRows {
    private let view: StoredView

    /// - Parameter view: with hidden features.
    init(_ view: StoredView) { self.view = view }

    private var keys: [KeyColumn] { view.storageKeys }
    private var values: [String] {
        ["_event_time", "_deleted"] + view.definition.features.map { SQLText.identifier($0.name) }
    }
    private func list(_ alias: String) -> String {
        (keyNames + values).map { "\(alias).\($0)" }.joined(separator: ", ")
    }
    private var keyNames: [String] { keys.map { SQLText.identifier($0.name) } }

    // MARK: Ranges

    /// SQL: conditions on the entity that `alias` names, with ``parameters(_:)-(EntityRange)``.
    private func condition(_ range: EntityRange, _ alias: String) -> String {
        let row = "ROW(\(view.keyList(alias)))"
        var number = 0
        func bound() -> String {
            let places = keys.map { key in
                number += 1
                return "$\(number)\(key.type == .string ? "::text COLLATE \"C\"" : "::bigint")"
            }
            return "ROW(\(places.joined(separator: ", ")))"
        }
        var conditions: [String] = []
        if range.above != nil { conditions.append("\(row) > \(bound())") }
        if range.upTo != nil { conditions.append("\(row) <= \(bound())") }
        return conditions.isEmpty ? "true" : conditions.joined(separator: " AND ")
    }

    func parameters(_ range: EntityRange) -> [Parameter] {
        ((range.above ?? []) + (range.upTo ?? [])).map { key in
            switch key {
            case .int64(let value): .int64(value)
            case .string(let value): .text(value)
            default: preconditionFailure("a key is int64 or string")
            }
        }
    }

    /// The keys of a result's row, from a column on.
    func keys(_ rows: Rows, _ row: Int, at column: Int) -> [Value] {
        keys.enumerated().map { index, key in
            key.type == .string
                ? .string(rows.text(row, column + index) ?? "") : .int64(rows.int64(row, column + index) ?? 0)
        }
    }

    /// The entity at which a range ends that has about so many rows of history, and as many online at most. No row = it does not end.
    func boundQuery(_ range: EntityRange, rows: Int) -> String {
        func last(_ table: String) -> String {
            """
            (SELECT \(view.keyList("r")) FROM \(table) r WHERE \(condition(range, "r"))
                ORDER BY \(view.keyList("r")) OFFSET \(rows) LIMIT 1)
            """
        }
        return """
            SELECT * FROM (\(last(view.historyTable)) UNION ALL \(last(view.onlineTable))) b
            ORDER BY \(view.keyList("b")) LIMIT 1
            """
    }

    /// Of a range: in each row the number of its entities in history, and the keys of an entity that is wrong online; null keys in the
    /// only row where none is.
    func wrongQuery(_ range: EntityRange, _ session: Session) throws(StoreError) -> String {
        let anyKey = keyNames[0]
        let wrong = keyNames.map { "coalesce(l.\($0), o.\($0)) AS \($0)" }.joined(separator: ", ")
        let (left, right) = (values.map { "l.\($0)" }, values.map { "o.\($0)" })
        return """
            WITH l AS MATERIALIZED (\(try latest(range, session))),
            w AS (SELECT \(wrong) FROM l FULL JOIN (SELECT * FROM \(view.onlineTable) o WHERE \(condition(range, "o"))) o
                ON \(view.keysEqual("l", "o"))
                WHERE l.\(anyKey) IS NULL OR o.\(anyKey) IS NULL
                    OR ROW(\(left.joined(separator: ", "))) IS DISTINCT FROM ROW(\(right.joined(separator: ", "))))
            SELECT c.entities, \(view.keyList("w")) FROM (SELECT count(*) AS entities FROM l) c LEFT JOIN w ON true
            """
    }

    /// SQL: the latest rows of the entities of a range.
    private func latest(_ range: EntityRange, _ session: Session) throws(StoreError) -> String {
        if view.eventFeature != nil { return latestEvents(condition(range, "h")) }
        return """
            SELECT r.* FROM (SELECT \(view.keyList("h")), max(h._event_time) AS _event_time FROM \(view.historyTable) h
                WHERE \(condition(range, "h")) GROUP BY \(view.keyList("h"))) n
            CROSS JOIN LATERAL (SELECT \(list("h")) FROM \(view.historyTable) h
                WHERE \(view.keysEqual("h", "n")) AND h._event_time = n._event_time
                ORDER BY \(try view.tieOrder("h", session)) LIMIT 1) r
            """
    }

    private func latestEvents(_ condition: String) -> String {
        """
        SELECT DISTINCT ON (\(view.keyList("h"))) \(list("h")) FROM \(view.historyTable) h
        WHERE \(condition) AND \(view.isLastVersion("h"))
        ORDER BY \(view.keyList("h")), h._deleted, \(view.historyOrder("h"))
        """
    }

    // MARK: Some entities

    /// One array a key column.
    func parameters(_ entities: [[Value]]) -> [Parameter] {
        keys.indices.map { column in
            if keys[column].type == .string {
                return .textArray(
                    entities.map { if case .string(let text) = $0[column] { text } else { "" } }
                )
            }
            return .int64Array(entities.map { if case .int64(let number) = $0[column] { number } else { 0 } })
        }
    }

    /// SQL: the entities that ``parameters(_:)`` gives, as rows of keys.
    private var given: String {
        let arrays = keys.enumerated().map { index, key in
            "$\(index + 1)::\(key.type == .string ? "text[]" : "bigint[]")"
        }
        let columns = zip(keys, keyNames).map { key, name in
            key.type == .string ? "u.\(name) COLLATE \"C\" AS \(name)" : "u.\(name)"
        }
        return """
            SELECT \(columns.joined(separator: ", "))
            FROM unnest(\(arrays.joined(separator: ", "))) AS u (\(keyNames.joined(separator: ", ")))
            """
    }

    /// SQL: the latest rows of the entities `k`, by leaps: an entity may have any number of rows.
    private func latestOfGiven(_ session: Session) throws(StoreError) -> String {
        if view.eventFeature != nil {
            return latestEvents("(\(view.keyList("h"))) IN (SELECT \(view.keyList("k")) FROM k)")
        }
        return """
            SELECT r.* FROM k CROSS JOIN LATERAL (SELECT \(list("h")) FROM \(view.historyTable) h
                WHERE \(view.keysEqual("h", "k")) AND h._event_time = (
                    SELECT max(m._event_time) FROM \(view.historyTable) m WHERE \(view.keysEqual("m", "k")))
                ORDER BY \(try view.tieOrder("h", session)) LIMIT 1) r
            """
    }

    /// Puts the online rows of some entities right, which ``parameters(_:)`` gives: how many were removed, and written. Nobody may
    /// write into the view meanwhile.
    func mendQuery(_ session: Session) throws(StoreError) -> String {
        let columns = (keyNames + values).joined(separator: ", ")
        let online = values.map { "o.\($0)" }.joined(separator: ", ")
        let incoming = values.map { "excluded.\($0)" }.joined(separator: ", ")
        return """
            WITH k AS MATERIALIZED (\(given)), l AS MATERIALIZED (\(try latestOfGiven(session))),
            gone AS (DELETE FROM \(view.onlineTable) o USING k WHERE \(view.keysEqual("o", "k"))
                AND NOT EXISTS (SELECT FROM l WHERE \(view.keysEqual("l", "k"))) RETURNING 1),
            put AS (INSERT INTO \(view.onlineTable) AS o (\(columns)) SELECT \(list("l")) FROM l ORDER BY \(view.keyList("l"))
                ON CONFLICT (\(view.keyList())) DO UPDATE SET \(view.onlineUpdates(hidden: nil))
                WHERE ROW(\(online)) IS DISTINCT FROM ROW(\(incoming)) RETURNING 1)
            SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM put)
            """
    }
}
