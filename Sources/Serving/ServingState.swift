import Postgres
package import Store

/// How a server stands to its store at a moment.
package struct ServingState: Sendable, Hashable {
    /// Latest values are not there yet: they are being loaded for the first time, or PostgreSQL's store is another one than
    /// was loaded, or is still being filled.
    package var isLoading = true
    /// What of the store does not agree yet, for the log and INFO; names of views and tables, no values.
    package var loadingReason = ""
    /// How far a load is; `nil` = none is under way.
    package var loadProgress: LoadProgress?
    /// Everything up to this position has been applied; with its uid it names the state beyond doubt.
    package var reached = LedgerState.beginning
    /// The newest position that was seen in the ledger; at least ``reached``'s.
    package var head: Int64 = 0
    /// When that was, in µs of PostgreSQL's clock; 0 = never.
    package var headSeenAt: Int64 = 0
    /// When everything committed was last seen to be applied, in µs of PostgreSQL's clock; 0 = never.
    package var caughtUpAt: Int64 = 0
    /// Since when there has been no connection to PostgreSQL, in µs of its clock; `nil` = there is one.
    package var downSince: Int64?
    /// Why there is none, for the log and INFO; without names of databases or roles.
    package var downReason = ""
    /// Connections made since the start.
    package var connections = 0
    /// Notifications arrive; without them the ledger is polled more often.
    package var isNotified = true
    /// PostgreSQL's clock minus this machine's, in µs, and the round trip of the sample it comes from.
    package var clockOffsetUs: Int64 = 0
    package var clockRoundTripUs: Int64 = 0
    /// Rows loaded from online tables at the last load, and how long that took.
    package var loadedRows = 0
    package var loadUs: Int64 = 0
    /// Rows applied from other servers' and commands' commits since the start.
    package var followedRows = 0
    /// Loads of whole views after the first: rebuilt, forgotten, dropped, redefined.
    package var reloads = 0
    /// Times that PostgreSQL turned out to have another history than was applied.
    package var timelineChanges = 0

    /// Views that the server's role may not read.
    package var deniedViews: Set<String> = []
    /// Whether definitions were changed that are not served yet: a name that is not known may be one of theirs.
    package var isTakingDefinitions = false

    /// Definitions in force that this binary cannot read, so that those before are served; `nil` = none.
    package var newerDefinitions: NewerDefinitions?

    /// Positions committed but not applied yet, as far as is known.
    package var lag: Int64 { max(head - reached.position, 0) }
}

extension ServingState {
    /// How far a load of latest values is.
    package struct LoadProgress: Sendable, Hashable {
        /// The view at work; `nil` = none yet, or those are done that are loaded.
        package var view: String?
        /// Its rows so far.
        package var rows = 0
        package var viewsDone = 0
        package var viewCount = 0
    }

    /// Whether nothing is applied until PostgreSQL, or definitions that this binary can read, come back.
    package var isHalted: Bool { downSince != nil || newerDefinitions?.stopsFollowing == true }

    /// Why nothing is answered yet, on one line; empty where it is, or that is not known.
    /// - Parameter isNamed: whether whoever is told may know a view's name.
    package func loadingText(naming isNamed: (_ view: String) -> Bool) -> String {
        guard isLoading else { return "" }
        if downSince != nil { return downReason }
        if let progress = loadProgress {
            let views = "\(progress.viewsDone) of \(progress.viewCount) views are loaded"
            guard let view = progress.view else { return views }
            return "\(views), and \(progress.rows) rows of \(isNamed(view) ? "view '\(view)'" : "the next")"
        }
        if !loadingReason.isEmpty { return loadingReason }
        return reached == .beginning && connections == 0 ? "connecting to PostgreSQL" : ""
    }
}

/// Why a server cannot answer now.
package enum ServingError: Error, Sendable {
    /// PostgreSQL is away; the same may succeed in a moment.
    case unavailable(reason: String)
    /// PostgreSQL did not answer in time.
    case timeout(milliseconds: Int)
    case store(StoreError)
}

extension ServingError {
    /// What an error of the store means to a client that waits.
    package init(_ error: StoreError, timeoutMs: Int) {
        guard case .database(let cause) = error else {
            self = .store(error)
            return
        }
        switch cause.kind {
        case .connect, .connectionLost: self = .unavailable(reason: "PostgreSQL cannot be reached")
        case .noAnswer: self = .unavailable(reason: cause.message)
        // 57014: statement timeout; 55P03: lock timeout; 57P01…57P05: the server or session is being shut down.
        case .server(sqlState: "57014"), .server(sqlState: "55P03"): self = .timeout(milliseconds: timeoutMs)
        case .server(sqlState: let state)
        where state.hasPrefix("57P") || state.hasPrefix("53") || state.hasPrefix("08"):
            self = .unavailable(reason: "PostgreSQL refuses work now")
        case .server, .unexpectedResult: self = .store(error)
        }
    }
}
