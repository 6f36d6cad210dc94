import Metrics
package import Serving

/// How a server is, for whoever probes or supervises it. Nothing of it asks PostgreSQL or waits.
package enum ServerHealth {
    /// For how long the event loop that turned longest ago has stood still.
    package static func stillMs(_ engine: Engine) -> Int64 {
        engine.statistics.oldestTurnMs.map { Clock.nowMs() - $0 } ?? 0
    }

    /// Why a server that loads is not ready.
    /// - Parameter isOpen: whether whoever asks may know the names of views: probes do not say who they are.
    package static func loading(_ state: ServingState, isOpen: Bool = true) -> String {
        let reason = state.loadingText { _ in isOpen }
        if state.timelineChanges > 0 { return "another timeline: \(reason.isEmpty ? "loading anew" : reason)" }
        guard let progress = state.loadProgress, progress.viewCount > 0 else {
            return reason.isEmpty ? "loading" : "loading: \(reason)"
        }
        return "loading \(progress.viewsDone * 100 / progress.viewCount) %: \(reason)"
    }
}
