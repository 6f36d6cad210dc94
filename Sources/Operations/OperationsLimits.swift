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
    /// How often `check` looks anew where definitions change meanwhile.
    static let checksMax = 5

    // MARK: Rebuild

    /// How long `rebuild-online` goes on asking for a view that others write into without a pause.
    static let rebuildLockSeconds = 600

    // MARK: Users

    /// How often a server looks whether users have changed.
    package static let userWatchMs = 300
    /// How long a password stays valid beside the next one, unless `--overlap` says otherwise.
    package static let passwordOverlapSeconds: Int64 = 86_400
    /// The longest `--overlap`.
    package static let passwordOverlapSecondsMax: Int64 = 30 * 86_400

    // MARK: Inside

    /// Of a violation's text: keys are up to 2,000 bytes.
    static let checkExampleCharacters = 300
    /// What each step of a statement of `check` may take in memory: a month of some million rows is grouped without a sort.
    static let checkSortMiB = 256
    /// Workers beside the connection, of those that the server's settings allow.
    static let checkWorkersMax = 4

    /// Partitions dropped in one transaction: each takes about five locks of the 6,400 that a server has by default.
    package static let dropPartitionsMax = 200
    /// How long `rebuild-online` keeps writers of the view out at a time, about.
    static let rebuildHold = Duration.milliseconds(100)
    /// How long it waits for them in a row: others wait behind it meanwhile.
    static let rebuildLockMs = 700
    /// How long it leaves the view to them then.
    static let rebuildPauseMs = 100
    /// Entities that it puts right at a time.
    static let rebuildChunkMax = 20_000

    static func check() {
        precondition(expectationStatusDays <= Limits.expectationCountsDays, "status shows what is kept")
        precondition(
            .milliseconds(rebuildLockMs) + rebuildHold + .milliseconds(rebuildPauseMs) < .seconds(1),
            "writers wait for less than a second"
        )
        precondition(dropPartitionsMax * 5 < 6_400)
    }
}
