/// What windows may read at a time, with its reason. See `Limits` of Store for what of it users read.
package enum WindowingLimits {
    // MARK: Windows

    /// Events of one key that a window is computed of at a time: they are in memory, about 100 bytes each.
    package static let keyEventsMax = 20_000_000

    // MARK: Inside

    /// Keys whose events are read by one statement.
    static let statementKeys = 2_000
    /// Events of several keys that one statement reads; beyond that the keys are shared out.
    static let statementEvents = 1_000_000
    /// Events that are copied together where each request has its own.
    static let copiedEvents = 1_000_000
}
