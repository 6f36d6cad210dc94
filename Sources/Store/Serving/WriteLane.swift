import Dispatch
import Foundation
import Synchronization

/// One connection's queue of writes, with the thread that commits them and the thread that decodes large ones before.
///
/// Both work in the order of submission. A group is what has gathered while the one before was committed; where several
/// clients wait for each other's commit, the next group waits a moment for them, so that they share it again.
final class WriteLane: @unchecked Sendable {
    // Sendable: `lock` guards what stands below it; `committer` is the commit thread's alone.
    private let lock = NSLock()
    private var undecoded: [WriteJob] = []
    private var isDecoding = false
    private var ready: [(pending: PendingWrite, byteCount: Int)] = []
    private var readyRows = 0
    private var pendingWrites = 0
    private var pendingBytes = 0
    private var isStopping = false
    private var isDecoderDone = false
    private var commitStart: ContinuousClock.Instant?
    private var published = WriterStatistics()
    /// How many ready writes end the commit thread's wait; `nil` = it does not wait.
    private var commitTarget: Int?
    private var isDecoderWaiting = false

    private let commitWake = DispatchSemaphore(value: 0)
    private let decoderWake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let connection = LaneConnection()
    private let committer: GroupCommitter
    private var parked: [PendingWrite] = []

    init(conninfo: String, applied: @escaping GroupWriter.Applied) {
        let connection = connection
        committer = GroupCommitter(conninfo: conninfo, applied: applied) { connection.lost($0) }
    }

    /// How long a group waits for the clients that shared the one before.
    private static let lingerUs = 1_000
    private static let parkedRetryUs = 20_000
    private static let reconnectUs = 200_000

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

    func finishStop() { ended.wait() }

    var statistics: WriterStatistics { lock.withLock { published } }

    var outage: String? { lock.withLock { outageReason } }

    private var outageReason: String? {
        if isStopping { return "the server is shutting down" }
        if let reason = connection.lossReason { return reason }
        if let commitStart, commitStart.duration(to: .now) > .milliseconds(Limits.stalledCommitMs) {
            return "PostgreSQL has not answered for \(commitStart.duration(to: .now).components.seconds) s"
        }
        return nil
    }

    // MARK: In

    func submit(_ job: WriteJob) {
        lock.lock()
        if let reason = outageReason {
            lock.unlock()
            return job.finish(.failure(.unavailable(reason)))
        }
        guard
            pendingWrites < Limits.pendingWritesMax,
            pendingWrites == 0 || pendingBytes + job.byteCount <= Limits.pendingBytesMax
        else {
            let text = "\(pendingWrites) writes of \(pendingBytes >> 20) MiB wait for PostgreSQL; send it again later"
            lock.unlock()
            return job.finish(.failure(.full(text)))
        }
        pendingWrites += 1
        pendingBytes += job.byteCount
        if case .ready(let write) = job.work, undecoded.isEmpty, !isDecoding {
            appendReady(write, job)
        } else {
            undecoded.append(job)
            wakeDecoder()
        }
        lock.unlock()
    }

    private func appendReady(_ write: RowWrite, _ job: WriteJob) {
        let deadline = ContinuousClock.now + .milliseconds(Limits.lockedViewWaitMs)
        ready.append((PendingWrite(write: write, deadline: deadline, finish: job.finish), job.byteCount))
        readyRows += write.rowCount
        wakeCommitter(force: readyRows >= Limits.groupRowsMax)
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
            for job in jobs {
                var write: RowWrite?
                switch job.work {
                case .ready(let made): write = made
                case .undecoded(let decode): write = decode()
                }
                lock.withLock {
                    if let write {
                        appendReady(write, job)
                    } else {
                        pendingWrites -= 1
                        pendingBytes -= job.byteCount
                    }
                }
            }
            lock.withLock { isDecoding = false }
        }
    }

    // MARK: Committing

    private func commitLoop() {
        var lastCount = 1
        while let group = nextGroup(lastCount) {
            if !group.isEmpty || !parked.isEmpty {
                let rest = committer.commit(parked + group)
                lastCount = max(1, group.count)
                parked = rest.parked
                lock.withLock {
                    commitStart = nil
                    published = committer.statistics
                }
            }
            if connection.lossReason != nil { recover() }
        }
        ended.signal()
    }

    /// Waits for writes.
    ///
    /// - Parameter lastCount: how many writes the last group had.
    /// - Returns: up to ``Limits/groupRowsMax`` rows of them, none where parked writes are to be tried again; `nil` at the end.
    private func nextGroup(_ lastCount: Int) -> [PendingWrite]? {
        if !parked.isEmpty {
            wait(for: 1, us: Self.parkedRetryUs)
        } else if wait(for: 1, us: nil), lastCount > 1 {
            wait(for: lastCount, us: Self.lingerUs)
        }
        lock.lock()
        defer { lock.unlock() }
        if ready.isEmpty, parked.isEmpty, isStopping, isDecoderDone { return nil }
        var rows = 0
        var count = 0
        var bytes = 0
        while count < ready.count {
            let next = ready[count].pending.write.rowCount
            if count > 0, rows + next > Limits.groupRowsMax { break }
            rows += next
            bytes += ready[count].byteCount
            count += 1
        }
        let group = ready[..<count].map(\.pending)
        ready.removeFirst(count)
        readyRows -= rows
        pendingWrites -= count
        pendingBytes -= bytes
        if !group.isEmpty || !parked.isEmpty { commitStart = .now }
        return group
    }

    /// Waits until so many writes are ready, or a group's worth of rows, or the lane stops.
    ///
    /// - Parameter us: how long at most; `nil` = for ever.
    /// - Returns: whether any are ready.
    @discardableResult
    private func wait(for count: Int, us: Int?) -> Bool {
        lock.lock()
        let isEnough = ready.count >= count || readyRows >= Limits.groupRowsMax || isStopping && isDecoderDone
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

    /// Tells everybody who waits, and tries to connect until that succeeds.
    private func recover() {
        while true {
            if (try? committer.connect()) != nil { break }
            let waiting: [GroupWriter.Finish] = lock.withLock {
                let waiting = ready.map(\.pending.finish)
                pendingWrites -= ready.count
                pendingBytes -= ready.reduce(0) { $0 + $1.byteCount }
                ready = []
                readyRows = 0
                return waiting
            }
            let reason = outage ?? "PostgreSQL cannot be reached"
            for finish in waiting + parked.map(\.finish) { finish(.failure(.unavailable(reason))) }
            parked = []
            if lock.withLock({ isStopping && isDecoderDone && ready.isEmpty }) { return }
            usleep(UInt32(Self.reconnectUs))
        }
        connection.made()
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
