import PointInTime
import Postgres
import Synchronization

extension Serving {
    /// Takes what this process has committed: all parts of one transaction at once, before its clients are answered.
    ///
    /// - Parameter parts: of each view that the transaction wrote, the rows it stored, or the newest of each entity.
    /// - Returns: false where a view is served in another shape than the rows have: then the follower applies them, and
    ///   ``whenReached(_:timeoutMs:finish:)`` tells when.
    @discardableResult
    package func apply(_ parts: [(view: StoredView, rows: ViewRows)], state: LedgerState) -> Bool {
        let isWhole = applied.withLock { applied in
            let catalog = catalog
            let known = parts.compactMap { part -> (served: ServedView, rows: ViewRows)? in
                guard let served = catalog.all[part.view.id], served.stored.shape == part.view.shape else { return nil }
                return (served, part.rows)
            }
            let isWhole = known.count == parts.count
            changeTogether {
                for (served, rows) in known { served.memory?.apply(rows, position: state.position) }
            }
            for (served, rows) in known { served.freshness.add(state, newest: rows.newestEventTime) }
            if isWhole { applied.committed(state, views: Set(parts.map(\.view.id))) }
            setReached(applied.reached)
            return isWhole
        }
        wake()
        return isWhole
    }

    /// The follower has applied everything up to a state.
    func followed(to state: LedgerState) {
        applied.withLock { applied in
            applied.followed(to: state)
            setReached(applied.reached)
        }
        wake()
    }

    /// Replaces the catalog by one whose memories are at a state, together with the position.
    ///
    /// Own commits that were applied to memories which are now replaced are read from history first: without a lock as far
    /// as they have come, the last few while no other can be applied; so no reply goes back behind an acknowledged write.
    /// - Parameter isRestart: the store has another history than was applied, so that the position may go back.
    func publish(_ load: CatalogLoad.Result, isRestart: Bool, _ session: Session) throws(StoreError) {
        let state = load.state
        var done: [(state: LedgerState, views: Set<Int32>)] = []
        func catchUp(_ applied: AppliedPositions) throws(StoreError) {
            let missing = applied.ownCommits.filter { commit in
                commit.state.position > state.position && !done.contains { $0.state == commit.state }
            }
            done += try OwnCommits(session).apply(missing, to: load)
        }
        try catchUp(applied.withLock { $0 })
        try applied.withLock { applied throws(StoreError) in
            try catchUp(applied)
            if isRestart {
                applied.reloaded(at: state, own: done)
            } else {
                applied.followed(to: state)
            }
            changeTogether { replaceCatalog(load.catalog) }
            setReached(applied.reached)
        }
        wake()
    }
}

extension ViewRows {
    /// `nil` without rows.
    var newestEventTime: Int64? { eventTimeValues.max() }
}

/// Commits of this process that memories loaded anew do not have.
struct OwnCommits {
    let session: Session

    init(_ session: Session) { self.session = session }

    /// Reads commits from history into the memories that lack them.
    ///
    /// - Returns: those that the store has; one of another timeline it has not.
    func apply(
        _ commits: [(state: LedgerState, views: Set<Int32>)],
        to load: CatalogLoad.Result
    ) throws(StoreError) -> [(state: LedgerState, views: Set<Int32>)] {
        guard !commits.isEmpty else { return [] }
        return try session.transaction(.follow) { () throws(StoreError) in
            let entries = try LedgerReader(session).entries(at: commits.map(\.state.position))
            var known: [(state: LedgerState, views: Set<Int32>)] = []
            for commit in commits {
                let own = entries.filter { $0.state == commit.state }
                guard !own.isEmpty else { continue }
                for entry in own where !load.kept.contains(entry.view) {
                    guard let view = load.catalog.all[entry.view] else { continue }
                    try BatchRows(session).apply([entry], to: view)
                }
                known.append(commit)
            }
            return known
        }
    }
}
