import Features
import Foundation
import Glibc
import Metrics
import Online
import PointInTime
import Postgres
import Store
import Synchronization

/// Keeps a server's memories up with the ledger: one thread with one connection.
///
/// It loads everything, then waits for notifications, or a while, and applies what the ledger has beyond what is known. A
/// lost notification loses nothing, since only the ledger says what is new. A connection that ends is made again.
final class Follower: @unchecked Sendable {
    // Sendable: everything but the stop is the thread's alone.
    let serving: Serving
    let options: ServingOptions
    private let isStopping = Atomic(false)
    private let interruption = Interruption()
    private let done = DispatchSemaphore(value: 0)
    /// Becomes readable when the thread is to end.
    let stopPipe = WakePipe()

    var isLoaded = false
    /// Everything is to be loaded anew: what is known has shown to be wrong, or cannot be followed.
    var wantsReload = false
    /// The store is watched while it agrees not yet; see ``StoreAgreement``.
    var filling = FillingStore()
    /// Whether this connection has been reported.
    private var isReported = false
    private var isPartlyApplied = false
    /// Ids of views that memory has no room for.
    var evicted: Set<Int32> = []
    let loader: EventLoader
    private var canListen = false
    /// What was said of the store's folder last.
    private var loggedAbsence: String?
    /// Why no connection could be made, as the log was told last.
    private var loggedReason: String?
    /// Times in a row that the ledger had news and no notification had come.
    private var missedNotifications = 0

    /// Between two readings of the ledger, so that many small commits cost few of them.
    private static let pauseUs: UInt32 = 2_000
    /// How often the ledger is read where notifications do not come through.
    private static let unnotifiedPollMs: Int32 = 20
    private static let firstRetryMs: Int32 = 50
    private static let lastRetryMs: Int32 = 1_000

    init(_ serving: Serving) {
        self.serving = serving
        options = serving.options
        loader = EventLoader(serving)
    }

    func start() {
        if options.keepsEvents { loader.start() }
        let thread = Thread { [self] in
            work()
            done.signal()
        }
        thread.name = "asof-follower"
        thread.start()
    }

    /// Ends the thread; a statement under way is given up, since it only reads.
    func stop(until end: ContinuousClock.Instant) {
        isStopping.store(true, ordering: .relaxed)
        stopPipe.wake()
        interruption.interrupt()
        if options.keepsEvents { loader.stop(until: end) }
        _ = done.wait(until: end, thenInterrupting: interruption)
    }

    var isStopped: Bool { isStopping.load(ordering: .relaxed) }

    private func work() {
        var retryMs = Self.firstRetryMs
        while !isStopped {
            do throws(StoreError) {
                let session = try Session(
                    conninfo: serving.conninfo,
                    connectTimeoutSeconds: 2,
                    interruption: interruption
                )
                try begin(session)
                retryMs = Self.firstRetryMs
                while !isStopped { try step(session) }
            } catch {
                if isStopped { return }
                failed(error)
                stopPipe.wait(milliseconds: retryMs)
                retryMs = min(retryMs * 2, Self.lastRetryMs)
            }
        }
    }

    private func failed(_ error: StoreError) {
        var isAway = true
        if case .database(let cause) = error, case .server(let state) = cause.kind {
            // Shutting down, starting up, out of connections: it is away. Anything else is an answer of its own.
            isAway = state.hasPrefix("57P") || state.hasPrefix("53") || state.hasPrefix("08")
            // A lock that somebody holds says nothing about what is known; other refusals may: a column is gone.
            if !isAway, !cause.isRetryable { wantsReload = true }
        } else if case .database = error {
            isAway = true
        } else {
            wantsReload = true
        }
        let since = serving.now()
        var isNew = false
        let absence = isAway ? options.absence() : nil
        var reason: String?
        if case .database(let cause) = error, case .connect = cause.kind { reason = cause.connectReason }
        serving.report { state in
            isNew = state.downSince == nil
            if isNew { state.downSince = since }
            state.downReason = isAway ? "PostgreSQL cannot be reached" : "PostgreSQL's answer is of no use"
            if absence != nil {
                state.downReason += ": the store's folder was moved or deleted"
            } else if let reason {
                state.downReason += ": \(reason)"
            }
        }
        if !isNew, let reason, reason != loggedReason {
            options.log(ServingEvent(level: .warning, message: "PostgreSQL cannot be reached: \(error)"))
        }
        loggedReason = reason
        if isNew { options.log(ServingEvent(level: .warning, message: "following PostgreSQL stopped: \(error)")) }
        if let absence, absence != loggedAbsence { options.log(ServingEvent(level: .error, message: absence)) }
        loggedAbsence = absence
    }

    // MARK: Connection

    private func begin(_ session: Session) throws(StoreError) {
        try sampleClock(session)
        do throws(StoreError) {
            try session.execute("LISTEN asof")
            canListen = true
        } catch {
            // A standby does not let anybody listen.
            guard session.connection.isAlive else { throw error }
            canListen = false
        }
        missedNotifications = 0
        isReported = false
        if !isLoaded { wantsReload = true }
        while try follow(session) { if isStopped { return } }
        reportConnection()
    }

    /// Says that PostgreSQL is there, also where its store cannot be loaded yet.
    func reportConnection() {
        guard !isReported else { return }
        isReported = true
        var downSince: Int64?
        let isNotified = canListen
        serving.report { state in
            downSince = state.downSince
            state.downSince = nil
            state.downReason = ""
            state.connections += 1
            state.isNotified = isNotified
        }
        guard let downSince else { return }
        let seconds = Double(serving.now() - downSince) / 1_000_000
        options.log(
            ServingEvent(level: .info, message: String(format: "following PostgreSQL again, after %.1f s", seconds))
        )
    }

    func sampleClock(_ session: Session) throws(StoreError) {
        for _ in 0..<3 {
            let sent = MonotonicClock.now
            let rows = try session.execute(
                "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint"
            )
            let received = MonotonicClock.now
            guard let time = rows.last?.text(0, 0).flatMap({ Int64($0) }) else { return }
            serving.clock.add(serverTime: time, sent: sent, received: received)
        }
        lastSample = MonotonicClock.now
    }

    private var lastSample: Int64 = 0
    /// See ``takeGrantedViews(_:)``.
    var lookedAtRights: Int64 = 0

    func sampleClockIfDue(_ session: Session) throws(StoreError) {
        if MonotonicClock.now - lastSample > 20_000_000 { try sampleClock(session) }
    }

    // MARK: Following

    /// Waits for news and applies it.
    private func step(_ session: Session) throws(StoreError) {
        let isNotified = canListen && missedNotifications < 3
        let wasNotified: Bool
        do throws(PostgresError) {
            wasNotified = try session.connection.waitForNotification(
                timeoutMs: isNotified ? options.pollMs : Self.unnotifiedPollMs,
                orReadable: stopPipe.descriptor
            )
        } catch { throw .database(error) }
        guard !isStopped else { return }
        // Own commits are applied in this time, and further ones come together.
        if wasNotified { usleep(Self.pauseUs) }
        try sampleClockIfDue(session)
        try takeGrantedViews(session)
        let before = serving.state.reached
        while try follow(session) { if isStopped { return } }
        keepWithinBounds()
        if wasNotified {
            missedNotifications = 0
        } else if serving.state.reached != before {
            missedNotifications += 1
        }
        serving.report { $0.isNotified = isNotified }
    }

    /// Lets go of what nobody needs, and of what memory has no room for, whoever committed it.
    private func keepWithinBounds() {
        trimEvents()
        evictIfNeeded()
    }

    /// Applies what the ledger has beyond what is known, as far as definitions are such that this binary can.
    /// - Returns: whether there may be more.
    private func follow(_ session: Session) throws(StoreError) -> Bool {
        if serving.loaded.takeDoubt() { doubt("a read found another store than was loaded") }
        if let newer = serving.state.newerDefinitions, newer.stopsFollowing {
            let (head, seenAt) = (try Ledger(session).head().position, serving.now())
            serving.report { state in
                state.head = max(head, state.head)
                state.headSeenAt = seenAt
            }
            // Only other definitions are worth another try.
            if try newer.isInForce(session) { return false }
        }
        let wantedReload = wantsReload
        do throws(StoreError) { return try followLedger(session) } catch {
            guard isLoaded, case .newerDefinitions(let reason) = error else { throw error }
            wantsReload = wantedReload
            serving.met(try NewerDefinitions(session, reason: reason, stopsFollowing: true))
            return false
        }
    }

    func followLedger(_ session: Session) throws(StoreError) -> Bool {
        if wantsReload {
            wantsReload = false
            try loadIfWhole(session)
            return true
        }
        try session.begin(.follow)
        do throws(StoreError) {
            let (known, seenAt) = (serving.applied.withLock { $0.reached }, serving.now())
            var news = try LedgerReader(session).news(since: known, mark: serving.loaded.mark)
            if isOfOtherStore(news, known) {
                session.connection.rollBack()
                return true
            }
            let step = Self.step(news.entries[...], serving.catalog)
            news.cut(to: step.entries.count)
            let last = news.entries.last?.state
            serving.report { state in
                state.head = max(last?.position ?? known.position, news.hasMore ? state.head : 0)
                state.headSeenAt = seenAt
                if last == nil { state.caughtUpAt = seenAt }
            }
            guard let last else {
                try session.commit()
                // Nothing is ahead of what was read any more.
                endPartialChange()
                return false
            }
            if news.entries.contains(where: { !$0.isData }) {
                try session.commit()
                // What does not agree is logged, and waited for, by the next look.
                if try load(session, isRestart: false) != nil { wantsReload = true }
                return true
            }
            let (chunks, isShort) = try read(news.entries, session)
            let events = try readEvents(step, serving.catalog, session)
            // What is online of events is what the snapshot has, and there is more in it than was read of the ledger.
            let isAhead =
                news.hasMore && news.entries.contains { serving.catalog.all[$0.view]?.layout.isByPosition == true }
            if isAhead { beginPartialChange() }
            try session.commit()
            // Their table was written anew behind the snapshot, and has no rows for it; or they were dropped.
            if isShort || events.isShort, serving.state.newerDefinitions == nil,
                try isOvertaken(last, session)
            {
                if try load(session, isRestart: false) != nil { wantsReload = true }
                return true
            }
            let moved = Dictionary(news.entries.map { ($0.view, $0.state.position) }) { max($0, $1) }
            serving.followed(to: last, chunks, events: events.rows, moved: moved)
            if !isAhead { endPartialChange() }
            if !news.hasMore { serving.report { $0.caughtUpAt = seenAt } }
            return news.hasMore
        } catch {
            session.connection.rollBack()
            guard session.connection.isAlive else { throw error }
            switch serving.loaded.absence(behind: error, session) {
            case .none: throw error
            // What is known is still right.
            case .ofTables: wantsReload = true
            case .ofStore: doubt("a table of the store is not there")
            }
            return true
        }
    }

    /// Whether the definitions are others than are served, or something was removed behind a state, whatever a snapshot says.
    private func isOvertaken(_ state: LedgerState, _ session: Session) throws(StoreError) -> Bool {
        if try definitionsVersion(session) != serving.catalog.version { return true }
        return try LedgerReader(session).hasChanges(after: state.position)
    }

    /// Reads entries that are data, view by view.
    /// - Returns: what is to be applied, unless it is too large for that and was applied as it came; whether it is less than the
    ///   ledger says.
    private func read(
        _ entries: [FollowedEntry],
        _ session: Session
    ) throws(StoreError) -> (chunks: [BatchRows.Chunk], isShort: Bool) {
        let catalog = serving.catalog
        var byView: [Int32: [FollowedEntry]] = [:]
        serving.applied.withLock { applied in
            for entry in entries where !applied.isApplied(entry.state.position, view: entry.view) {
                byView[entry.view, default: []].append(entry)
            }
        }
        // Readers of several views see positions as a whole; what is too large for that is applied as it comes.
        let isSmall = entries.reduce(0) { $0 &+ $1.rows } <= ServingLimits.rowsTogetherMax
        if !isSmall { beginPartialChange() }
        var chunks: [BatchRows.Chunk] = []
        var rows = 0
        var expected: Int64 = 0
        for (id, entries) in byView {
            guard let view = catalog.all[id] else { continue }
            if view.memory != nil {
                let rows = entries.reduce(0) { $0 + $1.rows }
                // Of an event view one row an entity is read, however many of it came.
                expected += view.layout.isByPosition ? min(rows, 1) : rows
            }
            if isSmall {
                chunks += try BatchRows(session).collect(entries, of: view)
            } else {
                rows += try BatchRows(session).apply(entries, to: view)
            }
        }
        rows += chunks.reduce(0) { $0 + $1.rows.rowCount }
        serving.report { $0.followedRows += rows }
        return (chunks, rows < Int(clamping: expected))
    }

    /// Rows are newer than the position from now on, until that has moved, also where an error comes in between.
    func beginPartialChange() {
        if !isPartlyApplied { serving.beginPartialChange() }
        isPartlyApplied = true
    }

    func endPartialChange() {
        if isPartlyApplied { serving.endPartialChange() }
        isPartlyApplied = false
    }
}
