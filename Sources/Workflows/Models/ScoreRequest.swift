package import Features
package import Store

/// Predictions that are to be stored.
package struct ScoreRequest: Sendable {
    /// `model`, `model@7` or `model@challenger`.
    package var model: String
    /// The view that takes them.
    package var view: String
    /// A file with the keys, and the request fields, of each row; `nil` = every entity that a view of the model's service
    /// knows.
    package var spine: String?
    /// As of when rows are read and scores are true; `nil` = now.
    package var time: Timestamp?
    /// The state to read; `nil` = the newest.
    package var position: Int64?

    package init(model: String, into view: String) {
        self.model = model
        self.view = view
    }
}

/// What a run of predictions is doing.
package enum ScoreEvent: Sendable {
    /// By which a run that is killed goes on: `time` and `position` name what it reads.
    case began(model: String, version: Int, time: Timestamp, position: Int64, entities: Int?)
    case progress(rows: Int)
}

package struct ScoreResult: Sendable {
    package let version: Int
    package let time: Timestamp
    /// That was read.
    package let position: Int64
    /// Rows that were scored, those of a run before among them.
    package var rows = 0
    /// Rows that the model's fallback answered.
    package var fallbacks = 0
    /// Rows that a run before had stored.
    package var resumedAt = 0
    /// The state that the last commit made; `nil` where nothing was stored.
    package var state: LedgerState?
    /// Scores that are stored although they are not as the view expects, in words.
    package var warnings: [String] = []
}
