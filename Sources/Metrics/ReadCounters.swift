import Synchronization

/// Reads of a view, for FS.STATS; added to once a command.
package final class ReadCounters: Sendable {
    private let hits = Atomic<Int64>(0)
    private let misses = Atomic<Int64>(0)
    private let expired = Atomic<Int64>(0)
    private let late = Atomic<Int64>(0)
    private let refused = Atomic<Int64>(0)
    private let warned = Atomic<Int64>(0)

    package init() {}

    /// - Parameters:
    ///   - hits: entities with values.
    ///   - misses: entities without a row, or with a tombstone.
    package func add(hits: Int = 0, misses: Int = 0, expired: Int = 0) {
        if hits > 0 { self.hits.add(Int64(hits), ordering: .relaxed) }
        if misses > 0 { self.misses.add(Int64(misses), ordering: .relaxed) }
        if expired > 0 { self.expired.add(Int64(expired), ordering: .relaxed) }
    }

    /// Counts rows that this server wrote and that were older than what is online.
    package func addLate(_ rows: Int) {
        if rows > 0 { late.add(Int64(rows), ordering: .relaxed) }
    }

    /// Counts rows that this server did not store since they do not meet the view's expectations.
    package func addRefused(_ rows: Int) {
        if rows > 0 { refused.add(Int64(rows), ordering: .relaxed) }
    }

    /// Counts values that this server stored although they are not as expected.
    /// - Returns: how many there are by now.
    package func addWarned(_ values: Int) -> Int64 { warned.add(Int64(values), ordering: .relaxed).newValue }

    package struct Values: Sendable, Hashable {
        package var hits: Int64
        package var misses: Int64
        package var expired: Int64
        package var late: Int64
        package var refused: Int64 = 0
        package var warned: Int64 = 0

        package init(
            hits: Int64 = 0,
            misses: Int64 = 0,
            expired: Int64 = 0,
            late: Int64 = 0,
            refused: Int64 = 0,
            warned: Int64 = 0
        ) {
            self.hits = hits
            self.misses = misses
            self.expired = expired
            self.late = late
            self.refused = refused
            self.warned = warned
        }
    }

    package var values: Values {
        Values(
            hits: hits.load(ordering: .relaxed),
            misses: misses.load(ordering: .relaxed),
            expired: expired.load(ordering: .relaxed),
            late: late.load(ordering: .relaxed),
            refused: refused.load(ordering: .relaxed),
            warned: warned.load(ordering: .relaxed)
        )
    }
}
