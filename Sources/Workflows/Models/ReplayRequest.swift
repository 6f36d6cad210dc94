package import Features
package import Store

/// Logged predictions that are to be made again.
package struct ReplayRequest: Sendable {
    /// `model`, `model@7` or `model@challenger`; `model` = of all versions.
    package var model: String
    /// How many rows, drawn by chance.
    package var sample: Int = 1_000
    package var seed: UInt64 = 1
    /// By the time of serving.
    package var from: Timestamp?
    package var to: Timestamp?

    package init(model: String) { self.model = model }
}

/// A prediction that is not what it was.
package struct ReplayDifference: Sendable {
    package let servedAt: Timestamp
    package let keys: String
    package let version: Int
    package let position: Int64
    /// Columns that the model reads otherwise now, with what they are now.
    package let columns: [(name: String, now: String)]
    package let score: [Float]
    package let scoreNow: [Float]
    package let status: String
    package let statusNow: String

    /// What differs, as a sentence.
    package var text: String {
        var parts = columns.map { "\($0.name) is \($0.now) now" }
        if status != statusNow { parts.append("its status was \(status) and is \(statusNow)") }
        func list(_ values: [Float]) -> String { values.map { "\($0)" }.joined(separator: ", ") }
        let isSame = zip(score, scoreNow).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
        parts.append(isSame ? "its score is the same" : "its score was \(list(score)) and is \(list(scoreNow))")
        return "\(servedAt.text) \(keys), version \(version), position \(position): \(parts.joined(separator: "; "))"
    }
}

/// What became of predictions that were made again.
package struct ReplayResult: Sendable {
    /// Rows that were compared.
    package var compared = 0
    package var different = 0
    /// The first ones.
    package var differences: [ReplayDifference] = []
    /// How many compared rows differ in a column, by its name.
    package var byColumn: [String: Int] = [:]
    /// Rows that were not compared, by the reason.
    package var notCompared: [String: Int] = [:]
    /// Rows that a training set of now would have with other values than were served: what came late, or is delayed.
    package var stale = 0
    package var staleByColumn: [String: Int] = [:]
    /// What history has lost since of what the rows read.
    package var removals: [Removal] = []
    /// Whether the model logs what a server answers, see ``ModelDefinition/log``.
    package var isLogging = false

    package enum Outcome: Sendable {
        case equal, different
        /// Nothing was compared, or what differs may be for want of what was removed.
        case notChecked
    }

    package var outcome: Outcome {
        if different > 0 { return removals.isEmpty ? .different : .notChecked }
        return compared > 0 ? .equal : .notChecked
    }

    /// Differences that are told one by one.
    static let differencesMax = 20
}
