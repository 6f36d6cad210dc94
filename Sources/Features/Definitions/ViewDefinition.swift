/// A group of features of one entity tuple, one row per event.
package struct ViewDefinition: Hashable, Sendable, Codable {
    package var name: String
    /// Names of entities in key order; empty for a global view, which has one latest row.
    package var entities: [String]
    /// The entities' key columns, resolved when the file was read, in the order of ``entities``.
    package var keys: [KeyColumn]
    /// A value older than this is not returned, offline or online; `nil` = never expires. At least ``delay``.
    package var ttl: Interval?
    /// Offline only: a value counts as known this long after its event time.
    package var delay: Interval
    /// Offline only: whether the event time must lie strictly before the label time.
    package var isStrict: Bool
    package var missing: MissingPolicy
    package var isOnline: Bool
    package var partition: Partitioning
    /// At least one, in file order, which is the order that `view.*` expands to.
    package var features: [FeatureDefinition]
    /// What tells the view's rows apart beside key and event time; `nil` = nothing: a key has one row for an event time.
    package var events: EventIdentity?
    /// The model whose answers the view keeps, for `asof score`; `nil` = rows come from elsewhere.
    package var scoresOf: String?
    /// Of a window view, which stores nothing: what its features are computed of; `nil` = they are stored.
    package var windows: WindowTexts?
    /// What `asof materialize` runs; `nil` for a view that is only ingested into.
    package var source: BatchSource?
    /// How long history is kept once `asof drop-history` is run; `nil` = for ever. At least ``ttl``.
    package var retention: Interval?
    /// `asof status` complains where the newest event is older; `nil` = never.
    package var maxAge: Interval?
    /// `true` where rows were stored later than they were known: one without a known-at time then counts as known at its event
    /// time and ``delay``, for whoever looks at what was known; else it is known since its commit.
    package var isBackfilled: Bool?
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package init(
        name: String,
        entities: [String],
        keys: [KeyColumn],
        features: [FeatureDefinition],
        ttl: Interval? = nil,
        delay: Interval = .zero,
        isStrict: Bool = false,
        missing: MissingPolicy = .error,
        isOnline: Bool = true,
        partition: Partitioning = .month,
        source: BatchSource? = nil,
        description: String? = nil,
        owner: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.entities = entities
        self.keys = keys
        self.ttl = ttl
        self.delay = delay
        self.isStrict = isStrict
        self.missing = missing
        self.isOnline = isOnline
        self.partition = partition
        self.features = features
        self.source = source
        self.description = description
        self.owner = owner
        self.tags = tags
    }

    package var isGlobal: Bool { keys.isEmpty }

    /// Of an event view the place in ``features`` of what identifies an event.
    /// - Complexity: O(features).
    package var eventPlace: Int? {
        guard let events else { return nil }
        return features.firstIndex { $0.name == events.id }
    }

    /// - Complexity: O(features).
    package func feature(named name: String) -> FeatureDefinition? { features.first { $0.name == name } }

    /// One of the view's features as a service has it.
    package func column(
        _ feature: FeatureDefinition,
        alias: String? = nil,
        keys: [KeyMapping]
    ) -> FeatureColumn {
        var column = FeatureColumn(view: name, alias: alias, keys: keys, feature: feature.name, type: feature.type)
        column.window = windows.map { WindowColumn(of: $0.of, text: $0.texts[feature.name] ?? "") }
        return column
    }
}

/// What the features of a window view are: aggregates over the events of an event view.
package struct WindowTexts: Hashable, Sendable {
    /// The event view, whose leading keys are the window view's.
    package var of: String
    /// For each feature its window, as ``ExpressionTyping`` has normalized it.
    package var texts: [String: String]

    package init(of: String, texts: [String: String]) {
        self.of = of
        self.texts = texts
    }
}

/// As JSON a list, so that what is unknown in one of them is found.
extension WindowTexts: Codable {
    private enum CodingKeys: String, CodingKey {
        case of
        case windows = "texts"
    }

    private struct Window: Codable {
        var feature: String
        var text: String
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        of = try container.decode(String.self, forKey: .of)
        let windows = try container.decode([Window].self, forKey: .windows)
        texts = Dictionary(windows.map { ($0.feature, $0.text) }) { first, _ in first }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(of, forKey: .of)
        try container.encode(
            texts.sorted { $0.key < $1.key }.map { Window(feature: $0.key, text: $0.value) },
            forKey: .windows
        )
    }
}

/// What identifies an event of an event view beside its key and time: a correction has the same, and another event not.
package struct EventIdentity: Hashable, Sendable, Codable {
    /// The name of a feature of the view, a string or an int64, that no row is without.
    package var id: String

    package init(id: String) { self.id = id }
}

/// One column of a view's entity key.
package struct KeyColumn: Hashable, Sendable, Codable {
    package var name: String
    package var type: KeyType

    package init(name: String, type: KeyType) {
        self.name = name
        self.type = type
    }
}

package struct FeatureDefinition: Hashable, Sendable {
    package var name: String
    package var type: FeatureType
    package var description: String?
    /// What its values should be like; `nil` = whatever the type has.
    package var expectations: Expectations?
    /// Whether its values are kept out of messages, logs and reports.
    package var isPII: Bool

    package init(
        name: String,
        type: FeatureType,
        description: String? = nil,
        expectations: Expectations? = nil,
        isPII: Bool = false
    ) {
        self.name = name
        self.type = type
        self.description = description
        self.expectations = expectations
        self.isPII = isPII
    }
}

/// What an input row without one of the view's features means.
package enum MissingPolicy: String, Hashable, Sendable, Codable, CaseIterable {
    case error
    case null
}

/// The width of a history partition, by event time in UTC.
package enum Partitioning: String, Hashable, Sendable, Codable, CaseIterable {
    case day
    case month
    case year
    /// One partition for all times.
    case none
}

/// Where a batch view's rows come from.
package struct BatchSource: Hashable, Sendable, Codable {
    /// A query with the parameters `:from` and `:to`, a window of event times; see ``WindowedStatement``.
    package var sql: String
    /// How far behind the watermark rows may still appear: so much of the past is read again each time; `nil` = nothing.
    package var lateness: Interval?
    /// See ``tolerance``; `nil` = ``Tolerance/standard``, never written down otherwise.
    package var ownTolerance: Tolerance?

    /// How far floats may differ from what is stored and count as the same.
    package var tolerance: Tolerance { ownTolerance ?? .standard }

    package init(sql: String, lateness: Interval? = nil, tolerance: Tolerance = .standard) {
        self.sql = sql
        self.lateness = lateness
        ownTolerance = tolerance == .standard ? nil : tolerance
    }

    private enum CodingKeys: String, CodingKey {
        case sql, lateness
        case ownTolerance = "tolerance"
    }
}
