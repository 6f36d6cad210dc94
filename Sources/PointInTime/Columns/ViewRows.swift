/// Rows for one view, decoded and checked.
package struct ViewRows: Sendable {
    /// In the order of the view's storage keys (a global view has one); without nulls.
    package var keys: [Column]
    /// Timestamps without nulls.
    package var eventTimes: Column
    /// Timestamps; null or absent = known when committed.
    package var knownAt: Column?
    /// Bools without nulls; absent = no row is a tombstone.
    package var isDeleted: Column?
    /// In the order of the view's features.
    package var features: [Column]

    package var rowCount: Int { eventTimes.rowCount }

    package init(
        keys: [Column],
        eventTimes: Column,
        knownAt: Column? = nil,
        isDeleted: Column? = nil,
        features: [Column]
    ) {
        self.keys = keys
        self.eventTimes = eventTimes
        self.knownAt = knownAt
        self.isDeleted = isDeleted
        self.features = features
    }

    /// Every column, in a fixed order.
    package var columns: [Column] { keys + [eventTimes] + [knownAt, isDeleted].compactMap(\.self) + features }

    package var eventTimeValues: [Int64] { eventTimes.int64Values }

    /// Rows with a time that was finer than µs.
    package var finerCount: Int {
        guard eventTimes.movedNs != nil || knownAt?.movedNs != nil else { return 0 }
        return (0..<rowCount).count { (eventTimes.movedNs?[$0] ?? 0) > 0 || (knownAt?.movedNs?[$0] ?? 0) > 0 }
    }
}

extension ViewRows {
    /// The rows that are not among `rows`, which ascend.
    package func removing(_ rows: [Int]) -> ViewRows {
        guard !rows.isEmpty else { return self }
        let removed = Set(rows)
        let kept = (0..<rowCount).filter { !removed.contains($0) }.map { Int32($0) }
        return ViewRows(
            keys: keys.map { $0.gather(kept) },
            eventTimes: eventTimes.gather(kept),
            knownAt: knownAt?.gather(kept),
            isDeleted: isDeleted?.gather(kept),
            features: features.map { $0.gather(kept) }
        )
    }

    package func slice(_ rows: Range<Int>) -> ViewRows {
        ViewRows(
            keys: keys.map { $0.slice(rows) },
            eventTimes: eventTimes.slice(rows),
            knownAt: knownAt?.slice(rows),
            isDeleted: isDeleted?.slice(rows),
            features: features.map { $0.slice(rows) }
        )
    }

    package mutating func append(_ other: ViewRows) {
        for index in keys.indices { keys[index].append(other.keys[index]) }
        eventTimes.append(other.eventTimes)
        if let more = other.knownAt { knownAt?.append(more) }
        if let more = other.isDeleted { isDeleted?.append(more) }
        for index in features.indices { features[index].append(other.features[index]) }
    }

    package var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// The given rows, in the given order.
    package func gather(_ rows: [Int32]) -> ViewRows {
        ViewRows(
            keys: keys.map { $0.gather(rows) },
            eventTimes: eventTimes.gather(rows),
            knownAt: knownAt?.gather(rows),
            isDeleted: isDeleted?.gather(rows),
            features: features.map { $0.gather(rows) }
        )
    }
}
