import Store

/// Every bound of upkeep, with its reason. See ``Limits`` for what of it users read.
package enum OperationsLimits {
    // MARK: Status

    /// The days of expectations that `status` shows.
    package static let expectationStatusDays = 7
    /// Counts of expectations that `status` reads of one view.
    static let expectationStatusCounts = 10_000

    // MARK: Check

    /// Violations of one property that `check` names.
    package static let checkExamplesMax = 5
    /// Entities of one batch that `check` names.
    static let checkEntitiesMax = 3

    // MARK: Inside

    /// Of a violation's text: keys are up to 2,000 bytes.
    static let checkExampleCharacters = 300

    /// Partitions dropped in one transaction: each takes about five locks of the 6,400 that a server has by default.
    package static let dropPartitionsMax = 200
    /// Reading so many rows of history costs as much as one look-up in the index of one partition.
    static let rowsPerLeap: Int64 = 20

    static func check() {
        precondition(expectationStatusDays <= Limits.expectationCountsDays, "status shows what is kept")
        precondition(dropPartitionsMax * 5 < 6_400)
    }
}
