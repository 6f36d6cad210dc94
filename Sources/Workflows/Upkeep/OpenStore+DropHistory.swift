package import Features
package import Operations
package import Store

/// Of which views old history is dropped.
package enum DropHistoryRequest: Sendable {
    /// Of one view what lies before a time; `nil` = its retention ago.
    case view(String, before: Timestamp?)
    /// Of every view that has a retention, what is older than that.
    case byRetention
}

/// What dropping means for one view.
package struct DropHistoryPlan: Sendable {
    package let view: StoredView
    /// Partitions go that lie before it altogether.
    package let before: Timestamp
    package let summary: HistoryDrop.Summary
}

/// What was dropped of one view.
package struct DropHistoryOutcome: Sendable {
    package let view: StoredView
    package let summary: HistoryDrop.Summary
    /// The last position that it took in the ledger; 0 where somebody else had dropped everything meanwhile.
    package let position: Int64
}

extension OpenStore {
    /// What ``dropHistory(_:confirm:progress:)`` would drop, by the views' names; those without partitions to drop too.
    ///
    /// - Throws: ``WorkflowError/refused(_:)`` for one view without a time and a retention.
    package func planDropping(_ request: DropHistoryRequest) throws -> [DropHistoryPlan] {
        try control.run { try plans(request) }
    }

    /// Drops old history in whole partitions.
    ///
    /// - Parameters:
    ///   - confirm: called with the plans, also where there are none, or none of them drops anything; false = nothing is
    ///     dropped.
    ///   - progress: called for each view when its partitions are gone.
    /// - Returns: one outcome a view of which partitions were to go; `nil` where that was not confirmed.
    /// - Throws: as ``planDropping(_:)`` and `HistoryDrop` do; what was dropped before stays so.
    package func dropHistory(
        _ request: DropHistoryRequest,
        confirm: ([DropHistoryPlan]) throws -> Bool = { _ in true },
        progress: (DropHistoryOutcome) -> Void = { _ in }
    ) throws -> [DropHistoryOutcome]? {
        try control.run {
            let plans = try plans(request)
            guard try confirm(plans) else { return nil }
            var outcomes: [DropHistoryOutcome] = []
            for plan in plans where plan.summary.partitions > 0 {
                try control.check()
                let (summary, state) = try HistoryDrop(session, plan.view).run(before: plan.before)
                let outcome = DropHistoryOutcome(view: plan.view, summary: summary, position: state?.position ?? 0)
                progress(outcome)
                outcomes.append(outcome)
            }
            return outcomes
        }
    }

    private func plans(_ request: DropHistoryRequest) throws -> [DropHistoryPlan] {
        let registry = try Registry.load(session)
        let (views, time): ([StoredView], Timestamp?)
        switch request {
        case .view(let name, let before): (views, time) = ([try registry.view(named: name)], before)
        case .byRetention: (views, time) = (registry.views.sorted { $0.name < $1.name }, nil)
        }
        let drops = try views.map { HistoryDrop(session, $0) }.compactMap { drop in
            try (time ?? drop.retentionBound()).map { (drop, $0) }
        }
        if case .view(let name, _) = request, drops.isEmpty {
            throw WorkflowError.refused(
                "view '\(name)' has no retention; say --before TIME, or give it one in features.yaml"
            )
        }
        return try drops.map { drop, before in
            DropHistoryPlan(view: drop.view, before: before, summary: try drop.plan(before: before))
        }
    }
}
