import Features
import PointInTime
import Postgres

/// A write that waits for its commit.
struct PendingWrite: Sendable {
    let write: RowWrite
    /// By when it gives up waiting for a view that somebody holds.
    let deadline: ContinuousClock.Instant
    let finish: GroupWriter.Finish
}

/// Commits groups of writes, each group as one transaction, and tells every write what became of it.
///
/// A write that PostgreSQL refuses takes no other down with it: the group is halved until it stands alone. Used by one
/// thread; every call blocks.
final class GroupCommitter {
    /// What a group did not get done.
    struct Rest {
        /// Writes that wait for a view which somebody holds, in order.
        var parked: [PendingWrite] = []
        /// Whether the connection is gone; then every write has been told.
        var isDown = false
    }

    /// Why one attempt at a group failed.
    private enum Trouble: Error {
        case held(HeldViews)
        /// Nothing is stored; the connection is gone, or the server is about to end it.
        case lost(String)
        /// Nothing is stored; doing it again may succeed.
        case race(String)
        case fault(WriteFailure)
        /// COMMIT was sent, and nobody could say what became of it.
        case unknown(String)
    }

    private let conninfo: String
    private let applied: GroupWriter.Applied
    /// Called where a connection is lost, before anybody waits for another one.
    private let connectionLost: @Sendable (String) -> Void
    private var session: Session?
    private var catalogs: [Int32: PartitionCatalog] = [:]
    private(set) var statistics = WriterStatistics()

    init(
        conninfo: String,
        applied: @escaping GroupWriter.Applied,
        connectionLost: @escaping @Sendable (String) -> Void
    ) {
        self.conninfo = conninfo
        self.applied = applied
        self.connectionLost = connectionLost
    }

    /// Connects unless a connection is there.
    func connect() throws(StoreError) {
        if session == nil { session = try Session(conninfo: conninfo, connectTimeoutSeconds: 2) }
    }

    /// Writes a group, as far as it goes.
    func commit(_ group: [PendingWrite]) -> Rest {
        var rest = Rest()
        var work = [(writes: group, attempt: 1)]
        while let (writes, attempt) = work.popLast() {
            guard !writes.isEmpty else { continue }
            do throws(Trouble) {
                try commitOnce(writes)
            } catch {
                switch error {
                case .held(let held): work.append((park(writes, held, &rest), attempt))
                case .race(let reason) where attempt > Limits.retriesMax:
                    for write in writes { write.finish(.failure(.timeout(reason))) }
                case .race: work.append((writes, attempt + 1))
                case .fault(let failure) where writes.count == 1: writes[0].finish(.failure(failure))
                case .fault:
                    work.append((Array(writes[(writes.count / 2)...]), 1))
                    work.append((Array(writes[..<(writes.count / 2)]), 1))
                case .lost(let reason):
                    session = nil
                    // A connection that ended while nobody used it, as after a restart of the server, is made anew once.
                    if attempt == 1, (try? connect()) != nil {
                        work.append((writes, attempt + 1))
                        continue
                    }
                    fail(work.reversed().flatMap(\.writes) + rest.parked, writes, .unavailable(reason))
                    return Rest(isDown: true)
                case .unknown(let reason):
                    session = nil
                    for write in writes { write.finish(.failure(.outcomeUnknown(reason))) }
                    fail(work.reversed().flatMap(\.writes) + rest.parked, [], .unavailable(reason))
                    return Rest(isDown: true)
                }
            }
        }
        return rest
    }

    private func fail(_ later: [PendingWrite], _ writes: [PendingWrite], _ failure: WriteFailure) {
        if case .unavailable(let reason) = failure { connectionLost(reason) }
        for write in writes + later { write.finish(.failure(failure)) }
    }

    /// - Returns: the writes that nothing stands in the way of.
    private func park(_ writes: [PendingWrite], _ held: HeldViews, _ rest: inout Rest) -> [PendingWrite] {
        var free: [PendingWrite] = []
        for pending in writes {
            let views = pending.write.items.flatMap(\.parts).map(\.view)
            if let view = views.first(where: { held.changed.contains($0.id) }) {
                pending.finish(.failure(.viewChanged(name: view.name)))
            } else if let view = views.first(where: { held.locked.contains($0.id) }) {
                if ContinuousClock.now < pending.deadline {
                    rest.parked.append(pending)
                } else {
                    let text = "view '\(view.name)' is being changed or rebuilt; nothing is stored, send it again"
                    pending.finish(.failure(.timeout(text)))
                }
            } else {
                free.append(pending)
            }
        }
        return free
    }

    // MARK: One transaction

    private func commitOnce(_ writes: [PendingWrite]) throws(Trouble) {
        let parts = writes.flatMap(\.write.items).flatMap(\.parts)
        let views = try distinctViews(parts)
        let session: Session
        do throws(StoreError) {
            try connect()
            guard let made = self.session else { throw .conflict("connect() makes a session or throws") }
            session = made
        } catch { throw .lost(GroupTrouble.reason(error)) }
        var held = HeldViews()
        do throws(StoreError) {
            held.locked = try preparePartitions(parts, session)
        } catch { throw trouble(error, session) }
        guard held.locked.isEmpty else { throw .held(held) }
        let sources = Set(writes.flatMap(\.write.items).filter { !$0.parts.isEmpty }.compactMap(\.source?.source))
        var decided = WriteSources()
        let started = ContinuousClock.now
        let start: GroupStart
        do throws(StoreError) {
            let lock: (Session) throws(StoreError) -> Void = { (session) throws(StoreError) in
                try decided.lock(sources, session)
            }
            start = try WriteTransaction.begin(group: views, on: session, lockSources: sources.isEmpty ? nil : lock)
        } catch { throw trouble(error, session) }
        switch start {
        case .begun(let transaction): try write(writes, transaction, &decided, session)
        case .held(let held): throw .held(held)
        }
        statistics.busyUs += UInt64(clamping: started.duration(to: .now).microseconds)
    }

    /// One of each view; of a view in two shapes the writes are split, so that only those of the wrong one fail.
    private func distinctViews(_ parts: [RowWrite.Part]) throws(Trouble) -> [StoredView] {
        var views: [Int32: StoredView] = [:]
        for part in parts {
            if let other = views[part.view.id], other.shape != part.view.shape {
                throw .fault(.viewChanged(name: part.view.name))
            }
            views[part.view.id] = part.view
        }
        return Array(views.values)
    }

    private func write(
        _ writes: [PendingWrite],
        _ transaction: WriteTransaction,
        _ decided: inout WriteSources,
        _ session: Session
    ) throws(Trouble) {
        var accepted: [RowWrite.Part] = []
        /// By write and item.
        var isDuplicate: [[Bool]] = []
        for pending in writes {
            var flags: [Bool] = []
            for item in pending.write.items {
                let isKnown = item.parts.isEmpty ? false : item.source.map { !decided.take($0) } ?? false
                flags.append(isKnown)
                if !isKnown { accepted += item.parts }
            }
            isDuplicate.append(flags)
        }
        var state: LedgerState?
        var stored: [(view: StoredView, rows: ViewRows)] = []
        var late: [(view: String, rows: Int)] = []
        do throws(StoreError) {
            if accepted.isEmpty {
                transaction.rollBack()
            } else {
                for (view, rows) in GroupRows(accepted).views {
                    let (counts, newest) = try transaction.writeGroup(rows, to: view)
                    statistics.add(counts)
                    if counts.late > 0 { late.append((view.name, counts.late)) }
                    stored.append((view, rows.gather(newest)))
                }
                try decided.move(to: transaction.batch, session)
            }
        } catch {
            transaction.rollBack()
            throw trouble(error, session)
        }
        if !accepted.isEmpty {
            state = try commit(transaction, session)
            statistics.groups += 1
        }
        statistics.writes += UInt64(writes.count)
        let receipts = receipts(writes, isDuplicate, state, decided, session)
        let finish: @Sendable () -> Void = {
            for (pending, receipt) in zip(writes, receipts) { pending.finish(.success(receipt)) }
        }
        guard let state else { return finish() }
        applied(CommittedRows(state: state, views: stored, late: late), finish)
    }

    /// What each write is told.
    private func receipts(
        _ writes: [PendingWrite],
        _ isDuplicate: [[Bool]],
        _ state: LedgerState?,
        _ decided: WriteSources,
        _ session: Session
    ) -> [WriteReceipt] {
        var older: Set<String> = []
        for (pending, flags) in zip(writes, isDuplicate) {
            for (item, flag) in zip(pending.write.items, flags) {
                if flag, let source = item.source?.source, !decided.isMoved(source) { older.insert(source) }
            }
        }
        let batches = decided.batches(older)
        // A position that cannot be read is not worth an error: the write is stored.
        let positions = (try? WriteSources.positions(batches.values, session)) ?? [:]
        return zip(writes, isDuplicate).map { pending, flags in
            let items = zip(pending.write.items, flags).map { item, flag in
                var position = state?.position ?? 0
                if flag, let source = item.source?.source, older.contains(source) {
                    position = batches[source].flatMap { positions[$0] } ?? 0
                }
                return WriteReceipt.Item(isDuplicate: flag, position: position)
            }
            return WriteReceipt(items: items)
        }
    }

    /// Commits; where the connection ends meanwhile, finds out whether the group is stored.
    private func commit(_ transaction: WriteTransaction, _ session: Session) throws(Trouble) -> LedgerState {
        do throws(StoreError) {
            return try transaction.commit()
        } catch {
            guard !session.connection.isAlive || GroupTrouble.isEnding(error) else {
                transaction.rollBack()
                throw trouble(error, session)
            }
            let reason = GroupTrouble.reason(error)
            self.session = nil
            connectionLost(reason)
            switch transaction.found(waitMs: Limits.outcomeWaitMs) {
            case (.committed, let state?): return state
            case (.aborted, _): throw .lost(reason)
            default: throw .unknown(reason)
            }
        }
    }

    private func trouble(_ error: StoreError, _ session: Session) -> Trouble {
        if !session.connection.isAlive || GroupTrouble.isEnding(error) { return .lost(GroupTrouble.reason(error)) }
        session.connection.rollBack()
        // A partition was dropped since we looked.
        if case .database(let cause) = error, cause.sqlState == SQLState.checkViolation { catalogs = [:] }
        return GroupTrouble.isRace(error) ? .race(GroupTrouble.raceReason) : .fault(GroupTrouble.failure(error))
    }

    // MARK: Partitions

    /// - Returns: views that need partitions and are held by somebody.
    private func preparePartitions(_ parts: [RowWrite.Part], _ session: Session) throws(StoreError) -> Set<Int32> {
        var locked: Set<Int32> = []
        for part in parts {
            var catalog = catalogs[part.view.id] ?? PartitionCatalog(view: part.view)
            defer { catalogs[part.view.id] = catalog }
            let ranges = catalog.partition(part.rows.eventTimeValues).ranges
            let missing = try catalog.missing(ranges, session)
            guard !missing.isEmpty else { continue }
            guard missing.count <= Limits.newPartitionsMax else {
                // Alone, the write is told; in a group, this splits it.
                throw .position(
                    """
                    the event times would open \(missing.count) new partitions of one \
                    \(part.view.definition.partition.rawValue) each; \(Limits.newPartitionsMax) are allowed in one write. \
                    Check their unit, or use `asof ingest`
                    """
                )
            }
            let isMade = try catalog.make(
                missing,
                session,
                lockTimeoutMs: Limits.groupLockTimeoutMs,
                isPatient: false
            )
            if !isMade { locked.insert(part.view.id) }
        }
        return locked
    }
}

/// What servers' writers did.
package struct WriterStatistics: Sendable, Hashable {
    package var groups: UInt64 = 0
    package var writes: UInt64 = 0
    package var rows: UInt64 = 0
    package var lateRows: UInt64 = 0
    package var duplicateRows: UInt64 = 0
    /// Time spent in transactions.
    package var busyUs: UInt64 = 0

    mutating func add(_ counts: WriteCounts) {
        rows += UInt64(counts.stored)
        lateRows += UInt64(counts.late)
        duplicateRows += UInt64(counts.duplicates)
    }

    static func + (left: WriterStatistics, right: WriterStatistics) -> WriterStatistics {
        WriterStatistics(
            groups: left.groups + right.groups,
            writes: left.writes + right.writes,
            rows: left.rows + right.rows,
            lateRows: left.lateRows + right.lateRows,
            duplicateRows: left.duplicateRows + right.duplicateRows,
            busyUs: left.busyUs + right.busyUs
        )
    }
}

extension Duration {
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
