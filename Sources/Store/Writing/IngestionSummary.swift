package import Features

/// What an ingest did.
package struct IngestionSummary: Sendable {
    /// Input rows that this run stored or replaced by later rows of their batch.
    package var rows = 0
    package var counts = WriteCounts()
    /// Input rows that this run set aside.
    package var rejected = 0
    /// Of ``resumedRows``, those that earlier runs had set aside, as far as their file tells.
    package var rejectedBefore = 0
    /// Of ``rows``, those with an event or known-at time finer than µs, which was rounded up.
    package var roundedUp = 0
    /// Input rows that an earlier run had consumed.
    package var resumedRows = 0
    package var batches = 0
    package var eventTimes: ClosedRange<Timestamp>?
    /// The state that the last batch made; `nil` where nothing was written.
    package var state: LedgerState?
    package var newPartitions = 0
    /// Of ``rows``, those of each view.
    package var rowsByView: [String: Int] = [:]
    /// How the rows of each view met its expectations; views that expect nothing are left out.
    package var tallies: [String: ExpectationTally] = [:]
    /// What was stored although it is not as expected.
    package var warnings: [String] = []

    package init() {}

    /// Values that are stored although they are not as expected.
    package var warned: Int { tallies.values.reduce(0) { $0 + $1.warned } }

    /// What is stored although it is not as expected, in words: of each feature how many values, and the first of them.
    package var expectationWarnings: [String] {
        let values = tallies.sorted { $0.key < $1.key }.flatMap { view, tally in
            tally.features.filter { $0.warned > 0 }.map { feature in
                let first = feature.firstWarning.map { ": the first in row \($0.row): \($0.text)" } ?? ""
                return
                    "view '\(view)': \(feature.warned) of \(feature.rows) values are not as expected, and stored\(first)"
            }
        }
        return values + warnings
    }

    mutating func add(_ outcome: BatchOutcome) {
        newPartitions += outcome.newPartitions
        guard let state = outcome.state else {
            resumedRows += outcome.rows
            return
        }
        self.state = state
        rows += outcome.rows
        rowsByView.merge(outcome.rowsByView) { $0 + $1 }
        for (view, tally) in outcome.tallies { tallies[view, default: ExpectationTally()].add(tally) }
        warnings += outcome.warnings
        batches += 1
        counts.add(outcome.counts)
        eventTimes =
            eventTimes.map {
                min($0.lowerBound, outcome.eventTimes.lowerBound)...max($0.upperBound, outcome.eventTimes.upperBound)
            } ?? outcome.eventTimes
    }
}
