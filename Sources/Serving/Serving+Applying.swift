import Metrics
import Online
package import PointInTime
package import Store
import Synchronization

extension Serving {
    /// Takes what this process has committed: all parts of one transaction at once, before its clients are answered.
    ///
    /// - Parameters:
    ///   - parts: of each view that the transaction wrote, the rows it stored, or the newest of each entity.
    ///   - events: of views of events all rows that it stored, by ``StoredView/id``, as they were submitted. Without them what
    ///     is in memory for windows comes with the follower, and so does the commit.
    ///   - finish: called once, from any thread, when reads reflect the commit: mostly at once, and later where other
    ///     servers' commits lie between or the definitions have changed. Not later than ``ServingLimits/ownCommitWaitMs``.
    package func apply(
        _ parts: [(view: StoredView, rows: ViewRows)],
        events: [Int32: ViewRows] = [:],
        state: LedgerState,
        finish: @escaping @Sendable () -> Void = {}
    ) {
        var moved = applied.withLock { applied in
            let catalog = catalog
            // Rows of another shape than is served come with the follower, behind the new definitions.
            let isKnown = parts.allSatisfy { part in
                guard let served = catalog.all[part.view.id], served.stored.shape == part.view.shape else {
                    return false
                }
                if !served.events.isEmpty, events[part.view.id] == nil { return false }
                // An event that came back has values of retired features, too, which the writer did not read.
                return !served.layout.isByPosition || served.layout.featureCount == served.layout.columns.count
            }
            guard isKnown else { return [Int32: Int64]() }
            let due = applied.committed(AppliedPositions.OwnCommit(state: state, parts: parts, events: events))
            apply(due, to: catalog)
            return Self.moved(due)
        }
        wake(.views(moved))
        moved = applyLarge()
        if !moved.isEmpty { wake(.views(moved)) }
        if position >= state.position { return finish() }
        whenReached(state.position, timeoutMs: ServingLimits.ownCommitWaitMs) { _ in finish() }
    }

    /// Applies own commits that follow on what has been reached, in holds of the lock that are short. To be called while
    /// ``applied`` is locked, as all of these; ``wake()`` follows.
    private func apply(_ own: [AppliedPositions.OwnCommit], to catalog: Catalog) {
        var rest = own[...]
        while let first = rest.first {
            var (rows, count) = (first.rowCount, 1)
            for next in rest.dropFirst() {
                guard rows + next.rowCount <= ServingLimits.rowsTogetherMax else { break }
                (rows, count) = (rows + next.rowCount, count + 1)
            }
            let step = rest.prefix(count)
            rest = rest.dropFirst(count)
            let state = step.last?.state ?? first.state
            change(rows: rows) {
                for commit in step {
                    apply(commit, to: catalog)
                    for rows in eventRows(commit, of: catalog) { rows.apply(to: commit.state.position) }
                }
            } ending: {
                setReached(state)
            }
        }
    }

    /// Applies own commits of very many events that are next, and what follows on them. Between two pieces others have
    /// ``applied``. Where another thread is at such pieces, it comes here behind them.
    /// - Returns: as ``moved(_:)``.
    private func applyLarge() -> [Int32: Int64] {
        var moved: [Int32: Int64] = [:]
        while let commit = applied.withLock({ $0.nextLarge }) {
            let due = pieces.withLockIfAvailable { _ -> [AppliedPositions.OwnCommit] in
                // Another thread may have done it meanwhile.
                guard applied.withLock({ $0.nextLarge?.state == commit.state }) else { return [] }
                // Memory is ahead of the position until that has moved.
                beginPartialChange()
                defer { endPartialChange() }
                for rows in eventRows(commit, of: catalog) { applyPieces(of: rows, to: commit.state.position) }
                return applied.withLock { applied in
                    let due = applied.takeLarge(commit.state)
                    guard !due.isEmpty else { return [] }
                    let catalog = catalog
                    apply(commit, to: catalog)
                    changeTogether { setReached(commit.state) }
                    apply(Array(due.dropFirst()), to: catalog)
                    return due
                }
            }
            guard let due else { break }
            moved.merge(Self.moved(due)) { max($0, $1) }
        }
        return moved
    }

    /// Brings the memories to what the follower has, and then to what own commits follow on it.
    ///
    /// - Parameters:
    ///   - state: that the follower has.
    ///   - reached: what has been reached then, with own commits.
    ///   - own: up to the state and behind it.
    ///   - chunks: what the follower has read; of ``events`` only what is little.
    private func move(
        to state: LedgerState,
        reached: LedgerState,
        _ own: [AppliedPositions.OwnCommit],
        _ chunks: [BatchRows.Chunk] = [],
        events: [EventRows] = [],
        catalog new: Catalog? = nil
    ) {
        let catalog = new ?? self.catalog
        let until = own.firstIndex { $0.state.position > state.position } ?? own.endIndex
        // Events of theirs are among those that the follower read.
        let (within, behind) = (own[..<until], own[until...])
        change(rows: within.reduce(0) { $0 + $1.rowCount }) {
            for commit in within { apply(commit, to: catalog) }
        } ending: {
            if let new { replaceCatalog(new) }
            for chunk in chunks { chunk.apply() }
            for rows in events { rows.apply(to: state.position) }
            setReached(behind.isEmpty ? reached : state)
        }
        apply(Array(behind), to: catalog)
    }

    /// Calls `body` and then `end` at once for readers: under one hold of the lock; or where `body` applies more rows than
    /// that may, as a partial change, in which memory is ahead of the position until that has moved.
    private func change(rows: Int64, _ body: () -> Void, ending end: () -> Void) {
        guard rows > ServingLimits.rowsTogetherMax else {
            return changeTogether {
                body()
                end()
            }
        }
        beginPartialChange()
        body()
        changeTogether(end)
        endPartialChange()
    }

    private func apply(_ commit: AppliedPositions.OwnCommit, to catalog: Catalog) {
        for (view, rows) in commit.parts {
            guard let served = catalog.all[view.id], served.stored.shape == view.shape else { continue }
            if let memory = served.memory {
                served.counters.addLate(memory.apply(rows, position: commit.state.position))
            }
            served.freshness.add(commit.state, newest: rows.newestEventTime)
        }
    }

    /// What memories of events take of a commit.
    private func eventRows(_ commit: AppliedPositions.OwnCommit, of catalog: Catalog) -> [EventRows] {
        commit.events.compactMap { id, rows in
            guard let served = catalog.all[id], served.wantsEvents,
                commit.parts.contains(where: { $0.view.id == id && $0.view.shape == served.stored.shape })
            else { return nil }
            return EventRows(rows, of: served, position: commit.state.position)
        }
    }

    /// The views of own commits, with the last position that moved each.
    private static func moved(_ own: [AppliedPositions.OwnCommit]) -> [Int32: Int64] {
        var moved: [Int32: Int64] = [:]
        for commit in own {
            for part in commit.parts { moved[part.view.id] = max(commit.state.position, moved[part.view.id] ?? 0) }
        }
        return moved
    }

    /// The follower has everything up to a state, `chunks` being what is not applied yet.
    /// - Parameter moved: for each view that has rows of it, the last position that has.
    /// - Parameter events: rows for memories of events, as ``EventRows/apply(to:)`` takes them.
    func followed(
        to state: LedgerState,
        _ chunks: [BatchRows.Chunk] = [],
        events: [EventRows] = [],
        moved: [Int32: Int64]
    ) {
        // As with other rows, what is too large to be applied while everybody waits is applied before, in pieces between which
        // own commits have their turn.
        let isSmall = events.reduce(0) { $0 + Int64($1.rowCount) } <= ServingLimits.rowsTogetherMax
        if !isSmall {
            // Memory is ahead of the position until that has moved.
            beginPartialChange()
            applyInPieces(events, to: state.position)
        }
        let own = applied.withLock { applied in
            let own = applied.followed(to: state)
            // Those of own commits behind the state are yet to be applied.
            move(to: state, reached: applied.reached, own, chunks, events: isSmall ? events : [])
            return own
        }
        if !isSmall { endPartialChange() }
        let large = applyLarge()
        wake(.views([Self.moved(own), large].reduce(moved) { $0.merging($1) { max($0, $1) } }))
    }

    /// Brings memories of events up to a position, while ``applied`` is locked for some rows at a time. Readers are told by
    /// ``beginPartialChange()``.
    func applyInPieces(_ events: [EventRows], to position: Int64) {
        pieces.withLock { _ in for rows in events { applyPieces(of: rows, to: position) } }
    }

    /// To be called while ``pieces`` is locked: of a commit that two applied at once, an event's last row could be passed over.
    private func applyPieces(of rows: EventRows, to position: Int64) {
        rows.apply(to: position, rowsMax: Int(ServingLimits.rowsTogetherMax)) { body in
            applied.withLock { _ in body() }
        }
    }

    /// Replaces the catalog by one whose memories are at a state, together with the position.
    ///
    /// - Parameter isRestart: the store has another history than was applied, so that the position may go back.
    func publish(_ load: CatalogLoad.Result, isRestart: Bool) {
        // What nobody needs any more is freed when nobody waits for that.
        let old = catalog
        applied.withLock { applied in
            var own: [AppliedPositions.OwnCommit] = []
            if isRestart {
                applied.reloaded(at: load.state)
            } else {
                // Earlier ones are in the memories, unless an entity of theirs was forgotten since.
                own = applied.followed(to: load.state).filter { $0.state.position > load.state.position }
            }
            move(to: load.state, reached: applied.reached, own, catalog: load.catalog)
        }
        _ = applyLarge()
        wake(.any)
        old.leaveEvents(but: load.catalog)
    }
}

extension AppliedPositions.OwnCommit {
    /// That are applied.
    fileprivate var rowCount: Int64 {
        parts.reduce(0) { $0 + Int64($1.rows.rowCount) } + events.values.reduce(0) { $0 + Int64($1.rowCount) }
    }
}

extension ViewRows {
    /// `nil` without rows.
    var newestEventTime: Int64? { eventTimeValues.max() }
}
