import Features
import Glibc
package import Online
package import PointInTime
package import Store
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
    /// Whoever applies holds it, so that commits and catalogs replace one another in one order.
    let applied = Mutex(AppliedPositions())
    /// Held by who applies events in pieces, between which ``applied`` is free; it is taken before that.
    let pieces = Mutex(())
    /// Held for writing while a position is applied to several views; see ``readTogether(_:)``.
    private let together = ReadWriteLock()
    /// Odd while ``changeTogether(_:)`` runs.
    private let changes = Atomic<UInt64>(0)
    private let partialChanges = Atomic<Int>(0)
    /// Whether who asked last was not let read, see ``readTogether(_:)``; before the next partial change they have a moment.
    private let wasTurnedAway = Atomic(false)
    private let published = Mutex(Catalog.empty)
    private let progress = Mutex(ServingState())
    private let reachedPosition = Atomic<Int64>(0)
    private let follower = Mutex<Follower?>(nil)
    private let hasStopped = Atomic(false)
    private let workers: SessionWorkers
    /// What whoever reads PostgreSQL beside the memories has to find there.
    package let loaded = LoadedStore()

    /// - Parameter conninfo: see ``Session/init(conninfo:connectTimeoutSeconds:)``.
    package init(conninfo: String, options: ServingOptions = ServingOptions()) {
        self.conninfo = conninfo
        self.options = options
        workers = SessionWorkers(
            conninfo: conninfo,
            threads: options.fetchConnections,
            statementTimeoutMs: options.fetchTimeoutMs,
            loaded: loaded
        )
    }

    /// Begins to load and to follow, on threads; ``state`` says when the values are there.
    package func start() {
        waits.start()
        workers.start()
        let follower = Follower(self)
        self.follower.withLock { $0 = follower }
        follower.start()
    }

    /// Ends all threads; whoever waits is told.
    ///
    /// - Parameter end: when waits for PostgreSQL are given up; ``ServingLimits/stopGraceMs`` later this returns in any case.
    package func stop(until end: ContinuousClock.Instant = .now + .seconds(3)) {
        guard !hasStopped.exchange(true, ordering: .relaxed) else { return }
        waits.stop()
        follower.withLock { follower in
            defer { follower = nil }
            return follower
        }?.stop(until: end)
        workers.stop(until: end)
    }

    /// What is served now. Event loops take it once a command.
    package var catalog: Catalog { published.withLock { $0 } }

    /// The position up to which everything has been applied: what is read afterwards reflects it, or a later one.
    package var position: Int64 { reachedPosition.load(ordering: .acquiring) }

    package var state: ServingState {
        var state = progress.withLock { $0 }
        state.clockOffsetUs = clock.difference
        state.clockRoundTripUs = clock.roundTrip
        return state
    }

    /// PostgreSQL's clock, µs since 1970-01-01 UTC: by it values expire.
    package func now() -> Int64 { clock.now }

    func report(_ change: (inout ServingState) -> Void) { progress.withLock { change(&$0) } }

    /// Everything up to a state has been applied. To be called while ``applied`` is locked; ``wake()`` follows.
    func setReached(_ state: LedgerState) {
        progress.withLock { $0.reached = state }
        reachedPosition.store(state.position, ordering: .releasing)
    }

    /// Lets those go on who waited for the position, or for views that have moved.
    func wake(_ moved: PositionWaits.Moved) { waits.advance(to: position, moved) }

    /// Calls `body`, in which the catalog and all memories stand at one position; short, and not within itself.
    ///
    /// Not while a commit of more than ``ServingLimits/rowsTogetherMax`` rows is applied piece by piece: whoever calls may be an
    /// event loop, and asks again soon.
    /// - Returns: whether `body` was called.
    package func readTogether(_ body: () -> Void) -> Bool {
        together.lockForReading()
        defer { together.unlock() }
        let isWhole = partialChanges.load(ordering: .sequentiallyConsistent) == 0
        wasTurnedAway.store(!isWhole, ordering: .relaxed)
        if isWhole { body() }
        return isWhole
    }

    /// Calls `body`, which takes memories or the catalog from one position to another.
    func changeTogether(_ body: () -> Void) {
        together.lockForWriting()
        changes.add(1, ordering: .sequentiallyConsistent)
        body()
        changes.add(1, ordering: .sequentiallyConsistent)
        together.unlock()
    }

    /// Counts changes of what is served; `nil` while one is under way. What is read between two equal counts is the state
    /// of one position, and ``position`` read between them is that position.
    package var changeCount: UInt64? {
        // In this order: a partial change that ends in between has changed the count before.
        guard partialChanges.load(ordering: .sequentiallyConsistent) == 0 else { return nil }
        let count = changes.load(ordering: .sequentiallyConsistent)
        return count & 1 == 0 ? count : nil
    }

    /// Around what is too large to be applied at once.
    func beginPartialChange() {
        // Where one is under way already nobody reads, and nobody is to be waited for.
        var underWay = partialChanges.load(ordering: .sequentiallyConsistent)
        while underWay > 0 {
            let (isAdded, now) = partialChanges.compareExchange(
                expected: underWay,
                desired: underWay + 1,
                ordering: .sequentiallyConsistent
            )
            if isAdded { return }
            underWay = now
        }
        // Large commits may follow one another for minutes.
        if wasTurnedAway.exchange(false, ordering: .relaxed) { usleep(ServingLimits.turnedAwayWaitUs) }
        together.lockForWriting()
        partialChanges.add(1, ordering: .sequentiallyConsistent)
        together.unlock()
    }

    func endPartialChange() {
        changes.add(2, ordering: .sequentiallyConsistent)
        partialChanges.subtract(1, ordering: .sequentiallyConsistent)
    }

    /// To be called within ``changeTogether(_:)``.
    func replaceCatalog(_ catalog: Catalog) { published.withLock { $0 = catalog } }

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

    /// Calls `finish` once, from any thread: when a view has rows of a position or a later one, or at the timeout. It may be
    /// told of rows that are not there, where the definitions have changed.
    ///
    /// - Returns: as ``whenReached(_:timeoutMs:finish:)``.
    package func whenMoved(
        _ view: StoredView,
        _ position: Int64,
        timeoutMs: Int,
        finish: @escaping @Sendable (Reached) -> Void
    ) -> Int64 {
        waits.wait(for: position, of: view.id, timeoutMs: timeoutMs, finish)
    }

    package func cancelWait(_ id: Int64) { waits.cancel(id) }

    // MARK: Views that are not resident

    /// Reads rows of a view that is not in memory, by one batched query; `finish` is called once, from any thread.
    ///
    /// - Parameters:
    ///   - keys: one column for each of the view's keys, in its order, without nulls; a global view has none.
    ///   - asker: who takes turns with others.
    ///   - finish: gets a memory of the view's layout that holds the rows that were found.
    package func fetch(
        _ view: ServedView,
        keys: [Column],
        of asker: String = "",
        finish: @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
    ) {
        query(of: asker, finish) { (session) throws(StoreError) in try FetchedRows(session).read(view, keys) }
    }

    /// For each entity its newest row of history up to a time, in the state that a position names, however many entities by
    /// one query; a tombstone is a row, too. TTL, delay and strict are not looked at.
    ///
    /// - Parameters:
    ///   - keys: as ``fetch(_:keys:finish:)`` takes them.
    ///   - time: µs.
    ///   - finish: gets a memory of the view's layout that holds the rows that were found.
    package func fetch(
        _ view: ServedView,
        keys: [Column],
        at time: Int64,
        position: Int64,
        of asker: String = "",
        finish: @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
    ) {
        query(of: asker, finish) { (session) throws(StoreError) in
            try FetchedRows(session).read(view, keys, at: time, position: position)
        }
    }

    /// Runs a query on one of the connections for that; `finish` is called once, from any thread.
    /// - Parameter asker: see ``SessionWorkers/read(of:_:finish:)``.
    func query<Value: Sendable>(
        of asker: String,
        _ finish: @escaping @Sendable (Result<Value, ServingError>) -> Void,
        _ body: @escaping @Sendable (Session) throws(StoreError) -> Value
    ) {
        let timeoutMs = options.fetchTimeoutMs
        let first = SingleUse(finish)
        // The timeout holds also where PostgreSQL takes the query and does not answer.
        let timer = waits.wait(for: .max, timeoutMs: timeoutMs) { outcome in
            let isLate = outcome == .timedOut
            first.take()?(
                .failure(isLate ? .timeout(milliseconds: timeoutMs) : .unavailable(reason: "the server is stopping"))
            )
        }
        workers.read(of: asker, body) { [waits] result in
            let finish = first.take()
            waits.cancel(timer)
            switch result {
            case .success(let value): finish?(.success(value))
            case .failure(let error): finish?(.failure(ServingError(error, timeoutMs: timeoutMs)))
            }
        }
    }
}
