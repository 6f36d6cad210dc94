import Features
package import Operations
package import Store

/// What the rebuild of one online table found and did.
package struct RebuildOutcome: Sendable {
    package let view: StoredView
    package let rebuilt: OnlineRebuild.Outcome
    package let elapsed: Duration
}

extension OpenStore {
    /// Makes online tables anew from history, a transaction a view.
    ///
    /// - Parameters:
    ///   - names: the views, in this order; `nil` = all that have an online table, by name.
    ///   - progress: called for each view when its table is committed.
    /// - Throws: for a view without an online table, as `OnlineRebuild` does; views before it stay rebuilt.
    package func rebuildOnline(
        _ names: [String]?,
        progress: (RebuildOutcome) -> Void = { _ in }
    ) throws -> [RebuildOutcome] {
        try control.run {
            let registry = try Registry.load(session)
            let views =
                try names?.map { try registry.view(named: $0) }
                ?? registry.views.filter(\.definition.isOnline).sorted { $0.name < $1.name }
            var outcomes: [RebuildOutcome] = []
            for view in views {
                try control.check()
                let start = ContinuousClock.now
                let rebuilt = try OnlineRebuild(session).run(view)
                let outcome = RebuildOutcome(view: view, rebuilt: rebuilt, elapsed: start.duration(to: .now))
                progress(outcome)
                outcomes.append(outcome)
            }
            return outcomes
        }
    }
}
