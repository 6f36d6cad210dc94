import Features
import Glibc
import Postgres
package import Store

/// Mends a view's online table by its history, while writers and readers go on.
///
/// Entities are walked in ranges of their order: what is wrong in a range is found in one snapshot without any lock. Only those
/// entities are then looked up again and put right, some hundred at a time, under the view's lock, which makes writers wait for a
/// fraction of a second. The ledger's entry, at which servers load the view anew, comes with the last of it. A run that is killed
/// leaves rows that are right without such an entry; the next run makes it.
package struct OnlineRebuild {
    private let session: Session
    private let sizes: Sizes

    /// How the work is cut.
    package struct Sizes: Sendable {
        /// Rows of history, or online, of a range.
        package var rangeRows = 100_000
        /// Entities that are put right under one lock, at first.
        package var chunkEntities = 500

        package init() {}
    }

    package init(_ session: Session, sizes: Sizes = Sizes()) {
        self.session = session
        self.sizes = sizes
    }

    package struct Outcome: Sendable {
        /// Entities of history: rows of the online table then, tombstones too.
        package fileprivate(set) var entities = 0
        /// Rows that were missing or had other values.
        package fileprivate(set) var written = 0
        /// Rows of entities that history does not have.
        package fileprivate(set) var removed = 0
        /// The longest time that writers of the view were kept out, but for waiting behind one of them.
        package fileprivate(set) var longestHold = Duration.zero
        package fileprivate(set) var state = LedgerState.beginning
    }

    /// - Throws: ``StoreError/request(_:)`` for a view without an online table; ``StoreError/conflict(_:)`` where the view is
    ///   changed meanwhile, or writers keep it for ``OperationsLimits/rebuildLockSeconds``. What was put right stays.
    package func run(_ view: StoredView) throws(StoreError) -> Outcome {
        guard view.definition.isOnline else {
            throw .request("view '\(view.name)' has online: false; there is no online table to rebuild")
        }
        var outcome = Outcome()
        do throws(StoreError) {
            try walk(view, &outcome)
        } catch {
            // Servers are to see what was put right.
            if outcome.written + outcome.removed > 0 { _ = try? enter(view, outcome) }
            throw error
        }
        outcome.state = try enter(view, outcome)
        return outcome
    }

    /// Puts every entity right, without an entry in the ledger.
    private func walk(_ view: StoredView, _ outcome: inout Outcome) throws(StoreError) {
        // Hidden features, too: old versions of services read them.
        let whole = try StoredView.whole(view.name, session)
        let rows = LatestRows(whole)
        var chunk = sizes.chunkEntities
        var lower: [Value]?
        while true {
            let range = EntityRange(above: lower, upTo: try bound(rows, above: lower))
            let (entities, wrong) = try find(rows, range)
            outcome.entities += entities
            var start = 0
            while start < wrong.count {
                let end = min(wrong.count, start + chunk)
                let held = try mend(view, rows, Array(wrong[start..<end]), &outcome)
                outcome.longestHold = max(outcome.longestHold, held)
                start = end
                // As many as take about a tenth of a second.
                let aim = held > .zero ? Double(chunk) * (OperationsLimits.rebuildHold / held) : Double(chunk)
                chunk = min(max(Int(aim), chunk / 4, 1), chunk * 4, OperationsLimits.rebuildChunkMax)
            }
            guard let next = range.upTo else { return }
            lower = next
        }
    }

    /// The last entity of the range that begins above another; `nil` = all others.
    private func bound(_ rows: LatestRows, above lower: [Value]?) throws(StoreError) -> [Value]? {
        let range = EntityRange(above: lower, upTo: nil)
        let found = try session.query(rows.boundQuery(range, rows: sizes.rangeRows), rows.parameters(range))
        return found.count == 0 ? nil : rows.keys(found, 0, at: 0)
    }

    /// How many entities of a range history has, and those that are wrong online, all of one moment.
    private func find(
        _ rows: LatestRows,
        _ range: EntityRange
    ) throws(StoreError) -> (entities: Int, wrong: [[Value]]) {
        let found = try session.transaction(.read) { () throws(StoreError) in
            try session.query(try rows.wrongQuery(range, session), rows.parameters(range))
        }
        var wrong: [[Value]] = []
        for row in 0..<found.count where !found.isNull(row, 1) { wrong.append(rows.keys(found, row, at: 1)) }
        return (Int(found.int64(0, 0) ?? 0), wrong)
    }

    /// Puts some entities right under the view's lock.
    /// - Returns: for how long it was held.
    private func mend(
        _ view: StoredView,
        _ rows: LatestRows,
        _ entities: [[Value]],
        _ outcome: inout Outcome
    ) throws(StoreError) -> Duration {
        let start = try begin(view)
        do throws(StoreError) {
            try view.refuseIfChanged(session)
            let done = try session.query(try rows.mendQuery(session), rows.parameters(entities))
            try session.commit("some rows of the rebuild of view '\(view.name)'")
            outcome.removed += Int(done.int64(0, 0) ?? 0)
            outcome.written += Int(done.int64(0, 1) ?? 0)
        } catch {
            session.connection.rollBack()
            throw error
        }
        let held = start.duration(to: .now)
        Self.pause()
        return held
    }

    /// Lets writers have their turn: servers ask for a view's lock fifty times a second, and do not stand in line.
    private static func pause() { usleep(UInt32(OperationsLimits.rebuildPauseMs) * 1_000) }

    /// Begins a transaction with the view's lock. Others wait behind whoever waits for it, so it is asked for in short turns.
    private func begin(_ view: StoredView) throws(StoreError) -> ContinuousClock.Instant {
        let end = ContinuousClock.now + .seconds(OperationsLimits.rebuildLockSeconds)
        while true {
            try session.begin(.write(lockTimeoutMs: OperationsLimits.rebuildLockMs))
            do throws(StoreError) {
                try session.lock(AdvisoryLock.view(view.id))
                return .now
            } catch {
                session.connection.rollBack()
                guard case .database(let cause) = error, cause.sqlState == SQLState.lockNotAvailable else {
                    throw error
                }
                guard ContinuousClock.now < end else {
                    throw .conflict(
                        "writers have kept view '\(view.name)' for \(OperationsLimits.rebuildLockSeconds) s; what was put right "
                            + "stays, run the command again when less is written"
                    )
                }
                Self.pause()
            }
        }
    }

    /// The ledger's entry, at which servers load the view anew.
    private func enter(_ view: StoredView, _ outcome: Outcome) throws(StoreError) -> LedgerState {
        try session.begin(.write)
        do throws(StoreError) {
            try session.lock(AdvisoryLock.view(view.id), isShared: true)
            let ledger = Ledger(session)
            let (batch, transactionID) = try ledger.takeBatch()
            return try ledger.commit(
                "the rebuild of view '\(view.name)'",
                batch: batch,
                transactionID: transactionID,
                [LedgerEntry(view: view.id, kind: .rebuild, rows: outcome.written + outcome.removed)]
            )
        } catch {
            session.connection.rollBack()
            throw error
        }
    }
}
