package import Features
import Learning
package import Store

/// What a learner has gone through, added up.
package struct LearnerSums: Hashable, Sendable, Codable {
    /// Labels that were learned.
    package var examples = 0
    /// What its predictions cost, each made before its label was learned: −ln p, or the square of the scaled difference.
    package var loss = 0.0
    /// Of predictions and of labels, on the scale of the labels.
    package var predicted = 0.0
    package var labels = 0.0
    /// Rows without a label, or with one that the task has not.
    package var withoutLabel = 0
    package var badLabels = 0
    /// Rows whose prediction would lie ahead of their own commit: nobody has asked for it yet, so that nothing is known as of then.
    /// `nil` = none; learners of before have no such member.
    package var ahead: Int?
    /// Rows that replace a label which was learned: a learner cannot take back what it learned.
    package var corrections = 0
    /// Rows that take a label away.
    package var deleted = 0
    /// Values beyond ``SlotLayout/valueMax``.
    package var clipped = 0
    /// Values that training did not have.
    package var unseen = 0

    package init() {}

    /// Of an example; `nil` where there is none yet.
    package var meanLoss: Double? { examples > 0 ? loss / Double(examples) : nil }
}

/// A learner as its last commit left it.
package struct LearnerRecord: Sendable {
    /// Where labels come from, as it was when the learner began.
    package var labels: ModelDefinition.LabelSource
    /// Commits so far.
    package var seq: Int64 = 0
    /// All labels up to this position are learned.
    package var state = LedgerState.beginning
    /// The last position at which there was something to publish, and when it was committed, µs.
    package var point: (position: Int64, us: Int64)?
    package var sums = LearnerSums()

    package init(labels: ModelDefinition.LabelSource) { self.labels = labels }
}

/// A state of a learner that servers answer by.
package struct ModelPublish: Sendable, Hashable {
    package var model: String
    package var version: Int
    /// `m@3.1842`: the version 3, its publish 1842.
    package var number: Int
    package var seq: Int64
    /// The learner's, of the ledger.
    package var position: Int64
    /// SHA-256 of all slots, as ``FTRL/bytes(_:)`` has them.
    package var digest: [UInt8]
    /// Of the version's golden rows.
    package var margins: [Float]
    package var sums: LearnerSums
    /// Of its entry in the ledger, from which on it answers.
    package var publishedAt: Int64

    package var name: String { "\(model)@\(version).\(number)" }
}
