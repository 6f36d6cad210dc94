import PointInTime
import Store

/// Up to where a server has applied the ledger: everything up to one position, and nothing beyond it.
///
/// The follower applies positions in order. An own commit is applied when it is made if nothing lies between; else its rows
/// wait here until the follower has what does, so that what is read always is the state of one position.
struct AppliedPositions: Sendable {
    /// A commit of this process that waits for earlier ones.
    struct OwnCommit: Sendable {
        let state: LedgerState
        let parts: [(view: StoredView, rows: ViewRows)]
        /// Of views of events all that was stored, by ``StoredView/id``.
        var events: [Int32: ViewRows] = [:]

        var byteCount: Int {
            parts.reduce(0) { $0 + $1.rows.byteCount } + events.values.reduce(0) { $0 + $1.byteCount }
        }

        /// Whether its events are too many to be applied while everybody waits.
        var isLarge: Bool { events.values.reduce(0) { $0 + Int64($1.rowCount) } > ServingLimits.rowsTogetherMax }
    }

    /// Beyond these, the follower reads own commits from history, too.
    private static let waitingMax = 1_000

    private(set) var reached = LedgerState.beginning
    private var waiting: [Int64: OwnCommit] = [:]
    private var waitingBytes = 0

    /// Takes an own commit.
    /// - Returns: what is to be applied now, in order; ``reached`` is behind it. ``nextLarge`` may follow on it.
    mutating func committed(_ commit: OwnCommit) -> [OwnCommit] {
        guard commit.state.position > reached.position else { return [] }
        // What is next does not wait.
        guard
            commit.state.position == reached.position + 1
                || waiting.count < Self.waitingMax && waitingBytes + commit.byteCount <= ServingLimits.ownCommitBytesMax
        else { return [] }
        waiting[commit.state.position] = commit
        waitingBytes += commit.byteCount
        return takeNext()
    }

    /// The follower has applied everything up to a state but for own commits that wait here.
    /// - Returns: these and those that follow on it: they are to be applied now.
    mutating func followed(to state: LedgerState) -> [OwnCommit] {
        guard state.position > reached.position else { return [] }
        let left = waiting.values.filter { $0.state.position <= state.position }
        for commit in left {
            waiting[commit.state.position] = nil
            waitingBytes -= commit.byteCount
        }
        reached = state
        return left.sorted { $0.state.position < $1.state.position } + takeNext()
    }

    /// All memories were loaded anew, at a position that may be less than before, of another history.
    mutating func reloaded(at state: LedgerState) {
        reached = state
        waiting = [:]
        waitingBytes = 0
    }

    /// Whether a view has a commit already, or waits for it here.
    func isApplied(_ position: Int64, view: Int32) -> Bool {
        position <= reached.position || waiting[position]?.parts.contains { $0.view.id == view } == true
    }

    /// The commit that is next, where its events are to be applied in pieces, before it is taken.
    var nextLarge: OwnCommit? { waiting[reached.position + 1].flatMap { $0.isLarge ? $0 : nil } }

    /// Takes ``nextLarge``, whose events have been applied.
    /// - Returns: it, and what is to be applied behind it; nothing where the follower had it first.
    mutating func takeLarge(_ state: LedgerState) -> [OwnCommit] {
        guard let commit = nextLarge, commit.state == state else { return [] }
        take(commit)
        return [commit] + takeNext()
    }

    private mutating func takeNext() -> [OwnCommit] {
        var next: [OwnCommit] = []
        while let commit = waiting[reached.position + 1], !commit.isLarge {
            take(commit)
            next.append(commit)
        }
        return next
    }

    private mutating func take(_ commit: OwnCommit) {
        waiting[commit.state.position] = nil
        waitingBytes -= commit.byteCount
        reached = commit.state
    }
}
