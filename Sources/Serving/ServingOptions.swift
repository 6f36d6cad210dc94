/// What a server keeps in memory, and how it talks to PostgreSQL.
package struct ServingOptions: Sendable {
    package enum Residency: Sendable, Hashable {
        /// Every view that has latest values, as far as memory allows.
        case all
        case none
        /// The views of these names.
        case views([String])
    }

    package var resident = Residency.all
    /// Memory that views may take; a view that would go beyond it is read from PostgreSQL instead. `nil` = no bound.
    package var memoryBytesMax: Int?
    /// Whether the events that windows use are kept in memory, too; else PostgreSQL is asked for them (decision 0068).
    package var keepsEvents = false
    /// Memory that these may take, beside ``memoryBytesMax``; `nil` = no bound of their own.
    package var eventBytesMax: Int?
    /// How many of them.
    var eventsMax = ServingLimits.residentEventsMax
    /// How long a fetch of rows that are not resident may take, in PostgreSQL and waiting for it.
    package var fetchTimeoutMs = ServingLimits.fetchTimeoutMs
    /// Connections that fetch rows of views that are not resident.
    package var fetchConnections = 2
    /// How often the ledger is read without a notification, in ms.
    package var pollMs: Int32 = 500
    /// Takes what is worth a line in the log, from any thread.
    package var log: @Sendable (ServingEvent) -> Void = { _ in }

    /// Why PostgreSQL may be away for good, asked when it cannot be reached, on the follower's thread; `nil` = not known.
    package var absence: @Sendable () -> String? = { nil }

    package init() {}
}

/// Something that an operator may want to know.
package struct ServingEvent: Sendable {
    package enum Level: Sendable, Hashable {
        case info, warning, error
    }

    package let level: Level
    package let message: String
}
