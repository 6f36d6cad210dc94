package import Store
import Synchronization

/// How fresh a view is: its newest event and its last commit. The same object as long as the view is served.
package final class ViewFreshness: Sendable {
    package struct Values: Sendable, Hashable {
        /// The greatest event time that was ever stored, µs; `nil` = none.
        package var newestEventTime: Int64?
        /// The last commit that stored rows of the view; `nil` = none.
        package var lastCommit: LedgerState?
    }

    private let state = Mutex(Values())

    package init() {}

    package var values: Values { state.withLock { $0 } }

    /// Takes a commit, in any order.
    func add(_ commit: LedgerState, newest: Int64?) {
        state.withLock {
            if let newest, newest > $0.newestEventTime ?? .min { $0.newestEventTime = newest }
            if commit.position > $0.lastCommit?.position ?? -1 { $0.lastCommit = commit }
        }
    }

    /// Forgets what another timeline had.
    func reset(_ values: Values) { state.withLock { $0 = values } }
}
