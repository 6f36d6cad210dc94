import Synchronization

/// What a scan has read, counted by all its threads; for `--explain`.
package final class ScanMeter: Sendable {
    private let counts = Mutex(Counts())
    private let groupsRead: Mutex<Set<Int>> = Mutex([])

    package struct Counts: Sendable, Hashable {
        /// Row groups of all runs, and rows in them.
        package var groups = 0
        package var rows = 0
        /// Of those the groups whose keys and times were read, and their rows.
        package var groupsRead = 0
        package var rowsRead = 0
        /// Rows of which feature values were taken, once for each view.
        package var rowsTaken = 0
    }

    package init() {}

    package var value: Counts { counts.withLock { $0 } }

    /// A group's order columns are read; several threads may read parts of one.
    func readGroup(_ group: Int, rows: Int) {
        guard groupsRead.withLock({ $0.insert(group).inserted }) else { return }
        counts.withLock {
            $0.groupsRead += 1
            $0.rowsRead += rows
        }
    }

    /// Runs that are about to be merged. Their groups' numbers may have been used by others before.
    func offer(groups: Int, rows: Int) {
        counts.withLock {
            $0.groups += groups
            $0.rows += rows
        }
        groupsRead.withLock { $0.removeAll() }
    }

    package func take(rows: Int) { counts.withLock { $0.rowsTaken += rows } }
}
