import Features
import Postgres
import Store

extension StagedRows {
    /// Takes away the rows that stand in history as they are: same keys, event time and values, and no later row of the
    /// same keys and time says otherwise; and those whose floats differ within the view's tolerance.
    ///
    /// What stands in history is what later runs are compared with, too, so that small differences never add up.
    /// - Returns: how many were equal, and how many within the tolerance.
    func removeKnown() throws(StoreError) -> (equal: Int, suppressed: Int) {
        guard let eventTimes, let known = try knownTimes(eventTimes) else { return (0, 0) }
        let order = try view.tieOrder("h", session)
        let features = view.definition.features
        let stored = features.map { "w.\(SQLText.identifier($0.name))" }.joined(separator: ", ")
        let staged = features.map { "s.\(SQLText.identifier($0.name))" }.joined(separator: ", ")
        let equal = try remove(known, order, where: "ROW(\(stored)) IS NOT DISTINCT FROM ROW(\(staged))")
        let tolerance = view.definition.source?.tolerance ?? .exact
        let near = features.map { tolerance.condition("w.", "s.", $0) }
        guard near.contains(where: { $0 != nil }) else { return (equal, 0) }
        let conditions = zip(features, near).map { feature, near in
            let name = SQLText.identifier(feature.name)
            let isEqual = "w.\(name) IS NOT DISTINCT FROM s.\(name)"
            return near.map { "(\(isEqual) OR \($0))" } ?? isEqual
        }
        return (equal, try remove(known, order, where: conditions.joined(separator: " AND ")))
    }

    /// - Parameter condition: of `w`, the row of history that counts, and `s`, the staged one.
    private func remove(
        _ times: ClosedRange<Timestamp>,
        _ order: String,
        where condition: String
    ) throws(StoreError) -> Int {
        let event =
            view.eventFeature.map { " AND h.\(StoredView.eventColumn) = s.\(SQLText.identifier($0.name))" } ?? ""
        return try session.query(
            """
            DELETE FROM \(query.stage) s
            WHERE s._event_time >= '\(times.lowerBound.text)' AND s._event_time <= '\(times.upperBound.text)' AND EXISTS (
                SELECT FROM (
                    SELECT h._deleted, \(view.featureList("h")) FROM \(view.historyTable) h
                    WHERE \(view.keysEqual("h", "s")) AND h._event_time = s._event_time\(event)
                    ORDER BY \(order) LIMIT 1) w
                WHERE NOT w._deleted AND \(condition))
            """
        ).affectedCount
    }

    /// The part of `times` in which history may have rows already, by the ledger; `nil` = none.
    private func knownTimes(_ times: ClosedRange<Timestamp>) throws(StoreError) -> ClosedRange<Timestamp>? {
        let rows = try session.query(
            """
            SELECT min(min_event_time), max(max_event_time) FROM asof.batches
            WHERE view = $1 AND rows > 0 AND max_event_time >= $2 AND min_event_time <= $3
            """,
            [
                .int32(view.id), .timestamp(microseconds: times.lowerBound.microseconds),
                .timestamp(microseconds: times.upperBound.microseconds),
            ]
        )
        guard let low = rows.timestamp(0, 0), let high = rows.timestamp(0, 1) else { return nil }
        return Timestamp(
            microseconds: max(low, times.lowerBound.microseconds)
        )...Timestamp(
            microseconds: min(high, times.upperBound.microseconds)
        )
    }
}

extension Tolerance {
    /// SQL: whether two rows' values of a feature, which are not equal, differ within the tolerance; not true where one is
    /// null. `nil` = none does, of a feature without floats or where the tolerance is finer than its type.
    ///
    /// - Parameters:
    ///   - left: of one row's columns, as `w.`.
    ///   - right: of the other's.
    func condition(_ left: String, _ right: String, _ feature: FeatureDefinition) -> String? {
        let name = SQLText.identifier(feature.name)
        switch feature.type {
        case .float64 where value > 0: return Self.isNear(left + name, right + name, value, wholeMax: Self.wholeMax)
        case .float32 where value >= Self.float32Min:
            return Self.isNear(
                "\(left)\(name)::float8",
                "\(right)\(name)::float8",
                value,
                wholeMax: Self.wholeFloat32Max
            )
        case .vector where value >= Self.float32Min:
            let isNear = Self.isNear("u.a::float8", "u.b::float8", value, wholeMax: Self.wholeFloat32Max)
            return """
                (cardinality(\(left)\(name)) = cardinality(\(right)\(name)) AND NOT EXISTS (
                    SELECT FROM unnest(\(left)\(name), \(right)\(name)) AS u (a, b)
                    WHERE NOT (u.a = u.b OR \(isNear))))
                """
        default: return nil
        }
    }

    /// As ``accepts(_:_:)`` of values that are not equal. The cases stand in this order so that nothing overflows or
    /// underflows, which PostgreSQL makes an error.
    private static func isNear(_ left: String, _ right: String, _ value: Double, wholeMax: Double) -> String {
        let special = "('NaN'::float8, 'Infinity'::float8, '-Infinity'::float8)"
        let magnitude = "greatest(abs(\(left)), abs(\(right)))"
        return """
            CASE WHEN \(left) IN \(special) OR \(right) IN \(special) THEN false
                WHEN (\(left) > 0) <> (\(right) > 0) THEN false
                WHEN \(magnitude) < '\(magnitudeMin)'::float8 THEN false
                WHEN \(magnitude) < '\(wholeMax)'::float8 AND \(left) = trunc(\(left))
                    AND \(right) = trunc(\(right)) THEN false
                ELSE abs(\(left) - \(right)) <= '\(value)'::float8 * \(magnitude) END
            """
    }
}
