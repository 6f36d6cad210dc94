package import Features
import Postgres

/// The columns in which history is read in bulk, and which segments have, in order: keys, event time, of a view of events their
/// ids, batch, known at, deleted, features.
///
/// Positions take the place of batches once they are looked up; both are int64.
package struct HistoryColumns: Sendable {
    package let types: [FeatureType]
    /// SQL's names.
    private let names: [String]
    package let keyCount: Int
    /// The place of the ids of events.
    package let event: Int?

    package init(_ view: StoredView, features: [FeatureDefinition]) {
        let event = view.eventKey
        keyCount = view.storageKeys.count
        self.event = event == nil ? nil : keyCount + 1
        types =
            view.storageKeys.map(\.type.featureType) + [.timestamp] + (event.map { [$0.type.featureType] } ?? [])
            + [.int64, .timestamp, .bool] + features.map(\.type)
        names =
            view.storageKeys.map(\.name) + ["_event_time"] + (event.map { [$0.name] } ?? [])
            + ["_batch", "_known_at", "_deleted"] + features.map(\.name)
    }

    package var eventTime: Int { keyCount }
    /// Of batches, or positions.
    package var position: Int { keyCount + (event == nil ? 1 : 2) }
    package var knownAt: Int { position + 1 }
    package var deleted: Int { position + 2 }
    /// The first feature; the columns before it have no nulls, but for `_known_at`.
    package var features: Int { position + 3 }
    /// What versions of one row have in common: keys, event time, event.
    package var identity: Range<Int> { 0..<position }

    /// SQL: the columns of the table that `alias` names.
    package func list(_ alias: String) -> String { Self.list(names[...], alias) }

    /// SQL: the order of a segment, but for versions of one row whose batches overtook one another.
    package func order(_ alias: String) -> String { Self.list(names[...position], alias) }

    private static func list(_ names: ArraySlice<String>, _ alias: String) -> String {
        names.map { "\(alias).\(SQLText.identifier($0))" }.joined(separator: ", ")
    }
}
