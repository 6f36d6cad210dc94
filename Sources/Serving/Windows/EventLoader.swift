import Dispatch
import Features
import Foundation
import Metrics
import Online
import Postgres
import Store
import Synchronization
import Windows

/// Loads memories of events beside everything else: one thread with one connection. Meanwhile windows are computed of what
/// PostgreSQL finds, and nothing waits for it.
///
/// A memory takes what is committed into its queue from when it begins to be loaded, so that what the snapshot does not have
/// is not missing. It is read when it has everything up to the position of the server.
final class EventLoader: @unchecked Sendable {
    // Sendable: everything but the stop is the thread's alone.
    private let serving: Serving
    private let options: ServingOptions
    private let isStopping = Atomic(false)
    private let interruption = Interruption()
    private let wakes = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)
    private var session: Session?
    /// When a view whose load failed is tried again, by its id, as ``MonotonicClock`` counts.
    private var pauses: [Int32: Int64] = [:]

    private static let lookMs = 250
    /// After a load that failed, or was overtaken.
    private static let pauseUs: Int64 = 2_000_000
    /// So few rows of the queue are taken while commits wait.
    private static let lastRowsMax = 256
    private static let attemptsMax = 1_000

    init(_ serving: Serving) {
        self.serving = serving
        options = serving.options
    }

    func start() {
        let thread = Thread { [self] in
            while !isStopped {
                _ = wakes.wait(timeout: .now() + .milliseconds(Self.lookMs))
                while !isStopped, loadNext() {}
            }
            session = nil
            done.signal()
        }
        thread.name = "asof-windows"
        thread.start()
    }

    /// Something may be to be loaded.
    func wake() { wakes.signal() }

    func stop(until end: ContinuousClock.Instant) {
        isStopping.store(true, ordering: .relaxed)
        interruption.interrupt()
        wake()
        _ = done.wait(until: end, thenInterrupting: interruption)
    }

    private var isStopped: Bool { isStopping.load(ordering: .relaxed) }

    /// - Returns: whether there may be more to load.
    private func loadNext() -> Bool {
        guard !serving.state.isLoading else { return false }
        let catalog = serving.catalog
        let now = MonotonicClock.now
        let views = catalog.all.values.filter { view in
            pauses[view.stored.id] ?? .min <= now && view.events.contains(where: isDue)
        }
        guard !views.isEmpty else { return false }
        var due: ServedView?
        do throws(StoreError) {
            let session = try connected()
            let totals = try Ledger(session).totals()
            // Smallest first, so that the largest ones are those that do not fit.
            due = views.min { totals[$0.stored.id]?.rows ?? 0 < totals[$1.stored.id]?.rows ?? 0 }
            guard let due else { return false }
            let isDone = try load(due, catalog, totals[due.stored.id], session)
            pauses[due.stored.id] = isDone ? nil : now + Self.pauseUs
        } catch {
            for view in due.map({ [$0] }) ?? views {
                pauses[view.stored.id] = now + Self.pauseUs
                for memory in view.events where !memory.isReady { memory.leave(.waiting) }
            }
            session = nil
        }
        return true
    }

    private func isDue(_ memory: EventMemory) -> Bool {
        switch memory.absence {
        case .waiting, .queue: true
        // An eighth more than it takes, so that it stays.
        case .memory(let bytes): bytes < room - room / 8
        case nil, .events, .bytes: false
        }
    }

    /// What memories may take more.
    private var room: Int { options.memoryBytesMax.map { $0 - serving.totals.bytes } ?? .max }

    private struct Loaded {
        /// Of the snapshot.
        let position: Int64
        let absence: EventMemory.Absence?
    }

    /// - Returns: whether all that was due is read from memory now, or is not to be loaded.
    private func load(
        _ view: ServedView,
        _ catalog: Catalog,
        _ known: LedgerTotals?,
        _ session: Session
    ) throws(StoreError) -> Bool {
        let memories = view.events.filter(isDue)
        let now = try session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        for memory in memories {
            let floor = memory.layout.reach.map { Follower.floor($0, now: now, newest: known?.newest?.microseconds) }
            memory.beginLoading(floor: floor ?? .min)
        }
        let started = MonotonicClock.now
        let room = room
        let hasStopped: @Sendable () -> Bool = { [self] in isStopped }
        let loaded = try session.transaction(.load) { () throws(StoreError) -> Loaded in
            let position = try Ledger(session).head().position
            guard try isServed(session, catalog, position) else { return Loaded(position: position, absence: .waiting) }
            let load = EventLoad(
                session: session,
                view: view,
                memories: memories,
                rowsExpected: known?.rows ?? 0,
                bytesMax: room,
                isStopped: hasStopped
            )
            return Loaded(position: position, absence: try load.run())
        }
        if let absence = loaded.absence { return leave(memories, absence, view) }
        let position = loaded.position
        for memory in memories where !memory.loaded(at: position) { return leave(memories, .bytes, view) }
        let bytes = memories.reduce(0) { $0 + $1.figures.bytes }
        if bytes > room { return leave(memories, .memory(bytes: bytes), view) }
        var attempts = 0
        while attempts < Self.attemptsMax {
            if isStopped || serving.catalog.all[view.stored.id]?.events.first !== view.events.first { break }
            if serving.position < position, !memories.contains(where: \.isOvertaken) {
                Thread.sleep(forTimeInterval: 0.005)
                continue
            }
            attempts += 1
            var rows = 0
            for memory in memories {
                guard let taken = memory.takeQueue() else {
                    return leave(memories, memory.isOvertaken ? .queue : .bytes, view)
                }
                rows += taken
            }
            if rows > Self.lastRowsMax { continue }
            let isReady = serving.applied.withLock { applied -> Bool? in
                guard applied.reached.position >= position else { return nil }
                return memories.allSatisfy { $0.becomeReady() }
            }
            guard let isReady else { continue }
            if !isReady { return leave(memories, .bytes, view) }
            let events = memories.reduce(0) { $0 + $1.figures.events }
            options.log(
                .windowsResident(view.name, events: events, seconds: Double(MonotonicClock.now - started) / 1_000_000)
            )
            return true
        }
        return leave(memories, .waiting, view)
    }

    /// Whether a snapshot is of the store, and of the definitions, that are served.
    private func isServed(_ session: Session, _ catalog: Catalog, _ position: Int64) throws(StoreError) -> Bool {
        guard serving.catalog === catalog else { return false }
        let version = try session.query("SELECT coalesce(max(version), 0) FROM asof.definitions").int64(0, 0) ?? 0
        guard version == catalog.version else { return false }
        guard let mark = serving.loaded.mark else { return position == 0 }
        return try session.query("SELECT \(LedgerMark.sql(position: mark.position))").text(0, 0) == mark.text
    }

    /// - Returns: whether it is not to be tried again soon.
    private func leave(_ memories: [EventMemory], _ absence: EventMemory.Absence, _ view: ServedView) -> Bool {
        for memory in memories { memory.leave(absence) }
        if absence == .waiting { return false }
        options.log(.windowsNotResident(view.name, absence, limit: options.memoryBytesMax))
        return absence != .queue
    }

    private func connected() throws(StoreError) -> Session {
        if let session, session.connection.isAlive { return session }
        let made = try Session(conninfo: serving.conninfo, connectTimeoutSeconds: 2, interruption: interruption)
        session = made
        return made
    }
}

extension ServingEvent {
    static func windowsResident(_ view: String, events: Int, seconds: Double) -> ServingEvent {
        ServingEvent(
            level: .info,
            message: "windows over view '\(view)' are computed in memory: "
                + String(format: "%d events, loaded in %.2f s", events, seconds)
        )
    }

    static func windowsNotResident(_ view: String, _ absence: EventMemory.Absence, limit: Int?) -> ServingEvent {
        ServingEvent(
            level: .warning,
            message: "windows over view '\(view)' are computed of what PostgreSQL finds: its events "
                + absence.text(limit: limit)
        )
    }
}

extension EventMemory.Absence {
    /// The end of a sentence whose subject is a view's events.
    package func text(limit: Int?) -> String {
        switch self {
        case .waiting: "are being loaded"
        case .memory(let bytes):
            "take about \(bytes >> 20) MiB, for which the \((limit ?? 0) >> 20) MiB of --memory have no room; they come back when "
                + "there is: give more memory, or choose views with --resident"
        case .events: "are more than \(ServingLimits.residentEventsMax)"
        case .bytes: "have values of more than 4 GiB that would lie together"
        case .queue: "came faster than they were loaded; they are loaded again"
        }
    }
}
