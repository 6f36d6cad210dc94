/// Up to where a server has applied the ledger: everything up to one position, and its own commits beyond it.
///
/// The follower applies positions in order. Own commits are applied when they are made, so they may run ahead of it; once
/// nothing lies between, they move the point, and the follower finds its work done.
struct AppliedPositions: Sendable {
    private(set) var reached = LedgerState.beginning
    private var ahead: [Int64: (state: LedgerState, views: Set<Int32>)] = [:]

    /// Own commits that are ahead, by position.
    var ownCommits: [(state: LedgerState, views: Set<Int32>)] {
        ahead.values.sorted { $0.state.position < $1.state.position }
    }

    /// An own commit has been applied to every view that it wrote.
    mutating func committed(_ state: LedgerState, views: Set<Int32>) {
        guard state.position > reached.position else { return }
        ahead[state.position] = (state, views)
        advance()
    }

    /// Everything up to a position has been applied.
    mutating func followed(to state: LedgerState) {
        guard state.position > reached.position else { return }
        reached = state
        ahead = ahead.filter { $0.key > state.position }
        advance()
    }

    /// All memories were loaded anew, at a position that may be less than before.
    ///
    /// - Parameter own: own commits beyond it that they have as well.
    mutating func reloaded(at state: LedgerState, own: [(state: LedgerState, views: Set<Int32>)]) {
        reached = state
        ahead = [:]
        for commit in own where commit.state.position > state.position { ahead[commit.state.position] = commit }
        advance()
    }

    /// Whether a view has an own commit already.
    func isApplied(_ position: Int64, view: Int32) -> Bool {
        position <= reached.position || ahead[position]?.views.contains(view) == true
    }

    private mutating func advance() {
        while let next = ahead.removeValue(forKey: reached.position + 1) { reached = next.state }
    }
}
