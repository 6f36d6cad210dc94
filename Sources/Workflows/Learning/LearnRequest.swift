import Features
package import Models
import Store

/// A model that is to learn from its labels.
package struct LearnRequest: Sendable {
    package enum Until: Sendable, Hashable {
        /// What is committed when the run begins.
        case now
        /// A position of the ledger, with all that is committed at it.
        case position(Int64)
        /// Whatever is committed, until the run is ended.
        case ever
    }

    /// `model`, `model@7` or `model@challenger`.
    package var model: String
    package var until = Until.now
    /// Labels that one commit has, about: a commit ends where a position does.
    package var commitRows = WorkflowLimits.learnCommitRows

    package init(model: String) { self.model = model }
}

/// What happens while a model learns, in this order.
package enum LearnEvent: Sendable {
    /// The run begins behind a position, which is 0 for a learner that is new.
    case began(version: ModelVersion, LearnerRecord)
    case committed(LearnerRecord)
    case published(number: Int, LearnerRecord, position: Int64)
    /// All that is committed is learned; more is waited for.
    case caughtUp(LearnerRecord)
}

/// What became of it.
package struct LearnResult: Sendable {
    package var version: ModelVersion
    package var record: LearnerRecord
    /// Labels that this run learned.
    package var learned: Int
    /// What this run published, by number.
    package var publishes: [Int]
}

/// What became of a learned model's replay.
package enum LearnVerification: Sendable {
    case equal
    case different(found: String, expected: String)
    /// History has been removed since, which the learner had seen: forgotten entities, dropped partitions.
    case historyLost(String)
}
