package import Drift
package import Features
package import Models

/// How a model's traffic and answers are to be looked at.
package struct MonitorRequest: Sendable {
    /// Where labels come from, once they are known.
    package enum Labels: Sendable {
        /// A feature of a view, by `view.feature`: of each prediction's keys the first row at or after its time.
        case view(String, feature: String)
        /// A file with keys, a time and the model's label; of integer times their unit.
        case file(String, labelTime: String, unit: TimeUnit?)
    }

    /// `model`, `model@7` or `model@challenger`.
    package var model: String
    package var window = Interval(microseconds: 86_400_000_000)
    package var labels: Labels?
    /// Days of logged predictions whose quality is told.
    package var days = 14

    package init(model: String) { self.model = model }
}

/// How the predictions of a day did, by a version.
package struct DayQuality: Sendable {
    /// Of the predictions' times.
    package let day: String
    package let version: Int
    package let predictions: Int
    /// Predictions whose label should be known by now.
    package let due: Int
    /// Those of them that have none.
    package let missing: Int
    /// Of the predictions that have one; `nil` = none has.
    package let metrics: TestMetrics?
}

package struct MonitorReport: Sendable {
    package let version: ModelVersion
    /// µs.
    package let from: Timestamp
    package let to: Timestamp
    /// Columns that the model reads, then its answers; `nil` = the version has nothing to compare with.
    package let findings: [DriftRules.Finding]?
    /// Predictions in the window, of all traffic.
    package let rows: Int
    /// `nil` = no labels were asked for.
    package let quality: [DayQuality]?

    package var alarms: [(column: String, sign: DriftRules.Finding.Sign)] {
        (findings ?? []).flatMap { finding in finding.signs.map { (finding.name, $0) } }
    }

    package var isAlarm: Bool { findings?.contains(where: \.isAlarm) ?? false }
}
