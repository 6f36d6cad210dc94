import Dispatch
import Foundation
package import Metrics
import Models
import Postgres
package import Predictions
import Store

/// Writes what models answered to PostgreSQL: the log of predictions in groups, and counts of all traffic each minute.
///
/// Nobody who answers waits for it: rows stand in a bounded queue, and what finds no place there, or cannot be stored, is
/// counted as lost. One thread, one connection. A row is stored once or not at all: where PostgreSQL cannot say what became
/// of a COMMIT, its rows count as lost.
package final class PredictionRecorder: @unchecked Sendable {
    // Sendable: `condition` guards what stands below it; `session` and what follows it are the thread's alone.
    private let condition = NSCondition()
    private var queue: [Entry] = []
    private var queuedBytes = 0
    private var firstQueued: ContinuousClock.Instant?
    private var flushes: [@Sendable () -> Void] = []
    private var isStopping = false
    private var published = Figures()

    private var session: Session?
    /// What is being stored, until it is.
    private var group: [Entry] = []
    private var sums: [CountedTraffic] = []
    private var nextNumber: Int64 = 1
    private var days: Set<String> = []
    private var trimmedDay = ""
    private var retryAt: ContinuousClock.Instant?

    private let conninfo: String
    private let server = UUID()
    private let now: @Sendable () -> Int64
    private let models: @Sendable () -> [ServedModel]
    private let report: @Sendable (ServingEvent) -> Void
    private let interruption = Interruption()
    private let ended = DispatchSemaphore(value: 0)

    private struct Entry {
        let rows: AnsweredRows
        let counters: PredictionCounters
        let byteCount: Int
    }

    /// What it has done since the server was started.
    package struct Figures: Sendable, Hashable {
        package var logged = 0
        package var dropped = 0
        package var cut = 0
        package var queuedBytes = 0
        /// Sums of a minute that could not be stored.
        package var lostSums = 0
        /// Why nothing can be stored now; `nil` = it can.
        package var trouble: String?
    }

    /// - Parameters:
    ///   - now: PostgreSQL's clock, µs.
    ///   - models: whose traffic is counted.
    package init(
        conninfo: String,
        now: @escaping @Sendable () -> Int64,
        models: @escaping @Sendable () -> [ServedModel],
        report: @escaping @Sendable (ServingEvent) -> Void = { _ in }
    ) {
        self.conninfo = conninfo
        self.now = now
        self.models = models
        self.report = report
    }

    package func start() {
        let thread = Thread { [self] in run() }
        thread.stackSize = 1 << 20
        thread.name = "asof.log"
        thread.start()
    }

    /// Stores what it has, and ends.
    /// - Parameter end: when waits for PostgreSQL are given up; what is left then is lost.
    package func stop(until end: ContinuousClock.Instant) {
        condition.withLock {
            isStopping = true
            condition.broadcast()
        }
        _ = ended.wait(until: end, thenInterrupting: interruption)
    }

    package var figures: Figures {
        condition.withLock {
            var figures = published
            figures.queuedBytes = queuedBytes
            return figures
        }
    }

    /// Takes rows for the log; returns at once.
    package func log(_ rows: AnsweredRows, _ counters: PredictionCounters) {
        let entry = Entry(rows: rows, counters: counters, byteCount: rows.byteCount)
        let isTaken = condition.withLock {
            guard !isStopping, queuedBytes + entry.byteCount <= ServingLimits.logQueueBytesMax else {
                published.dropped += rows.rowCount
                return false
            }
            queue.append(entry)
            queuedBytes += entry.byteCount
            if firstQueued == nil {
                firstQueued = .now
                condition.signal()
            } else if queuedBytes > ServingLimits.logGroupBytes,
                queuedBytes - entry.byteCount <= ServingLimits.logGroupBytes
            {
                condition.signal()
            }
            return true
        }
        if !isTaken { counters.noteLog(dropped: rows.rowCount) }
    }

    /// Stores the counts of traffic so far, and then calls back, from any thread, also where that failed.
    package func flush(_ finish: @escaping @Sendable () -> Void) {
        let isTaken = condition.withLock {
            guard !isStopping else { return false }
            flushes.append(finish)
            condition.signal()
            return true
        }
        if !isTaken { finish() }
    }

    // MARK: The thread

    private func run() {
        var minute = now().flooredMinute
        while true {
            let work = wait(minute)
            let current = now().flooredMinute
            if !work.flushes.isEmpty || current != minute || work.isStopping {
                // What came in the minute that has just ended, or in this one.
                takeSums(work.flushes.isEmpty && !work.isStopping ? minute : current)
                minute = current
            }
            if retryAt.map({ $0 <= .now }) ?? true || work.isStopping { store() }
            for finish in work.flushes { finish() }
            if work.isStopping, group.isEmpty && sums.isEmpty || interruption.isInterrupted { break }
            if work.isStopping, retryAt != nil { Thread.sleep(forTimeInterval: 0.05) }
        }
        if !group.isEmpty { drop(group, "the server was stopped before they could be stored") }
        session = nil
        ended.signal()
    }

    /// Sleeps until there is something to do, and takes what was queued.
    private func wait(_ minute: Int64) -> (flushes: [@Sendable () -> Void], isStopping: Bool) {
        condition.withLock {
            while !isStopping, flushes.isEmpty {
                let untilMinute = Double(minute + 60_000_000 - now()) / 1_000_000
                var seconds = min(max(untilMinute, 0), 60)
                if seconds <= 0 { break }
                if let retryAt {
                    let rest = ContinuousClock.now.duration(to: retryAt).seconds
                    if rest <= 0 { break }
                    seconds = min(seconds, rest)
                } else if let firstQueued {
                    let rest = ServingLimits.logGroupSeconds - firstQueued.duration(to: .now).seconds
                    if rest <= 0 || queuedBytes > ServingLimits.logGroupBytes { break }
                    seconds = min(seconds, rest)
                }
                _ = condition.wait(until: Date(timeIntervalSinceNow: seconds))
            }
            if retryAt == nil || group.isEmpty || isStopping {
                group += queue
                queue = []
                firstQueued = nil
            }
            defer { flushes = [] }
            return (flushes, isStopping)
        }
    }

    private func takeSums(_ minute: Int64) {
        for model in models() {
            guard let sum = model.traffic?.take() else { continue }
            let version = model.version
            sums.append(
                CountedTraffic(
                    model: version.model,
                    version: version.version,
                    minute: minute,
                    rows: sum.rows,
                    counts: sum.counts
                )
            )
        }
        let surplus = sums.count - ServingLimits.waitingSumsMax
        guard surplus > 0 else { return }
        sums.removeFirst(surplus)
        condition.withLock { published.lostSums += surplus }
    }

    /// Stores the group and the sums; what may be stored later stays.
    private func store() {
        guard !group.isEmpty || !sums.isEmpty else {
            retryAt = nil
            return
        }
        do throws(StoreError) {
            let session = try connected()
            if !group.isEmpty { try storeGroup(session) }
            if !sums.isEmpty { try storeSums(session) }
            trim(session)
            if retryAt != nil { report(ServingEvent(level: .info, message: "predictions are stored again")) }
            retryAt = nil
            condition.withLock { published.trouble = nil }
        } catch {
            if session?.connection.isAlive != true { session = nil }
            let isNew = condition.withLock {
                defer { published.trouble = "\(error)" }
                return published.trouble == nil
            }
            if isNew {
                report(
                    ServingEvent(
                        level: .warning,
                        message: "predictions are kept in memory, since they cannot be stored: \(error)"
                    )
                )
            }
            retryAt = .now + .milliseconds(ServingLimits.logRetryMs)
        }
    }

    private func connected() throws(StoreError) -> Session {
        if let session { return session }
        let made = try Session(conninfo: conninfo, interruption: interruption)
        session = made
        return made
    }

    private func storeGroup(_ session: Session) throws(StoreError) {
        let log = PredictionLog(session)
        for entry in group where days.insert(PredictionLog.day(entry.rows.servedUs)).inserted {
            do throws(StoreError) { try log.makePartition(at: entry.rows.servedUs) } catch {
                days.remove(PredictionLog.day(entry.rows.servedUs))
                throw error
            }
        }
        do throws(StoreError) {
            settle(cuts: try log.append(group.map(\.rows), server: serverBytes, from: nextNumber))
        } catch {
            if case .uncertainCommit(let commit) = error {
                switch commit.outcome {
                case .committed:
                    settle(cuts: [])
                    return
                case .unknown(let reason): drop(group, "whether they were stored could not be found out: \(reason)")
                case .aborted: break
                }
            } else if Self.isFinal(error) {
                // A partition may have been dropped by hand; others would fail again and again.
                days = []
                drop(group, "\(error)")
            }
            throw error
        }
    }

    private func storeSums(_ session: Session) throws(StoreError) {
        do throws(StoreError) {
            try TrafficCounts(session).append(sums, server: server.uuidString.lowercased())
        } catch {
            guard case .uncertainCommit(let commit) = error else {
                if Self.isFinal(error) { loseSums() }
                throw error
            }
            if case .aborted = commit.outcome { throw error }
            if case .unknown = commit.outcome { loseSums() }
        }
        sums = []
    }

    private func loseSums() {
        condition.withLock { published.lostSums += sums.count }
        sums = []
    }

    /// Whether the same would fail again: PostgreSQL refuses what is asked, and not only now.
    private static func isFinal(_ error: StoreError) -> Bool {
        switch error {
        case .newerSchema: return true
        case .database(let cause):
            guard let state = cause.sqlState else { return false }
            return ["22", "23", "42"].contains { state.hasPrefix($0) }
        default: return false
        }
    }

    /// - Parameter cuts: of each entry the rows that were cut; none where nobody counted them.
    private func settle(cuts: [Int]) {
        let rows = group.reduce(0) { $0 + $1.rows.rowCount }
        for entry in group { entry.counters.noteLog(logged: entry.rows.rowCount) }
        for (entry, cut) in zip(group, cuts) { entry.counters.noteLog(cut: cut) }
        condition.withLock {
            published.logged += rows
            published.cut += cuts.reduce(0, +)
            queuedBytes -= group.reduce(0) { $0 + $1.byteCount }
        }
        nextNumber += Int64(rows)
        group = []
    }

    private func drop(_ entries: [Entry], _ reason: String) {
        let rows = entries.reduce(0) { $0 + $1.rows.rowCount }
        for entry in entries { entry.counters.noteLog(dropped: entry.rows.rowCount) }
        condition.withLock {
            published.dropped += rows
            queuedBytes -= entries.reduce(0) { $0 + $1.byteCount }
        }
        nextNumber += Int64(rows)
        group = []
        report(ServingEvent(level: .error, message: "\(rows) predictions are not in the log: \(reason)"))
    }

    /// Once a day: what is too old goes.
    private func trim(_ session: Session) {
        let time = now()
        let day = PredictionLog.day(time)
        guard day != trimmedDay else { return }
        trimmedDay = day
        do throws(StoreError) {
            try PredictionLog(session).dropOld(now: time)
            try TrafficCounts(session).dropOld(now: time)
        } catch {
            report(ServingEvent(level: .warning, message: "old predictions are not removed today: \(error)"))
        }
    }

    private var serverBytes: [UInt8] { withUnsafeBytes(of: server.uuid) { Array($0) } }
}

extension Int64 {
    /// The beginning of a time's minute, both µs.
    fileprivate var flooredMinute: Int64 { self - ((self % 60_000_000) + 60_000_000) % 60_000_000 }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
