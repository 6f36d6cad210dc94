package import Features

/// The columns of a segment's file, in order: keys, `_event_time`, of a view of events `_event`, `_position`, `_known_at`,
/// `_deleted`, features.
package struct SegmentColumns: Sendable {
    package let keys: [KeyColumn]
    /// Of a view of events the column of their ids.
    package let event: KeyColumn?
    package let features: [FeatureDefinition]
    /// What names each feature for good, which its column has as its field id; none where nobody knows.
    private let featureIDs: [Int32]

    /// - Parameters:
    ///   - keys: at least one: a global view has a constant key.
    ///   - featureIDs: one a feature, or none.
    package init(
        keys: [KeyColumn],
        event: KeyColumn? = nil,
        features: [FeatureDefinition],
        featureIDs: [Int32] = []
    ) {
        precondition(!keys.isEmpty)
        precondition(featureIDs.isEmpty || featureIDs.count == features.count, "each feature has an id")
        self.featureIDs = featureIDs
        self.keys = keys
        self.event = event
        self.features = features
    }

    package static let eventTime = "_event_time"
    package static let position = "_position"
    package static let knownAt = "_known_at"
    package static let deleted = "_deleted"

    /// What rows are sorted by before their position.
    private var sorted: [(name: String, type: FeatureType)] {
        keys.map { ($0.name, $0.type.featureType) } + [(Self.eventTime, .timestamp)]
            + (event.map { [($0.name, $0.type.featureType)] } ?? [])
    }

    package var names: [String] {
        sorted.map(\.name) + [Self.position, Self.knownAt, Self.deleted] + features.map(\.name)
    }

    package var types: [FeatureType] {
        sorted.map(\.type) + [.int64, .timestamp, .bool] + features.map(\.type)
    }

    /// -1 = a column has none.
    var fieldIDs: [Int32] {
        [Int32](repeating: -1, count: requiredCount)
            + (featureIDs.isEmpty ? [Int32](repeating: -1, count: features.count) : featureIDs)
    }

    /// Those without nulls, which come first.
    var requiredCount: Int { sorted.count + 3 }
    /// Those that rows are sorted by, which come first: keys, event time, event, position.
    var sortedCount: Int { sorted.count + 1 }
}
