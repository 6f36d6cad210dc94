/// How online rows are moved, for all who write rows: one statement, wherever the rows come from.
extension StoredView {
    /// SQL: the columns of an online row that a row which comes in has values for.
    package var onlineColumns: String { "\(keyList()), _event_time, _deleted, \(featureList())" }

    /// SQL: has the online rows of entities be rows that come in, where those are not older.
    ///
    /// Older ones are left out twice: before the insert, by what the statement sees, so that they lock nothing and leave no
    /// dead rows; and on conflict, by what is online then, which decides. An event may be older than one that was deleted
    /// and be in force after it: of events only the second is asked.
    /// - Parameters:
    ///   - source: a table of the statement, with ``onlineColumns``.
    ///   - condition: SQL, which rows of `source` are meant: one an entity.
    ///   - order: SQL, an order by keys, so that of two writers none waits for the other in a circle.
    ///   - hidden: as in ``onlineUpdates(hidden:)``.
    package func onlineUpsert(
        from source: String,
        where condition: String = "true",
        order: String? = nil,
        hidden: [String]?
    ) -> String {
        let isOlder = "\(keysEqual("x", "n")) AND x._event_time > n._event_time"
        let first = eventFeature == nil ? " AND NOT EXISTS (SELECT FROM \(onlineTable) x WHERE \(isOlder))" : ""
        return """
            INSERT INTO \(onlineTable) AS o (\(onlineColumns)) SELECT \(onlineColumns) FROM \(source) AS n
            WHERE \(condition)\(first)
            ORDER BY \(order ?? keyList("n"))
            ON CONFLICT (\(keyList())) DO UPDATE SET \(onlineUpdates(hidden: hidden)) WHERE \(onlineCondition)
            """
    }
}
