package import Features
package import Metrics
package import Online
import Store

extension Serving {
    /// What all views together hold and answered.
    package struct Totals: Sendable, Hashable {
        /// Entities with a latest value in memory, tombstones left out.
        package var entities = 0
        package var tombstones = 0
        package var bytes = 0
        package var residentViews = 0
        /// In memory for windows, and what they take of ``bytes``.
        package var events = 0
        package var eventBytes = 0
        package var reads = ReadCounters.Values()
    }

    /// - Complexity: O(views).
    package var totals: Totals {
        var totals = Totals()
        for view in catalog.views {
            let reads = view.counters.values
            totals.reads.hits += reads.hits
            totals.reads.misses += reads.misses
            totals.reads.expired += reads.expired
            totals.reads.late += reads.late
            totals.events += view.events.reduce(0) { $0 + $1.figures.events }
            totals.eventBytes += view.eventBytes
            totals.bytes += view.eventBytes
            guard let figures = view.memory?.figures else { continue }
            totals.entities += figures.rows - figures.tombstones
            totals.tombstones += figures.tombstones
            totals.bytes += figures.bytes
            totals.residentViews += 1
        }
        return totals
    }

    /// How old what is served may be, in µs: 0 while everything committed is followed, else the time since that was so.
    package func lagUs(_ state: ServingState) -> Int64 {
        if state.downSince == nil, state.lag == 0, !state.isLoading { return 0 }
        return max(now() - (state.caughtUpAt > 0 ? state.caughtUpAt : now()), 0)
    }

    /// Reads from PostgreSQL when an entity's latest row was committed; `finish` is called once, from any thread.
    package func freshness(
        of view: ServedView,
        keys: [Value],
        of asker: String = "",
        finish: @escaping @Sendable (Result<EntityFreshness, ServingError>) -> Void
    ) {
        query(of: asker, finish) { (session) throws(StoreError) in
            try EntityFreshness.read(view.stored, keys: keys, session)
        }
    }
}

extension ViewMemory.Reader {
    /// The row of an entity given by its keys' values, in the view's order; none for a global view. For single look-ups.
    package func row(entity: [Value]) -> PackedRow? {
        if layout.keyForm == .int64 {
            guard case .int64(let key) = entity.first ?? .int64(0) else { return nil }
            return row(key)
        }
        var key = EntityKey(layout.keys)
        key.append(entity)
        return key.bytes.withUnsafeBytes { row(keyBytes: $0) }
    }
}
