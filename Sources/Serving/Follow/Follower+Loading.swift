import Features
import Foundation
import Online
import PointInTime
import Postgres
import Store
import Synchronization

/// Everything after a start, and what the ledger's news ask for that is no row.
extension Follower {
    private struct Loaded {
        let result: CatalogLoad.Result
        let mark: LedgerMark?
    }

    /// Loads what is not known, or no longer as it is: everything after a start, else what the ledger's news ask for.
    ///
    /// - Returns: what of the store does not agree yet, so that nothing was loaded; `nil` = all does.
    func load(_ session: Session, isRestart: Bool, attempt: Int = 1) throws(StoreError) -> String? {
        let started = MonotonicClock.now
        let old = serving.catalog
        var evicted = isRestart ? [] : evicted
        let known = serving.applied.withLock { $0.reached }
        let (serving, isRestart, isSuspect) = (serving, isRestart, filling.isSuspect)
        defer { serving.report { $0.isTakingDefinitions = false } }
        var gap: String?
        var transaction: Connection.TransactionOptions = isSuspect ? .loadSuspect : .load
        // The first look does not know yet whether somebody fills the store.
        if !isLoaded { transaction.lockTimeoutMs = ServingLimits.fillingLockTimeoutMs }
        // Whatever was committed by then is in the snapshot: what is served is never older than since that time.
        let seenAt = serving.now()
        let loaded = try session.transaction(transaction) { () throws(StoreError) -> Loaded? in
            let head = try Ledger(session).head()
            var restarts = isRestart
            var entries: [FollowedEntry] = []
            if !restarts {
                if head.position - known.position > ServingLimits.followedEntriesBehindMax { restarts = true }
                if !restarts { entries = try LedgerReader(session).entries(after: known.position, upTo: head.position) }
            }
            if entries.contains(where: { $0.kind == .definitions }) { serving.report { $0.isTakingDefinitions = true } }
            let changes = entries.filter { !$0.isData && $0.kind != .definitions }
            let stale = Set(changes.filter { !$0.isRemoval }.map(\.view))
            // An unknown kind of the whole store may mean anything.
            if stale.contains(0) { restarts = true }
            if restarts {
                gap = try StoreAgreement(session).gap(isSuspect: isSuspect)
                if gap != nil { return nil }
            }
            let load = CatalogLoad(
                session: session,
                options: options,
                isStopped: { [self] in isStopped },
                progress: { stand in serving.report { $0.loadProgress = stand } }
            )
            defer { serving.report { $0.loadProgress = nil } }
            let result = try load.run(
                replacing: old,
                isRestart: restarts,
                stale: stale,
                removed: Set(changes.filter(\.isRemoval).map(\.view)),
                written: Set(entries.filter(\.isData).map(\.view)),
                evicted: &evicted
            )
            let data = entries.filter(\.isData)
            if data.contains(where: { result.catalog.all[$0.view]?.events.isEmpty == false }) { beginPartialChange() }
            try followEvents(data, result.catalog, session)
            try follow(entries.filter { $0.isData && result.kept.contains($0.view) }, result.catalog, session)
            for id in Set(changes.filter(\.isRemoval).map(\.view)) where result.kept.contains(id) {
                guard let view = result.catalog.all[id] else { continue }
                self.beginPartialChange()
                try RemovedEntities(session).remove(from: view, position: result.state.position)
            }
            return Loaded(result: result, mark: try LedgerMark.read(result.state, session))
        }
        guard let loaded else { return gap }
        // A table that was written anew behind the snapshot has no rows for it.
        if loaded.result.newer == nil, attempt < Self.loadsMax,
            try definitionsVersion(session) != loaded.result.catalog.version
        {
            return try load(session, isRestart: isRestart, attempt: attempt + 1)
        }
        serving.loaded.mark = loaded.mark
        serving.publish(loaded.result, isRestart: isRestart)
        serving.report { $0.isTakingDefinitions = false }
        endPartialChange()
        loader.wake()
        self.evicted = evicted
        serving.met(loaded.result.newer)
        report(denied: Set(loaded.result.catalog.all.values.filter(\.isDenied).map(\.name)))
        let isFirst = !isLoaded
        isLoaded = true
        filling = FillingStore()
        self.loaded(loaded.result, seenAt: seenAt, us: MonotonicClock.now - started, isFirst: isFirst)
        try readFreshness(loaded.result, session)
        if isFirst { logExpired(loaded.result.catalog) }
        return nil
    }

    /// How often a load is begun anew where definitions change meanwhile.
    private static let loadsMax = 5

    /// Of the definitions that are in force now, whatever a snapshot says.
    func definitionsVersion(_ session: Session) throws(StoreError) -> Int64 {
        try session.query("SELECT coalesce(max(version), 0) FROM asof.definitions").int64(0, 0) ?? 0
    }

    /// What came since, for memories that are kept.
    private func follow(_ entries: [FollowedEntry], _ catalog: Catalog, _ session: Session) throws(StoreError) {
        if !entries.isEmpty { beginPartialChange() }
        for (id, entries) in Dictionary(grouping: entries, by: \.view) {
            guard let view = catalog.all[id] else { continue }
            try BatchRows(session).apply(entries, to: view)
        }
    }

    private func loaded(_ result: CatalogLoad.Result, seenAt: Int64, us: Int64, isFirst: Bool) {
        serving.report { state in
            state.isLoading = false
            state.loadingReason = ""
            state.head = max(state.head, result.state.position)
            state.headSeenAt = seenAt
            state.caughtUpAt = seenAt
            state.loadedRows = result.loadedRows
            state.loadUs = us
            if !isFirst { state.reloads += result.loadedViews }
        }
        // A model's flip loads no view.
        guard isFirst || result.loadedViews > 0 else { return }
        let seconds = max(Double(us) / 1_000_000, 0.000_001)
        options.log(
            ServingEvent(
                level: .info,
                message: String(
                    format:
                        "loaded %d rows of %d views at position %lld in %.2f s (%.0f rows/s), definitions version %lld",
                    result.loadedRows,
                    result.loadedViews,
                    result.state.position,
                    seconds,
                    Double(result.loadedRows) / seconds,
                    result.catalog.version
                )
            )
        )
    }

    /// Says of which views every row has expired: whoever loads data of years ago gets nothing but nulls.
    private func logExpired(_ catalog: Catalog) {
        let now = serving.now()
        for view in catalog.views {
            guard let ttl = view.definition.ttl, let newest = view.freshness.values.newestEventTime,
                newest < now.subtractingSaturating(ttl.microseconds)
            else { continue }
            options.log(
                ServingEvent(
                    level: .info,
                    message: """
                        every value of view '\(view.name)' has expired by the clock: its newest event is of \
                        \(Timestamp(microseconds: newest).text), its ttl \(ttl.text); AT asks as of an earlier time
                        """
                )
            )
        }
    }
}
