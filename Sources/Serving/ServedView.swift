package import Features
package import Online
import PointInTime
package import Store
import Synchronization

/// A view as a server serves it, at one version of the definitions.
package final class ServedView: Sendable {
    package let stored: StoredView
    package let layout: RowLayout
    /// The latest rows; `nil` where they are read from PostgreSQL each time, or the view is not online.
    package let memory: ViewMemory?
    /// Whether the view is hidden now, and here for older versions of services only.
    package let isRetired: Bool
    /// The places of the view's features in ``RowLayout/columns``, retired ones included, by name.
    package let columns: NameTable<Int>
    /// The TTL that the view has now, µs; `nil` = values never expire. Versions of services have their own.
    package let ttlUs: Int64?
    /// Reads counted; the same object as long as the view is served.
    package let counters: ReadCounters
    package let freshness: ViewFreshness

    package init(
        _ stored: StoredView,
        layout: RowLayout,
        memory: ViewMemory?,
        isRetired: Bool = false,
        counters: ReadCounters = ReadCounters(),
        freshness: ViewFreshness = ViewFreshness()
    ) {
        self.stored = stored
        self.layout = layout
        self.memory = memory
        self.isRetired = isRetired
        self.counters = counters
        self.freshness = freshness
        columns = NameTable(layout.columns.enumerated().map { ($1.feature, $0) })
        ttlUs = stored.definition.ttl?.microseconds
    }

    package var name: String { stored.name }
    package var definition: ViewDefinition { stored.definition }

    /// The place of one of the view's own features; retired ones are not found.
    package func column(named name: Span<UInt8>) -> Int? {
        guard let column = columns[name], !layout.columns[column].isRetired else { return nil }
        return column
    }

    /// Whether the view has latest values at all: `online: false` keeps history only.
    package var isOnline: Bool { stored.definition.isOnline }

    /// How a row stands at a moment.
    /// - Parameter now: µs, see ``Serving/now()``.
    package func status(of row: PackedRow?, now: Int64) -> ValueStatus {
        guard let row, !row.isDeleted else { return .missing }
        if let ttlUs, row.eventTime < now.subtractingSaturating(ttlUs) { return .expired }
        return .present
    }
}

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
    func addWarned(_ values: Int) -> Int64 { warned.add(Int64(values), ordering: .relaxed).newValue }

    package struct Values: Sendable, Hashable {
        package var hits: Int64
        package var misses: Int64
        package var expired: Int64
        package var late: Int64
        package var refused: Int64 = 0
        package var warned: Int64 = 0
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
