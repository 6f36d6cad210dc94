import Drift
import Features
import Models
import PointInTime
import Postgres
import Predictions
import Store
import Training

extension OpenStore {
    /// Compares a version's traffic with its training set, and its logged predictions with labels that have come since.
    ///
    /// - Throws: `ModelsError` for a model or version that there is not; ``WorkflowError`` for labels that do not fit.
    package func monitor(_ request: MonitorRequest) throws -> MonitorReport {
        try control.run {
            guard
                (60_000_000...Int64(PredictionLimits.countDays) * 86_400_000_000).contains(request.window.microseconds)
            else { throw WorkflowError.usage("--window \(request.window.text): expected 1m to 400d") }
            guard (1...PredictionLimits.countDays).contains(request.days) else {
                throw WorkflowError.usage("--days \(request.days): expected 1 to \(PredictionLimits.countDays)")
            }
            let registry = ModelRegistry(session)
            let version = try registry.resolve(request.model)
            let now = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
            var findings: [DriftRules.Finding]?
            if let reference = try registry.reference(version) {
                findings = try TrafficCounts(session).findings(
                    version,
                    reference,
                    window: request.window.microseconds,
                    end: now + 1
                )
            }
            let quality = try request.labels.map { labels in
                try LabelledPredictions(session, version, control).quality(labels, days: request.days, now: now)
            }
            return MonitorReport(
                version: version,
                from: Timestamp(microseconds: now - request.window.microseconds),
                to: Timestamp(microseconds: now),
                findings: findings,
                rows: findings?.last?.rows ?? 0,
                quality: quality
            )
        }
    }
}
