import Postgres
import Store

/// What a follower remembers while PostgreSQL's store is not whole.
struct FillingStore {
    /// The store has changed in a way that commits of Asof do not, or has not agreed: rows are counted before it is loaded.
    var isSuspect = false
    /// What did not agree at the last look.
    var reason = ""
    var loggedAt: Int64 = 0
    /// Until the next look.
    var waitMs: Int32 = 0
    /// Looks in a row that found parts missing of the store that is loaded.
    var changedLooks = 0
}

/// A store that appears, is exchanged, or is filled under a server: it says LOADING, and looks until everything agrees.
extension Follower {
    private static let firstLookMs: Int32 = 50
    /// A snapshot has the definitions from before a change and finds the tables from behind it; the next one has both.
    private static let changedLooksMax = 3
    /// A restore takes minutes; its end is seen this much later at most, but for the time that a look takes.
    private static let lastLookMs: Int32 = 1_000
    /// Where a look takes long, the next one waits four times as long, but not longer than this.
    private static let longestPauseUs: Int64 = 30_000_000
    /// The same reason is logged again, so that nobody waits for a store that never agrees without being told.
    private static let logAgainUs: Int64 = 60_000_000

    /// What is served may not be what PostgreSQL holds: nothing is answered until it has been loaded anew.
    func doubt(_ reason: String) {
        wantsReload = true
        filling.isSuspect = true
        serving.report { state in
            state.isLoading = true
            state.loadingReason = reason
        }
    }

    /// Whether the ledger is not the one that was followed.
    func isOfOtherStore(_ news: LedgerReader.News, _ known: LedgerState) -> Bool {
        // Without a commit no store can be told from another. What appears now was committed, or is being restored.
        if known.position == 0, !news.entries.isEmpty {
            wantsReload = true
            filling.isSuspect = true
            return true
        }
        guard news.isOtherTimeline || news.isOtherStore else { return false }
        let reason =
            news.isOtherTimeline
            ? "position \(known.position) is not in the ledger as it was applied: PostgreSQL was restored to another state"
            : "the ledger was written anew since it was loaded, or is another store's"
        options.log(ServingEvent(level: .warning, message: "\(reason); loading everything again"))
        doubt(reason)
        serving.report { $0.timelineChanges += 1 }
        return true
    }

    /// Loads everything, unless the store is not whole; then waits a while.
    func loadIfWhole(_ session: Session) throws(StoreError) {
        let started = MonotonicClock.now
        if filling.changedLooks > 0, !filling.isSuspect, !serving.loaded.isThere(session) {
            doubt("a table of the store is not there")
        }
        let gap: String?
        var isLocked = false
        do throws(StoreError) {
            gap = try load(session, isRestart: true)
        } catch {
            // Whoever restores drops, makes and locks tables while we look.
            isLocked = if case .database(let cause) = error { cause.isRetryable } else { false }
            let isDisturbed =
                error.isOfMissingTables || isLocked && (filling.isSuspect || !isLoaded)
                || error.isInternal && filling.isSuspect
            guard session.connection.isAlive, isDisturbed else {
                // The connection is made again; what was to be loaded is still to be.
                wantsReload = true
                throw error
            }
            gap = isLocked ? "somebody changes its tables" : "there is no store, or only a part of it"
        }
        guard let gap else { return }
        if !filling.isSuspect, filling.changedLooks < Self.changedLooksMax, serving.loaded.isThere(session) {
            filling.changedLooks += 1
            wantsReload = true
            filling.waitMs = Self.firstLookMs
        } else {
            // A lock alone says nothing about the rows.
            look(again: gap, after: MonotonicClock.now - started, isSuspect: filling.isSuspect || !isLocked)
        }
        reportConnection()
        stopPipe.wait(milliseconds: filling.waitMs)
        if !isStopped { try sampleClockIfDue(session) }
    }

    /// - Parameter us: how long the look took: the next one waits longer than that, so that it does not slow the restore.
    private func look(again reason: String, after us: Int64, isSuspect: Bool) {
        doubt(reason)
        filling.isSuspect = isSuspect
        let isNew = reason != filling.reason
        let now = MonotonicClock.now
        // What does not agree changes with each look at a long restore.
        if filling.loggedAt == 0 || now - filling.loggedAt > (isNew ? Self.logAgainUs / 10 : Self.logAgainUs) {
            filling.loggedAt = now
            options.log(
                ServingEvent(
                    level: .warning,
                    message: """
                        the store is not whole, and is not served until it is: \(reason). It is being restored, or it is \
                        broken: `asof doctor` and `asof check` tell
                        """
                )
            )
        }
        let waitMs = isNew || filling.waitMs == 0 ? Self.firstLookMs : min(filling.waitMs * 2, Self.lastLookMs)
        filling.waitMs = max(waitMs, Int32(clamping: min(4 * us, Self.longestPauseUs) / 1_000))
        filling.reason = reason
    }
}
