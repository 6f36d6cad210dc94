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
    private var pauses = LoadPauses()
    /// When PostgreSQL is asked again after it could not be reached, as ``MonotonicClock`` counts.
    private var nextConnection = Int64.min

    private static let lookMs = 250
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
        guard nextConnection <= now else { return false }
        let views = catalog.all.values.filter { pauses.isDue($0, at: now) && $0.events.contains(where: isDue) }
        guard !views.isEmpty else { return false }
        var due: ServedView?
        do throws(StoreError) {
            let session = try connected()
            let totals = try Ledger(session).totals()
            // Smallest first, so that the largest ones are those that do not fit.
            due = views.min { totals[$0.stored.id]?.rows ?? 0 < totals[$1.stored.id]?.rows ?? 0 }
            guard let due else { return false }
            if try load(due, totals[due.stored.id], session) {
                pauses.ended(due)
            } else {
                pauses.failed(due, at: MonotonicClock.now)
            }
        } catch {
            if let due {
                pauses.failed(due, at: MonotonicClock.now)
                for memory in due.events where !memory.isReady { memory.leave(.waiting) }
            } else {
                nextConnection = MonotonicClock.now + LoadPauses.firstUs
            }
            session = nil
        }
        return true
    }

    private func isDue(_ memory: EventMemory) -> Bool {
        // An eighth more than it takes, so that it stays.
        switch memory.absence {
        case .waiting, .queue: true
        case .memory(let bytes): bytes < room.bytes - room.bytes / 8
        case .events(let count): count < room.events - room.events / 8
        case nil, .bytes: false
        }
    }

    private var room: ResidentMemory.Room { ResidentMemory(of: serving.catalog).room(options) }

    /// - Returns: whether all that was due is read from memory now, or is not to be loaded.
    private func load(_ view: ServedView, _ known: LedgerTotals?, _ session: Session) throws(StoreError) -> Bool {
        let memories = view.events.filter(isDue)
        let now = try session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        for memory in memories {
            let floor = memory.layout.reach.map { Follower.floor($0, now: now, newest: known?.newest?.microseconds) }
            memory.beginLoading(floor: floor ?? .min)
        }
        let started = MonotonicClock.now
        let load = EventLoad(
            session: session,
            view: view,
            memories: memories,
            floor: memories.map(\.floor).min() ?? .min,
            historyRows: known?.rows ?? 0,
            room: { [self] in room },
            end: { [self] in
                if isStopped { return .conflict("the server is stopping") }
                return isServed(view) ? nil : .conflict("the view is served by other memories")
            }
        )
        var position: Int64 = 0
        let refusal = try session.transaction(.load) { () throws(StoreError) -> EventLoad.Refusal? in
            position = try Ledger(session).head().position
            guard try isServed(view, session, position) else { return EventLoad.Refusal(absence: .waiting, rows: 0) }
            return try load.run()
        }
        if let refusal {
            // What was loaded takes its memory no longer than that.
            for memory in memories { memory.leave(.waiting) }
            return leave(memories, try load.whole(refusal), view)
        }
        guard try isStillThere(view, session, position) else { return leave(memories, .waiting, view) }
        for memory in memories where !memory.loaded(at: position) { return leave(memories, .bytes, view) }
        var attempts = 0
        while attempts < Self.attemptsMax {
            if isStopped || !isServed(view) { break }
            let bytes = memories.reduce(0) { $0 + $1.figures.bytes }
            if bytes > room.bytes { return leave(memories, .memory(bytes: bytes), view) }
            if serving.position < position, !memories.contains(where: \.isOvertaken) {
                Thread.sleep(forTimeInterval: 0.005)
                continue
            }
            attempts += 1
            var rows = 0
            for memory in memories {
                switch memory.takeQueue() {
                case .rows(let count): rows += count
                case .overtaken: return leave(memories, .queue, view)
                case .tooLarge: return leave(memories, .bytes, view)
                }
            }
            if rows > Self.lastRowsMax { continue }
            let readiness = serving.applied.withLock { applied -> EventMemory.Readiness in
                // What another catalog has no place for is not to be read; catalogs change under this lock.
                guard applied.reached.position >= position, isServed(view) else { return .behind }
                return EventMemory.becomeReady(memories, rowsMax: Self.lastRowsMax)
            }
            switch readiness {
            case .behind: continue
            case .overtaken: return leave(memories, .queue, view)
            case .tooLarge: return leave(memories, .bytes, view)
            case .ready: break
            }
            let events = memories.reduce(0) { $0 + $1.figures.events }
            options.log(
                .windowsResident(view.name, events: events, seconds: Double(MonotonicClock.now - started) / 1_000_000)
            )
            return true
        }
        return leave(memories, .waiting, view)
    }

    /// Whether the view's memories are those that are served.
    private func isServed(_ view: ServedView) -> Bool {
        serving.catalog.all[view.stored.id]?.events.first === view.events.first
    }

    /// Whether the view's history is what it was for a snapshot, to be asked behind it.
    ///
    /// A table that was written anew while its COPY waited has no rows for the snapshot, and a partition that was dropped is
    /// not there. Whoever did that has committed it by now, and the follower is going to give the view other memories.
    private func isStillThere(_ view: ServedView, _ session: Session, _ position: Int64) throws(StoreError) -> Bool {
        guard try hasDefinition(view, session) else { return false }
        return try !LedgerReader(session).hasChanges(after: position, of: view.stored.id)
    }

    /// Whether the view's definition is the one that is served: those of others change nothing of its rows.
    private func hasDefinition(_ view: ServedView, _ session: Session) throws(StoreError) -> Bool {
        let rows = try session.query("SELECT shape FROM asof.views WHERE id = $1", [.int32(view.stored.id)])
        return rows.int64(0, 0) == view.stored.shape
    }

    /// Whether a snapshot is of the store, and of the view's definition, that are served.
    private func isServed(_ view: ServedView, _ session: Session, _ position: Int64) throws(StoreError) -> Bool {
        guard isServed(view), try hasDefinition(view, session) else { return false }
        guard let mark = serving.loaded.mark else { return position == 0 }
        return try session.query("SELECT \(LedgerMark.sql(position: mark.position))").text(0, 0) == mark.text
    }

    /// - Returns: whether it is not to be tried again soon.
    private func leave(_ memories: [EventMemory], _ absence: EventMemory.Absence, _ view: ServedView) -> Bool {
        for memory in memories { memory.leave(absence) }
        if absence == .waiting { return false }
        options.log(.windowsNotResident(view.name, absence, limit: options.eventLimit))
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

    static func windowsNotResident(_ view: String, _ absence: EventMemory.Absence, limit: EventLimit?) -> ServingEvent {
        ServingEvent(
            level: .warning,
            message: "windows over view '\(view)' are computed of what PostgreSQL finds: its events "
                + absence.text(limit: limit)
        )
    }
}

extension EventMemory.Absence {
    /// The end of a sentence whose subject is a view's events.
    func text(limit: EventLimit?) -> String {
        switch self {
        case .waiting: "are being loaded"
        case .memory(let bytes):
            "take about \(bytes >> 20) MiB, for which \(limit?.text ?? "the memory") have no room; they come back when "
                + "there is: give more by --memory, or choose views with --resident"
        case .events(let count):
            "are about \(count), and a server keeps \(ServingLimits.residentEventsMax) of all views together; they come back when "
                + "there are fewer: choose views with --resident"
        case .bytes: "have values of more than 4 GiB that would lie together"
        case .queue: "came faster than they were loaded; they are loaded again"
        }
    }
}
