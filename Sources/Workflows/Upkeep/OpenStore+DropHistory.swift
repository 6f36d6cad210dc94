package import Features
package import Operations
import PointInTime
package import Store
import Windows

/// Of which views old history is dropped.
package enum DropHistoryRequest: Sendable {
    /// Of one view what lies before a time; `nil` = its retention ago.
    case view(String, before: Timestamp?)
    /// Of every view that has a retention, what is older than that.
    case byRetention
}

extension DropHistoryRequest {
    /// Whose events may go that windows in force need.
    fileprivate func refuseWindows(_ view: StoredView, before: Timestamp, _ definitions: Definitions) throws {
        var texts: [(name: String, text: String)] = []
        for windows in definitions.views where windows.windows?.of == view.name {
            for (feature, text) in windows.windows?.texts ?? [:] { texts.append(("\(windows.name).\(feature)", text)) }
        }
        for column in definitions.services.flatMap(\.lookups) {
            guard let window = column.window, window.of == view.name, !window.text.isEmpty else { continue }
            texts.append((column.outputName, window.text))
        }
        for (name, text) in texts.sorted(by: { $0.name < $1.name }) {
            let window = try? WindowDefinition(text: text)
            let bound = window?.reach.map { Timestamp.now.microseconds.subtractingSaturating($0.microseconds) } ?? .min
            guard before.microseconds > bound else { continue }
            throw WorkflowError.refused(
                "view '\(view.name)': the window \(name), \(text), needs events from before \(before.text); drop less, or say "
                    + "--breaks-windows"
            )
        }
    }
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
    package func planDropping(
        _ request: DropHistoryRequest,
        breaksWindows: Bool = false
    ) throws -> [DropHistoryPlan] {
        try control.run { try plans(request, breaksWindows: breaksWindows) }
    }

    /// Drops old history in whole partitions.
    ///
    /// - Parameters:
    ///   - breaksWindows: whether events may go that windows in force need.
    ///   - confirm: called with the plans, also where there are none, or none of them drops anything; false = nothing is
    ///     dropped.
    ///   - progress: called for each view when its partitions are gone.
    /// - Returns: one outcome a view of which partitions were to go; `nil` where that was not confirmed.
    /// - Throws: as ``planDropping(_:)`` and `HistoryDrop` do; what was dropped before stays so.
    package func dropHistory(
        _ request: DropHistoryRequest,
        breaksWindows: Bool = false,
        confirm: ([DropHistoryPlan]) throws -> Bool = { _ in true },
        progress: (DropHistoryOutcome) -> Void = { _ in }
    ) throws -> [DropHistoryOutcome]? {
        try control.run {
            let plans = try plans(request, breaksWindows: breaksWindows)
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

    private func plans(_ request: DropHistoryRequest, breaksWindows: Bool) throws -> [DropHistoryPlan] {
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
            let plan = DropHistoryPlan(view: drop.view, before: before, summary: try drop.plan(before: before))
            if !breaksWindows, plan.summary.partitions > 0 {
                try request.refuseWindows(drop.view, before: plan.summary.before ?? before, registry.definitions)
            }
            return plan
        }
    }
}
