import Features
import Metrics
import PointInTime
import Postgres
import Store

/// One transaction of a group.
extension GroupCommitter {
    /// What becomes of the writes of a transaction, decided once their sources' rows are locked.
    private struct Decided {
        /// Writes that are stored, or were before.
        var taken: [(pending: PendingWrite, isDuplicate: [Bool])] = []
        var refused: [(pending: PendingWrite, failure: WriteFailure)] = []
        /// To be stored, in the order in which they were submitted.
        var parts: [RowWrite.Part] = []
        var sources: WriteSources
    }

    func commitOnce(_ writes: [PendingWrite], lockTimeoutMs: Int) throws(Trouble) {
        let parts = writes.flatMap(\.write.items).flatMap(\.parts)
        let views = try distinctViews(parts)
        let session: Session
        do throws(StoreError) {
            try connect()
            guard let made = self.session else { throw .conflict("connect() makes a session or throws") }
            session = made
            made.connection.deadline = .now + .milliseconds(ServingLimits.groupDeadlineMs)
        } catch { throw .lost(GroupTrouble.reason(error)) }
        var held = HeldViews()
        do throws(StoreError) {
            held.locked = try preparePartitions(parts, session, lockTimeoutMs: lockTimeoutMs)
        } catch { throw trouble(error, session) }
        guard held.locked.isEmpty else { throw .held(held) }
        let names = Set(writes.flatMap(\.sourceNumbers).map(\.source))
        var sources = names.isEmpty ? nil : WriteSources(names)
        let started = ContinuousClock.now
        let start: GroupStart
        do throws(StoreError) {
            start = try WriteTransaction.begin(
                group: views,
                on: session,
                lockTimeoutMs: lockTimeoutMs,
                place: &sources
            )
        } catch { throw trouble(error, session) }
        switch start {
        case .begun(let transaction): try write(decide(writes, sources ?? WriteSources([])), transaction, session)
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

    // MARK: Numbers

    private func decide(_ writes: [PendingWrite], _ sources: WriteSources) -> Decided {
        var decided = Decided(sources: sources)
        var failedHere: [Int64: FailedNumbers.Sources] = [:]
        for pending in writes {
            let numbers = pending.sourceNumbers
            guard !numbers.isEmpty else {
                decided.taken.append((pending, pending.write.items.map { _ in false }))
                decided.parts += pending.write.items.flatMap(\.parts)
                continue
            }
            var failures = failedHere[pending.client] ?? failed.sources(of: pending.client)
            // A part of what is known is copied, however many sources the group has.
            var tried = decided.sources.only(numbers.map(\.source))
            switch Self.decide(pending.write, &failures, &tried) {
            case .success(let isDuplicate):
                decided.sources.merge(tried)
                decided.taken.append((pending, isDuplicate))
                for (item, flag) in zip(pending.write.items, isDuplicate) where !flag { decided.parts += item.parts }
                failedHere[pending.client] = failures
            case .failure(let failure):
                decided.refused.append((pending, failure))
                // Its own numbers are as good as failed for those behind it, but for one that can never be stored.
                var failures = failedHere[pending.client] ?? failed.sources(of: pending.client)
                for number in pending.sourceNumbers {
                    failures[number.source, default: NumberRanges()].insert(number.sequence)
                }
                for number in Self.outOfOrder(pending.write, decided.sources) { failures.take(number) }
                failedHere[pending.client] = failures
            }
        }
        return decided
    }

    /// - Returns: of each item whether it is stored already.
    private static func decide(
        _ write: RowWrite,
        _ failures: inout FailedNumbers.Sources,
        _ sources: inout WriteSources
    ) -> Result<[Bool], WriteFailure> {
        var isDuplicate: [Bool] = []
        for item in write.items {
            guard let number = item.source else {
                isDuplicate.append(false)
                continue
            }
            if let before = failures.failure(before: number) {
                return .failure(
                    .outOfOrder(
                        """
                        source '\(number.source)': SEQ \(number.sequence) comes behind \(before), which failed on this \
                        connection; send \(before) again first, or give it up by an FS.WRITE of no lines under it
                        """
                    )
                )
            }
            failures.take(number)
            switch sources.take(number, isEmpty: item.parts.isEmpty) {
            case .store, .nothing: isDuplicate.append(false)
            case .duplicate: isDuplicate.append(true)
            case .outOfOrder(let reason): return .failure(.outOfOrder(reason))
            }
        }
        return .success(isDuplicate)
    }

    /// The numbers of a write that can never be stored, since greater ones are.
    private static func outOfOrder(_ write: RowWrite, _ sources: WriteSources) -> [SourceSequence] {
        var sources = sources.only(write.items.compactMap(\.source?.source))
        return write.items.compactMap { item in
            guard let number = item.source, case .outOfOrder = sources.take(number, isEmpty: item.parts.isEmpty) else {
                return nil
            }
            return number
        }
    }

    // MARK: Rows

    private func write(_ decided: Decided, _ transaction: WriteTransaction, _ session: Session) throws(Trouble) {
        var state: LedgerState?
        var stored: [(view: StoredView, rows: ViewRows)] = []
        var late: [(view: String, rows: Int)] = []
        let group = GroupRows(decided.parts)
        var all = WriteCounts()
        do throws(StoreError) {
            if decided.parts.isEmpty {
                transaction.rollBack()
            } else {
                for (view, tally) in group.tallies { transaction.keep(tally, of: view) }
                for (view, rows) in group.views {
                    let (counts, newest) = try transaction.writeGroup(rows, to: view)
                    all.add(counts)
                    if counts.late > 0 { late.append((view.name, counts.late)) }
                    stored.append((view, newest))
                }
            }
        } catch {
            transaction.rollBack()
            throw trouble(error, session)
        }
        if !decided.parts.isEmpty {
            state = try commit(transaction, moving: decided.sources, session)
            statistics.add(all)
            statistics.groups += 1
            refusal = nil
            trouble = nil
        }
        statistics.writes += UInt64(decided.taken.count)
        for (pending, _) in decided.taken { failed.remove(pending.sourceNumbers, client: pending.client) }
        let receipts = receipts(decided, state, session)
        let finish: @Sendable () -> Void = { [taken = decided.taken] in
            for ((pending, _), receipt) in zip(taken, receipts) { pending.finish(.success(receipt)) }
        }
        if let state {
            let tallies = group.tallies.map { (view: $0.view.name, tally: $0.tally) }
            var committed = CommittedRows(state: state, isOwn: true, views: stored, late: late, tallies: tallies)
            for (view, rows) in group.views where view.eventFeature != nil { committed.events[view.id] = rows }
            applied(committed, finish)
        } else if let position = receipts.flatMap(\.items).map(\.position).max(), position > 0 {
            // Stored through another server maybe, which this one has yet to follow.
            let state = LedgerState(position: position, uid: nil, committedAt: nil)
            applied(CommittedRows(state: state, isOwn: false, views: [], late: [], tallies: []), finish)
        } else {
            finish()
        }
        for (pending, failure) in decided.refused {
            let never = Self.outOfOrder(pending.write, decided.sources)
            fail(pending, failure, never: never)
        }
    }

    /// Tells a refused write; numbers of it that can never be stored keep no later ones back.
    private func fail(_ pending: PendingWrite, _ failure: WriteFailure, never: [SourceSequence]) {
        failed.add(pending.sourceNumbers.filter { !never.contains($0) }, client: pending.client)
        failed.remove(never, client: pending.client)
        pending.finish(.failure(failure))
    }

    /// What each write that is stored is told.
    private func receipts(_ decided: Decided, _ state: LedgerState?, _ session: Session) -> [WriteReceipt] {
        var older: Set<SourceName> = []
        for (pending, flags) in decided.taken {
            for (item, flag) in zip(pending.write.items, flags) {
                if flag, let source = item.source?.source, !decided.sources.isMoved(source) { older.insert(source) }
            }
        }
        let batches = decided.sources.batches(older)
        // A position that cannot be read is not worth an error: the write is stored.
        let positions = (try? WriteSources.positions(batches.values, session)) ?? [:]
        return decided.taken.map { pending, flags in
            let items = zip(pending.write.items, flags).map { item, flag in
                var position = item.parts.isEmpty && !flag ? 0 : state?.position ?? 0
                if flag, let source = item.source?.source, older.contains(source) {
                    position = batches[source].flatMap { positions[$0] } ?? 0
                }
                return WriteReceipt.Item(isDuplicate: flag, position: position)
            }
            return WriteReceipt(items: items)
        }
    }

    /// Commits; where the connection ends meanwhile, finds out whether the group is stored.
    private func commit(
        _ transaction: WriteTransaction,
        moving sources: WriteSources,
        _ session: Session
    ) throws(Trouble) -> LedgerState {
        do throws(StoreError) {
            return try transaction.commit(moving: sources, ledgerTimeoutMs: ServingLimits.ledgerLockTimeoutMs)
        } catch {
            guard transaction.isUncertain(error) else {
                transaction.rollBack()
                // The only lock that is waited for here is the ledger's: nothing of these writes.
                if GroupTrouble.isLockTimeout(error) { throw .slow(GroupTrouble.slowReason) }
                throw trouble(error, session)
            }
            let reason = GroupTrouble.reason(error)
            self.session = nil
            connectionLost(reason)
            switch transaction.inquiry.outcome(waitMs: ServingLimits.outcomeWaitMs) {
            case .committed(let state?): return state
            case .aborted: throw .lost(reason)
            case .committed(nil), .unknown: throw .unknown(reason)
            }
        }
    }

    private func trouble(_ error: StoreError, _ session: Session) -> Trouble {
        if !session.connection.isAlive || GroupTrouble.isEnding(error) { return .lost(GroupTrouble.reason(error)) }
        session.connection.rollBack()
        switch error {
        case .newerSchema, .olderSchema, .noStore: return .closed("\(error)")
        default: break
        }
        // A partition was dropped since we looked.
        if case .database(let cause) = error, cause.sqlState == SQLState.checkViolation { catalogs = [:] }
        if GroupTrouble.isLockTimeout(error) { return .locked(GroupTrouble.raceReason) }
        if GroupTrouble.isSlow(error) { return .slow(GroupTrouble.slowReason) }
        return GroupTrouble.isRace(error) ? .race(GroupTrouble.raceReason) : .fault(GroupTrouble.failure(error))
    }

    // MARK: Partitions

    /// - Returns: views that need partitions and are held by somebody.
    private func preparePartitions(
        _ parts: [RowWrite.Part],
        _ session: Session,
        lockTimeoutMs: Int
    ) throws(StoreError) -> Set<Int32> {
        var locked: Set<Int32> = []
        for part in parts {
            var catalog = catalogs[part.view.id] ?? KnownPartitions(view: part.view)
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
            if !(try catalog.make(missing, session, lockTimeoutMs: lockTimeoutMs, isPatient: false)) {
                locked.insert(part.view.id)
            }
        }
        return locked
    }
}
