import Features

/// What a view gave for a block of spine rows.
package struct JoinedView: Sendable {
    /// The role's features, one value a spine row.
    package var features: [Column]
    /// Event time and position of each matched row, also of a tombstone; null where none matched. Only where asked for.
    package var eventTimes: Column?
    package var positions: Column?
    /// Label time minus event time of each matched row, µs, saturated; null where none was valid.
    package var ages: Column
    package var counts: JoinCounts

    package init(features: [Column], eventTimes: Column?, positions: Column?, ages: Column, counts: JoinCounts) {
        self.features = features
        self.eventTimes = eventTimes
        self.positions = positions
        self.ages = ages
        self.counts = counts
    }
}

/// How a view's look-ups ended; their sum is the number of spine rows.
package struct JoinCounts: Sendable, Hashable, Codable {
    /// A row was valid then.
    package var matched = 0
    /// No row, a tombstone, or a null key or time.
    package var missing = 0
    /// The newest row was older than the view's TTL.
    package var expired = 0

    package init() {}

    package static func += (left: inout JoinCounts, right: JoinCounts) {
        left.matched += right.matched
        left.missing += right.missing
        left.expired += right.expired
    }
}
