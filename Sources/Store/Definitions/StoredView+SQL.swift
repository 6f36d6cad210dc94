package import Features
package import Postgres

/// Conditions, orders and checks that statements about a view share.
extension StoredView {
    /// Refuses where the view is no longer as the caller knows it. To be called under its lock.
    package func refuseIfChanged(_ session: Session) throws(StoreError) {
        let rows = try session.query("SELECT shape, retired_at IS NOT NULL FROM asof.views WHERE id = $1", [.int32(id)])
        guard rows.count == 1, rows.bool(0, 1) == false, rows.int64(0, 0) == shape else {
            throw .conflict("the definition of view '\(name)' changed meanwhile; run the command again")
        }
    }

    /// SQL: the order that puts first, of rows with the same keys and event time, the one that counts.
    ///
    /// Where no batch of the view was overtaken by another, their numbers say it; else positions are looked up.
    package func tieOrder(_ alias: String, _ session: Session) throws(StoreError) -> String {
        let rows = try session.query(
            "SELECT EXISTS (SELECT FROM asof.batches WHERE batch < batch_high AND view = $1)",
            [.int32(id)]
        )
        return rows.bool(0, 0) == false
            ? "\(alias)._batch DESC"
            : "(SELECT b.position FROM asof.batches b WHERE b.batch = \(alias)._batch LIMIT 1) DESC"
    }

    /// SQL: an online row takes every value of the row that comes in.
    /// - Parameter hidden: columns that such a row has no values for, as its row in history: NULL.
    package func onlineUpdates(hidden: [String]?) -> String {
        let values = (["_event_time", "_deleted"] + definition.features.map(\.name)).map(SQLText.identifier)
        // Where definitions of a newer release hide what this one knows, it is a value still.
        let nulls = (hidden ?? []).map(SQLText.identifier).filter { !values.contains($0) }
        return (values.map { "\($0) = excluded.\($0)" } + nulls.map { "\($0) = NULL" }).joined(separator: ", ")
    }

    /// One entity's keys as a statement's first parameters.
    package func keyParameters(_ keys: [Value]) -> [Parameter] {
        if definition.keys.isEmpty { return [.int64(0)] }
        return keys.map { key in
            switch key {
            case .int64(let value): .int64(value)
            case .string(let value): .text(value)
            default: .text(nil)
            }
        }
    }

    /// SQL: the rows of the entity that ``keyParameters(_:)`` gives.
    package func keyCondition(_ alias: String) -> String {
        storageKeys.enumerated().map { index, key in
            "\(alias).\(SQLText.identifier(key.name)) = $\(index + 1)\(key.type == .string ? " COLLATE \"C\"" : "")"
        }.joined(separator: " AND ")
    }

    /// The view without TTL: for reading what has expired, too.
    package var withoutTTL: StoredView {
        var rules = definition.rules
        rules.ttl = nil
        return with(rules)
    }

    /// The view without TTL, delay and strictness: for reading the newest row whatever its time.
    package var withoutTimeRules: StoredView { with(ViewRules()) }
}
