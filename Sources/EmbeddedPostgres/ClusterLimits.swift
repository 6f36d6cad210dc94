/// Every bound of the cluster that comes with `asof init`, with its reason. See `Limits` of Store for what of it users read.
enum ClusterLimits {
    // MARK: The cluster of `asof init`

    /// The oldest major version of PostgreSQL.
    static let majorMin = 13
    /// How long a command waits for a server that starts: after a crash it reads up to `max_wal_size` of log first.
    static let startSecondsMax = 300
    /// How long a server gets to stop: it writes out its cache.
    static let stopSecondsMax = 60

    // MARK: Inside

    /// How long a supervisor may take to notice that its server is gone.
    static let supervisorSecondsMax = 10
    /// What is kept of one child's output; the rest is read and dropped.
    static let outputBytesMax = 65_536

    static func check() {
        precondition(supervisorSecondsMax < stopSecondsMax && stopSecondsMax <= startSecondsMax)
    }
}
