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
        let moved = applied.withLock { applied in
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
            if !due.isEmpty { move(to: applied.reached, due) }
            return Self.moved(due)
        }
        wake(.views(moved))
        if position >= state.position { return finish() }
        whenReached(state.position, timeoutMs: ServingLimits.ownCommitWaitMs) { _ in finish() }
    }

    /// Brings the memories to a state, for readers at once. To be called while ``applied`` is locked; ``wake()`` follows.
    ///
    /// - Parameter chunks: what the follower has read.
    private func move(
        to state: LedgerState,
        _ own: [AppliedPositions.OwnCommit],
        _ chunks: [BatchRows.Chunk] = [],
        events: (rows: [EventRows], position: Int64) = ([], 0),
        catalog new: Catalog? = nil
    ) {
        changeTogether {
            if let new { replaceCatalog(new) }
            for chunk in chunks { chunk.apply() }
            for rows in events.rows { rows.apply(to: events.position) }
            let catalog = catalog
            for commit in own {
                for (view, rows) in commit.parts {
                    guard let served = catalog.all[view.id], served.stored.shape == view.shape else { continue }
                    if let memory = served.memory {
                        served.counters.addLate(memory.apply(rows, position: commit.state.position))
                    }
                    if !served.events.isEmpty, let rows = commit.events[view.id] {
                        EventRows(rows, of: served, position: commit.state.position)
                            .apply(to: commit.state.position)
                    }
                    served.freshness.add(commit.state, newest: rows.newestEventTime)
                }
            }
            setReached(state)
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
        let own = applied.withLock { applied in
            let own = applied.followed(to: state)
            // As with other rows, what is too large to be applied while everybody waits is applied before.
            let isSmall = events.reduce(0) { $0 + Int64($1.rowCount) } <= ServingLimits.rowsTogetherMax
            if !isSmall {
                // Memory is ahead of the position until that has moved.
                beginPartialChange()
                for rows in events { rows.apply(to: state.position) }
            }
            defer { if !isSmall { endPartialChange() } }
            // Those of own commits behind the state are yet to be applied.
            move(to: applied.reached, own, chunks, events: (isSmall ? events : [], state.position))
            return own
        }
        wake(.views(moved.merging(Self.moved(own)) { max($0, $1) }))
    }

    /// Replaces the catalog by one whose memories are at a state, together with the position.
    ///
    /// - Parameter isRestart: the store has another history than was applied, so that the position may go back.
    func publish(_ load: CatalogLoad.Result, isRestart: Bool) {
        applied.withLock { applied in
            var own: [AppliedPositions.OwnCommit] = []
            if isRestart {
                applied.reloaded(at: load.state)
            } else {
                // Earlier ones are in the memories, unless an entity of theirs was forgotten since.
                own = applied.followed(to: load.state).filter { $0.state.position > load.state.position }
            }
            move(to: applied.reached, own, catalog: load.catalog)
        }
        wake(.any)
    }
}

extension ViewRows {
    /// `nil` without rows.
    var newestEventTime: Int64? { eventTimeValues.max() }
}
