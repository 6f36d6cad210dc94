import Features
package import PointInTime
import Synchronization

/// The latest values of a store, in this process: loaded at start, then following the ledger.
///
/// Made once a server. Everything that waits for PostgreSQL happens on threads of its own; what event loops call here
/// returns at once.
package final class Serving: Sendable {
    package let conninfo: String
    package let options: ServingOptions
    let clock = ClockOffset()
    let waits = PositionWaits()
    private let published: Mutex<Catalog>
    private let progress = Mutex(ServingState())

    /// - Parameter conninfo: see ``Session/init(conninfo:)``.
    package init(conninfo: String, options: ServingOptions = ServingOptions()) {
        self.conninfo = conninfo
        self.options = options
        published = Mutex(Catalog.empty)
    }

    /// Begins to load and to follow, on threads; ``state`` says when the values are there.
    package func start() { waits.start() }

    /// Ends all threads, within a second or two; whoever waits is told.
    package func stop() { waits.stop() }

    /// What is served now. Event loops take it once a command.
    package var catalog: Catalog { published.withLock { $0 } }

    package var state: ServingState {
        var state = progress.withLock { $0 }
        state.clockOffsetUs = clock.difference
        state.clockRoundTripUs = clock.roundTrip
        return state
    }

    /// PostgreSQL's clock, µs since 1970-01-01 UTC: by it values expire.
    package func now() -> Int64 { clock.now }

    // MARK: Waiting

    package enum Reached: Sendable, Hashable {
        case reached, timedOut
        /// The server is stopping, or the wait was cancelled.
        case stopped
    }

    /// Calls `finish` once, from any thread: when everything up to a position has been applied, or at the timeout.
    ///
    /// - Returns: by which ``cancelWait(_:)`` ends the wait early; 0 where it has ended already.
    @discardableResult
    package func whenReached(
        _ position: Int64,
        timeoutMs: Int,
        finish: @escaping @Sendable (Reached) -> Void
    ) -> Int64 {
        waits.wait(for: position, timeoutMs: timeoutMs, finish)
    }

    package func cancelWait(_ id: Int64) { waits.cancel(id) }

    // MARK: Own commits

    /// Takes what this process has committed: all parts of one transaction at once, before its clients are answered.
    package func apply(_ parts: [(view: StoredView, rows: ViewRows)], state: LedgerState) {
        let catalog = catalog
        for (view, rows) in parts {
            guard let served = catalog.all[view.id], served.stored.shape == view.shape else { continue }
            served.memory?.apply(rows, position: state.position)
        }
    }

    // MARK: Views that are not resident

    /// Reads rows of a view that is not in memory, by one batched query; `finish` is called once, from any thread.
    ///
    /// - Parameters:
    ///   - keys: one column for each of the view's keys, in its order, without nulls; a global view has none.
    ///   - finish: gets a memory of the view's layout that holds the rows that were found.
    package func fetch(
        _ view: ServedView,
        keys: [Column],
        finish: @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
    ) {
        finish(.failure(.unavailable(reason: "not connected")))
    }
}

extension Catalog {
    /// Before the first load.
    static let empty = Catalog(.empty, views: [], versions: [])
}
