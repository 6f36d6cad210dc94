package import PointInTime

/// What windows gave, one row for each request, in the requests' order.
package struct WindowValues: Sendable {
    /// One for each window of the role.
    package var values: [Column]
    /// Of the newest event in any window; null where there is none.
    package var eventTimes: Column
    /// For each window its sums of integers that are null because they are beyond int64.
    package var overflows: [Int]
}

/// At what times, and of which state, windows are asked for.
package struct WindowRequests: Sendable {
    /// Of the window view's keys; a global view has none. Nulls match no event.
    package var keys: [Column]
    /// Timestamps; a null matches no event.
    package var times: Column
    /// Only what was known by each row's time counts.
    package var isKnownAtLabel = false
    /// int64: the position whose state a row reads, within the reader's; a null matches no event.
    package var positions: Column?

    package init(keys: [Column], times: Column, isKnownAtLabel: Bool = false, positions: Column? = nil) {
        self.keys = keys
        self.times = times
        self.isKnownAtLabel = isKnownAtLabel
        self.positions = positions
    }
}
