import Features
import Metrics
import PointInTime
import Postgres
import Store

/// Commits groups of writes, each group as one transaction, and tells every write what became of it.
///
/// A write that PostgreSQL refuses takes no other down with it: the group is halved until it stands alone. A write that
/// must wait for a view or for rows is parked, and the later ones of its client and of its sources with it, so that the
/// writes of each are committed in the order in which they were sent. Used by one thread; every call blocks.
final class GroupCommitter {
    /// Why one attempt at a group failed.
    enum Trouble: Error {
        case held(HeldViews)
        /// Nothing is stored; the connection is gone, or the server is about to end it.
        case lost(String)
        /// Nothing is stored; doing it again may succeed.
        case race(String)
        /// Nothing is stored; somebody holds rows for longer than the group waits.
        case locked(String)
        /// Nothing is stored, and trying parts of the group would not help: the reason, for the clients.
        case slow(String)
        case fault(WriteFailure)
        /// Nothing is stored, and nothing will be by this binary: the reason, for the clients.
        case closed(String)
        /// COMMIT was sent, and nobody could say what became of it.
        case unknown(String)
    }

    /// Writes that are tried together.
    private struct Piece {
        var writes: [PendingWrite]
        var attempt = 1
        var lockTimeoutMs: Int
    }

    let conninfo: String
    let applied: GroupWriter.Applied
    /// Called where a connection is lost, before anybody waits for another one.
    let connectionLost: @Sendable (String) -> Void
    let failed: FailedNumbers
    private let options: GroupWriter.Options
    private let interruption: Interruption
    var session: Session?
    var catalogs: [Int32: KnownPartitions] = [:]
    var statistics = WriterStatistics()
    /// Why this binary may not write, as the store said last; `nil` = it may.
    var refusal: String?
    /// Why PostgreSQL could not be written to, as the last attempt found; `nil` = it could, or nothing was tried.
    var trouble: String?
    /// Writes that wait for a view, or behind one that waits, by number.
    private var waiting: [PendingWrite] = []
    /// Writes that wait for rows which somebody holds, by number.
    private var waitingForRows: [PendingWrite] = []

    init(
        conninfo: String,
        options: GroupWriter.Options,
        failed: FailedNumbers,
        interruption: Interruption,
        applied: @escaping GroupWriter.Applied,
        connectionLost: @escaping @Sendable (String) -> Void
    ) {
        self.conninfo = conninfo
        self.options = options
        self.failed = failed
        self.interruption = interruption
        self.applied = applied
        self.connectionLost = connectionLost
    }

    /// Connects unless a connection is there.
    func connect() throws(StoreError) {
        guard session == nil else { return }
        session = try Session(conninfo: conninfo, connectTimeoutSeconds: 2, interruption: interruption)
    }

    /// Whether writes wait to be tried again.
    var hasParked: Bool { !waiting.isEmpty || !waitingForRows.isEmpty }

    /// Writes a group, as far as it goes, and tries what is parked again.
    func commit(_ group: [PendingWrite]) {
        guard run([group], lockTimeoutMs: options.lockTimeoutMs), hasParked else { return }
        retryParked()
    }

    /// Tells what is parked that it is not stored.
    func failParked(_ failure: WriteFailure) {
        let parked = waiting + waitingForRows
        waiting = []
        waitingForRows = []
        for pending in parked.sorted(by: { $0.number < $1.number }) { fail(pending, failure) }
    }

    /// Tells a write that it is not stored, or may not be.
    func fail(_ pending: PendingWrite, _ failure: WriteFailure) {
        failed.add(pending.sourceNumbers, client: pending.client)
        pending.finish(.failure(failure))
    }

    // MARK: Parked writes

    /// Tries parked writes again: those that wait for views all together, since that waits for nobody; of those that wait
    /// for rows a few by themselves, so that other clients' writes are not kept waiting.
    private func retryParked() {
        var barrier = WriteBarrier()
        var free: [PendingWrite] = []
        var heads: [PendingWrite] = []
        var stay: [PendingWrite] = []
        let rowNumbers = Set(waitingForRows.map(\.number))
        for pending in (waiting + waitingForRows).sorted(by: { $0.number < $1.number }) {
            let isBlocked = barrier.blocks(pending)
            if rowNumbers.contains(pending.number) {
                if !isBlocked { heads.append(pending) }
            } else if isBlocked {
                stay.append(pending)
            } else {
                free.append(pending)
                continue
            }
            barrier.add(pending)
        }
        waiting = stay
        guard run(Self.groups(free), lockTimeoutMs: options.lockTimeoutMs) else { return }
        let late = heads.filter { $0.deadline <= .now }
        waitingForRows.removeAll { pending in late.contains { $0.number == pending.number } }
        for pending in late { fail(pending, .timeout(GroupTrouble.raceReason)) }
        // Shuffled, so that one which waits long keeps nobody from his turn.
        let end = ContinuousClock.now + .milliseconds(ServingLimits.heldRowsMs)
        for pending in heads.shuffled() where pending.deadline > .now {
            guard ContinuousClock.now < end else { return }
            waitingForRows.removeAll { $0.number == pending.number }
            guard run([[pending]], lockTimeoutMs: options.retryLockTimeoutMs) else { return }
        }
    }

    /// Cut as the lane cuts its groups.
    private static func groups(_ writes: [PendingWrite]) -> [[PendingWrite]] {
        var groups: [[PendingWrite]] = []
        var rows = 0
        for pending in writes {
            if groups.isEmpty || rows + pending.write.rowCount > ServingLimits.groupRowsMax {
                groups.append([])
                rows = 0
            }
            groups[groups.count - 1].append(pending)
            rows += pending.write.rowCount
        }
        return groups
    }

    private func park(_ pending: PendingWrite) {
        waiting.insert(pending, at: Self.place(of: pending, in: waiting))
    }

    private static func place(of pending: PendingWrite, in writes: [PendingWrite]) -> Int {
        (writes.lastIndex { $0.number < pending.number } ?? -1) + 1
    }

    /// - Returns: the writes that nothing stands in the way of.
    private func park(_ writes: [PendingWrite], _ held: HeldViews) -> [PendingWrite] {
        var free: [PendingWrite] = []
        for pending in writes {
            let views = pending.write.items.flatMap(\.parts).map(\.view)
            if let view = views.first(where: { held.changed.contains($0.id) }) {
                fail(pending, .viewChanged(name: view.name))
            } else if let view = views.first(where: { held.locked.contains($0.id) }) {
                if ContinuousClock.now < pending.deadline {
                    park(pending)
                } else {
                    let text = "view '\(view.name)' is being changed or rebuilt; nothing is stored, send it again"
                    fail(pending, .timeout(text))
                }
            } else {
                free.append(pending)
            }
        }
        return free
    }

    /// Parks what stands behind parked writes.
    /// - Returns: the writes that may go.
    private func admit(_ writes: [PendingWrite]) -> [PendingWrite] {
        guard hasParked else { return writes }
        var barrier = WriteBarrier(waiting)
        for pending in waitingForRows { barrier.add(pending) }
        var admitted: [PendingWrite] = []
        for pending in writes {
            if barrier.blocks(pending) {
                park(pending)
                barrier.add(pending)
            } else {
                admitted.append(pending)
            }
        }
        return admitted
    }

    // MARK: Pieces of a group

    /// - Parameter groups: one transaction each at first; writes by number.
    /// - Returns: whether there still is a connection; if not, every write of every group has been told.
    private func run(_ groups: [[PendingWrite]], lockTimeoutMs: Int) -> Bool {
        var work = groups.reversed().map { Piece(writes: $0, lockTimeoutMs: lockTimeoutMs) }
        let start = ContinuousClock.now
        /// Spent on parts of the group whose rows somebody holds.
        var heldFor = Duration.zero
        while var piece = work.popLast() {
            piece.writes = admit(piece.writes)
            guard !piece.writes.isEmpty else { continue }
            let begun = ContinuousClock.now
            guard start.duration(to: begun) < .milliseconds(ServingLimits.groupAttemptsMs) else {
                for pending in piece.writes { fail(pending, .timeout(GroupTrouble.slowReason)) }
                continue
            }
            do throws(Trouble) {
                try commitOnce(piece.writes, lockTimeoutMs: piece.lockTimeoutMs)
            } catch {
                switch error {
                case .held(let held):
                    piece.writes = park(piece.writes, held)
                    work.append(piece)
                case .race where piece.attempt <= Limits.retriesMax:
                    piece.attempt += 1
                    work.append(piece)
                case .race(let reason), .locked(let reason):
                    if piece.lockTimeoutMs == options.retryLockTimeoutMs { heldFor += begun.duration(to: .now) }
                    apart(piece, reason, isTime: heldFor < .milliseconds(ServingLimits.heldRowsMs), &work)
                case .slow(let reason):
                    trouble = reason
                    for pending in piece.writes { fail(pending, .timeout(reason)) }
                case .closed(let reason):
                    refusal = reason
                    for pending in piece.writes { fail(pending, .readOnly(reason)) }
                case .fault(let failure) where piece.writes.count == 1: fail(piece.writes[0], failure)
                case .fault: halve(piece, lockTimeoutMs: piece.lockTimeoutMs, &work)
                case .lost(let reason):
                    session = nil
                    // A connection that ended while nobody used it, as after a restart of the server, is made anew once;
                    // after a long silence the writes are told, who have waited long enough.
                    let isSoon = begun.duration(to: .now) < .milliseconds(ServingLimits.stalledCommitMs)
                    if piece.attempt == 1, isSoon, (try? connect()) != nil {
                        piece.attempt += 1
                        work.append(piece)
                        continue
                    }
                    isDown(piece.writes + work.reversed().flatMap(\.writes), reason)
                    return false
                case .unknown(let reason):
                    session = nil
                    for pending in piece.writes { fail(pending, .outcomeUnknown(reason)) }
                    isDown(work.reversed().flatMap(\.writes), reason)
                    return false
                }
            }
        }
        return true
    }

    /// Whoever holds the rows holds those of some writes, not of all: the others are stored without them, and these wait.
    ///
    /// - Parameter isTime: whether there is time to find out which these are; else all of the piece wait.
    private func apart(_ piece: Piece, _ reason: String, isTime: Bool, _ work: inout [Piece]) {
        if isTime, piece.writes.count > 1 { return halve(piece, lockTimeoutMs: options.retryLockTimeoutMs, &work) }
        for pending in piece.writes {
            if ContinuousClock.now < pending.deadline {
                waitingForRows.insert(pending, at: Self.place(of: pending, in: waitingForRows))
            } else {
                fail(pending, .timeout(reason))
            }
        }
    }

    private func halve(_ piece: Piece, lockTimeoutMs: Int, _ work: inout [Piece]) {
        let middle = piece.writes.count / 2
        work.append(Piece(writes: Array(piece.writes[middle...]), lockTimeoutMs: lockTimeoutMs))
        work.append(Piece(writes: Array(piece.writes[..<middle]), lockTimeoutMs: lockTimeoutMs))
    }

    private func isDown(_ writes: [PendingWrite], _ reason: String) {
        connectionLost(reason)
        for pending in writes { fail(pending, .unavailable(reason)) }
        failParked(.unavailable(reason))
    }
}

extension Duration {
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
