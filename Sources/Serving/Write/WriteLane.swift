import Dispatch
import Foundation
import Metrics
import Postgres
import Store
import Synchronization

/// One connection's queue of writes, with the thread that commits them and the thread that decodes large ones before.
///
/// Both work in the order of submission. A group is what has gathered while the one before was committed; where several
/// clients wait for each other's commit, the next group waits a moment for them, so that they share it again.
final class WriteLane: @unchecked Sendable {
    // Sendable: `lock` guards what stands below it; `committer` is the commit thread's alone.
    private let lock = NSLock()
    private var undecoded: [(job: WriteJob, client: Int64)] = []
    private var isDecoding = false
    private var ready: [PendingWrite] = []
    private var readyRows = 0
    private var lastNumber: Int64 = 0
    private var isStopping = false
    private var isDecoderDone = false
    private var commitStart: ContinuousClock.Instant?
    private var published = WriterStatistics()
    private var publishedRefusal: String?
    private var publishedTrouble: String?
    /// How many ready writes end the commit thread's wait; `nil` = it does not wait.
    private var commitTarget: Int?
    private var isDecoderWaiting = false

    private let commitWake = DispatchSemaphore(value: 0)
    private let decoderWake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let connection = LaneConnection()
    /// Ends what the commit thread waits for where stopping has taken as long as it may.
    private let interruption = Interruption()
    private let committer: GroupCommitter
    private let heldWaitMs: Int
    private let failed: FailedNumbers
    private let budget: WriteBudget
    /// Told whenever ``trouble`` may have changed.
    private let report: @Sendable (_ trouble: String?) -> Void

    init(
        conninfo: String,
        options: GroupWriter.Options,
        failed: FailedNumbers,
        budget: WriteBudget,
        report: @escaping @Sendable (_ trouble: String?) -> Void,
        applied: @escaping GroupWriter.Applied
    ) {
        let connection = connection
        committer = GroupCommitter(
            conninfo: conninfo,
            options: options,
            failed: failed,
            interruption: interruption,
            applied: applied
        ) { connection.lost($0) }
        heldWaitMs = options.heldWaitMs
        self.failed = failed
        self.budget = budget
        self.report = report
    }

    /// How long a group waits for the clients that shared the one before.
    private static let lingerUs = 1_000
    private static let parkedRetryUs = 20_000
    private static let firstReconnectsMax = 5
    private static let firstReconnectMs = 200
    private static let reconnectMs = 1_000

    func start() {
        for body in [{ @Sendable [self] in decodeLoop() }, { @Sendable [self] in commitLoop() }] {
            let thread = Thread(block: body)
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    func beginStop() {
        lock.withLock {
            isStopping = true
            wakeDecoder()
            wakeCommitter(force: true)
        }
    }

    /// - Returns: whether the commit thread has ended; false where it hangs in spite of being interrupted.
    @discardableResult
    func finishStop(until end: ContinuousClock.Instant) -> Bool {
        ended.wait(until: end, thenInterrupting: interruption)
    }

    var statistics: WriterStatistics { lock.withLock { published } }

    /// Why the store refuses this binary's writes; `nil` = it does not, as far as is known.
    var refusal: String? { lock.withLock { publishedRefusal } }

    var outage: String? { lock.withLock { outageReason } }

    /// Why the last writes were not stored, although they were tried; `nil` = they were, or have been possible since.
    var trouble: String? { lock.withLock { publishedTrouble } }

    private var outageReason: String? {
        if isStopping { return "the server is shutting down" }
        if let reason = connection.lossReason { return reason }
        if let commitStart, commitStart.duration(to: .now) > .milliseconds(ServingLimits.stalledCommitMs) {
            return "PostgreSQL has not answered for \(commitStart.duration(to: .now).components.seconds) s"
        }
        return nil
    }

    // MARK: In

    func submit(_ job: WriteJob, client: Int64) {
        lock.lock()
        if let reason = outageReason {
            lock.unlock()
            return refuse(job, client, .unavailable(reason))
        }
        if let reason = budget.take(job.byteCount) {
            lock.unlock()
            return refuse(job, client, .full(reason))
        }
        if case .ready(let write) = job.work, undecoded.isEmpty, !isDecoding {
            appendReady(write, job, client, byteCount: job.byteCount)
        } else {
            undecoded.append((job, client))
            wakeDecoder()
        }
        lock.unlock()
    }

    private func refuse(_ job: WriteJob, _ client: Int64, _ failure: WriteFailure) {
        failed.add(job.numbers, client: client)
        job.finish(.failure(failure))
    }

    /// - Parameter byteCount: what the write is counted as.
    private func appendReady(_ write: RowWrite, _ job: WriteJob, _ client: Int64, byteCount: Int) {
        lastNumber += 1
        ready.append(
            PendingWrite(
                write: write,
                number: lastNumber,
                client: client,
                deadline: ContinuousClock.now + .milliseconds(heldWaitMs),
                finish: { [budget] result in
                    budget.giveBack(byteCount)
                    job.finish(result)
                }
            )
        )
        readyRows += write.rowCount
        wakeCommitter(force: readyRows >= ServingLimits.groupRowsMax)
    }

    private func wakeCommitter(force: Bool) {
        guard let target = commitTarget, force || ready.count >= target else { return }
        commitTarget = nil
        commitWake.signal()
    }

    private func wakeDecoder() {
        guard isDecoderWaiting else { return }
        isDecoderWaiting = false
        decoderWake.signal()
    }

    // MARK: Decoding

    private func decodeLoop() {
        while true {
            lock.lock()
            guard !undecoded.isEmpty else {
                if isStopping {
                    isDecoderDone = true
                    wakeCommitter(force: true)
                    lock.unlock()
                    return
                }
                isDecoderWaiting = true
                lock.unlock()
                decoderWake.wait()
                continue
            }
            let jobs = undecoded
            undecoded = []
            isDecoding = true
            lock.unlock()
            for (job, client) in jobs {
                let decoded: WriteJob.Decoded
                switch job.work {
                case .ready(let write): decoded = .write(write)
                case .undecoded(let decode): decoded = decode()
                }
                switch decoded {
                case .write(let write):
                    // Nulls of features that a text does not name take memory, too.
                    let byteCount = max(job.byteCount, write.byteCount)
                    if let reason = budget.raise(job.byteCount, to: byteCount) {
                        budget.giveBack(job.byteCount)
                        refuse(job, client, .full(reason))
                    } else {
                        lock.withLock { appendReady(write, job, client, byteCount: byteCount) }
                    }
                case .none(let answer):
                    failed.add(job.numbers, client: client)
                    budget.giveBack(job.byteCount)
                    answer()
                }
            }
            lock.withLock { isDecoding = false }
        }
    }

    // MARK: Committing

    private func commitLoop() {
        var lastCount = 1
        var nextProbe = ContinuousClock.now
        while let group = nextGroup(lastCount) {
            if !group.isEmpty || committer.hasParked {
                committer.commit(group)
                lastCount = max(1, group.count)
                lock.withLock {
                    commitStart = nil
                    published = committer.statistics
                    publishedRefusal = committer.refusal
                }
            }
            // Also where writes go on that have nothing to store.
            if committer.trouble != nil, connection.lossReason == nil, .now >= nextProbe {
                _ = committer.probe()
                nextProbe = .now + .milliseconds(Self.reconnectMs)
            } else if committer.trouble == nil {
                nextProbe = .now + .milliseconds(Self.reconnectMs)
            }
            publishTrouble()
            if connection.lossReason != nil { recover() }
        }
        ended.signal()
    }

    /// Waits for writes.
    ///
    /// - Parameter lastCount: how many writes the last group had.
    /// - Returns: up to ``ServingLimits/groupRowsMax`` rows of them, none where parked writes are to be tried again; `nil` at the end.
    private func nextGroup(_ lastCount: Int) -> [PendingWrite]? {
        if committer.hasParked {
            wait(for: 1, us: Self.parkedRetryUs)
        } else if committer.trouble != nil {
            wait(for: 1, us: Self.reconnectMs * 1_000)
        } else if wait(for: 1, us: nil), lastCount > 1 {
            wait(for: lastCount, us: Self.lingerUs)
        }
        lock.lock()
        defer { lock.unlock() }
        if ready.isEmpty, !committer.hasParked, isStopping, isDecoderDone { return nil }
        var rows = 0
        var count = 0
        while count < ready.count {
            let next = ready[count].write.rowCount
            if count > 0, rows + next > ServingLimits.groupRowsMax { break }
            rows += next
            count += 1
        }
        let group = Array(ready[..<count])
        ready.removeFirst(count)
        readyRows -= rows
        if !group.isEmpty || committer.hasParked { commitStart = .now }
        return group
    }

    /// Waits until so many writes are ready, or a group's worth of rows, or the lane stops.
    ///
    /// - Parameter us: how long at most; `nil` = for ever.
    /// - Returns: whether any are ready.
    @discardableResult
    private func wait(for count: Int, us: Int?) -> Bool {
        lock.lock()
        let isEnough = ready.count >= count || readyRows >= ServingLimits.groupRowsMax || isStopping && isDecoderDone
        if isEnough {
            defer { lock.unlock() }
            return !ready.isEmpty
        }
        commitTarget = count
        lock.unlock()
        if let us {
            _ = commitWake.wait(timeout: .now() + .microseconds(us))
        } else {
            commitWake.wait()
        }
        return lock.withLock {
            commitTarget = nil
            return !ready.isEmpty
        }
    }

    // MARK: Outages

    private func publishTrouble() {
        let trouble = connection.lossReason ?? committer.trouble
        lock.withLock { publishedTrouble = committer.trouble }
        report(trouble)
    }

    /// Tells everybody who waits, and tries to connect and to write until that succeeds.
    private func recover() {
        var attempts = 0
        while true {
            guard let error = committer.probe(), !committer.isHeldUp(error) else { break }
            connection.lost(GroupTrouble.reason(error))
            report(connection.lossReason)
            let waiting = lock.withLock {
                let waiting = ready
                ready = []
                readyRows = 0
                return waiting
            }
            let reason = outage ?? "PostgreSQL cannot be reached"
            committer.failParked(.unavailable(reason))
            for pending in waiting { committer.fail(pending, .unavailable(reason)) }
            if lock.withLock({ isStopping && isDecoderDone && ready.isEmpty }) { return }
            attempts += 1
            pause(attempts < Self.firstReconnectsMax ? Self.firstReconnectMs : Self.reconnectMs)
        }
        connection.made()
        publishTrouble()
    }

    /// Waits between attempts; not where the lane stops.
    private func pause(_ milliseconds: Int) {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while ContinuousClock.now < end {
            usleep(UInt32(Self.firstReconnectMs) * 1_000)
            if lock.withLock({ isStopping }) { return }
        }
    }
}

/// Whether a lane's connection is known to be gone.
private final class LaneConnection: Sendable {
    private let reason = Mutex<String?>(nil)

    /// Why PostgreSQL cannot be written to; `nil` = as far as is known it can.
    var lossReason: String? { reason.withLock { $0 } }

    func lost(_ why: String) { reason.withLock { $0 = why } }
    func made() { reason.withLock { $0 = nil } }
}
