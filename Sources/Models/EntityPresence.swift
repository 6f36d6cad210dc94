package import Features

/// What the views of a service have of the entities of some rows.
///
/// A row is unknown where every stored view lacks its entity, or has only what has expired, and no window has an event of it.
/// Windows are values also where they are empty, so that an empty one makes no row partial of which a stored view knows.
/// Views that only expressions read do not count; of a service without other views all rows are known.
package struct EntityPresence: Sendable {
    /// Of each column of a stored view, what became of each row's value.
    package var stored: [[ValueStatus]] = []
    /// Of each column of a window view, whether any of the view's windows has an event, row by row.
    package var windows: [[Bool]] = []

    package init() {}

    package func status(_ row: Int) -> Answers.Status {
        let absent = stored.count { $0[row] == .missing || $0[row] == .expired }
        let hasEvents = windows.contains { $0[row] }
        if absent == stored.count, !hasEvents, !stored.isEmpty || !windows.isEmpty { return .unknown }
        return absent == 0 ? .known : .partial
    }

    /// Whether each row is unknown.
    package func unknown(_ rowCount: Int) -> [Bool] { (0..<rowCount).map { status($0) == .unknown } }
}
