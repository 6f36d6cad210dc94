import Features
import Postgres

/// Events in SQL: rows of history with equal keys, event time and id are versions of one event, and the one with the
/// greatest position counts. An event is in force unless that version is a tombstone.
extension StoredView {
    /// SQL: newest first, as history's index has a key's rows; of events at one time the greater id is the newer.
    package func historyOrder(_ alias: String = "", isReversed: Bool = true) -> String {
        let prefix = alias.isEmpty ? "" : alias + "."
        let direction = isReversed ? "DESC" : "ASC"
        let event = eventFeature == nil ? "" : ", \(prefix)\(Self.eventColumn) \(direction)"
        return "\(prefix)_event_time \(direction)\(event)"
    }

    /// SQL: equal event times, and of an event view equal events.
    package func isSameEvent(_ left: String, _ right: String) -> String {
        let event = eventFeature == nil ? "" : " AND \(left).\(Self.eventColumn) = \(right).\(Self.eventColumn)"
        return "\(left)._event_time = \(right)._event_time\(event)"
    }

    /// SQL: whether no later version of an event view's row is known to whoever asks.
    ///
    /// A batch that is not in the ledger yet is the caller's own, and later than all others.
    /// - Parameter among: which versions there are for the caller, of the alias that it is given.
    package func isLastVersion(_ alias: String, among: (String) -> [String] = { _ in [] }) -> String {
        func position(_ row: String) -> String {
            "coalesce((SELECT b.position FROM asof.batches b WHERE b.batch = \(row)._batch LIMIT 1), \(Int64.max))"
        }
        let other = "v"
        let conditions =
            [keysEqual(other, alias), isSameEvent(other, alias), "\(other)._batch <> \(alias)._batch"]
            + among(other) + ["\(position(other)) > \(position(alias))"]
        return "NOT EXISTS (SELECT FROM \(historyTable) \(other) WHERE \(conditions.joined(separator: " AND ")))"
    }

    /// SQL: whether an event view's row is an event in force.
    package func isInForce(_ alias: String, among: (String) -> [String] = { _ in [] }) -> String {
        "NOT \(alias)._deleted AND \(isLastVersion(alias, among: among))"
    }

    /// SQL: whether an event view's row that comes in replaces the online one, `excluded` and `o`: an event that comes in
    /// is in force, whatever was there, and of two in force the newer one stays.
    package var onlineCondition: String {
        guard let event = eventFeature.map({ SQLText.identifier($0.name) }) else {
            return "excluded._event_time >= o._event_time"
        }
        let isNewer = "(excluded._event_time, excluded.\(event)) >= (o._event_time, o.\(event))"
        return "CASE WHEN excluded._deleted = o._deleted THEN \(isNewer) ELSE o._deleted END"
    }
}
