package import Features

/// The columns of a segment's file, in order: keys, `_event_time`, `_position`, `_known_at`, `_deleted`, features.
package struct SegmentColumns: Sendable {
    package let keys: [KeyColumn]
    package let features: [FeatureDefinition]

    /// - Parameter keys: at least one: a global view has a constant key.
    package init(keys: [KeyColumn], features: [FeatureDefinition]) {
        precondition(!keys.isEmpty)
        self.keys = keys
        self.features = features
    }

    package static let eventTime = "_event_time"
    package static let position = "_position"
    package static let knownAt = "_known_at"
    package static let deleted = "_deleted"

    package var names: [String] {
        keys.map(\.name) + [Self.eventTime, Self.position, Self.knownAt, Self.deleted] + features.map(\.name)
    }

    package var types: [FeatureType] {
        keys.map(\.type.featureType) + [.timestamp, .int64, .timestamp, .bool] + features.map(\.type)
    }

    /// Those without nulls, which come first.
    var requiredCount: Int { keys.count + 4 }
    /// Those that rows are sorted by, which come first: keys, event time, position.
    var sortedCount: Int { keys.count + 2 }
}
