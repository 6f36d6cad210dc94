/// Every bound on waiting for PostgreSQL, with its reason. See `Limits` of Store for what of it users read.
package enum WaitLimits {
    // MARK: PostgreSQL that does not answer

    /// Connecting altogether: each of the server's addresses has its `connect_timeout`, but nothing else bounds how many there
    /// are, nor how long names take to be resolved.
    package static let connectMs = 120_000
    /// Between two pieces of a COPY (ingest, scans, segments, loading a server). A piece is some KiB: a server that takes
    /// longer for one waits for something that does not come.
    package static let copyMs = 300_000
    /// TCP data that nobody confirms (`tcp_user_timeout` in the connection string): a network that is gone is noticed also
    /// where the kernel would go on for a quarter of an hour.
    static let tcpUserTimeoutMs = 30_000

    // MARK: Passwords

    /// What the command of `--password-command` may take.
    static let passwordCommandMs = 10_000
    /// How long what it printed is used for further connections.
    static let passwordKeptSeconds = 600

    // MARK: Inside

    /// How much longer than `statement_timeout` a client waits: the server's own answer, with the connection kept, is the
    /// better one, and comes within this unless the server hangs or the network is gone.
    package static let graceMs = 2_000
    /// For a statement outside a transaction, which is never one that works long.
    package static let shortMs = 30_000
    /// For the answer to a cancel request, which a server that lives gives within milliseconds.
    package static let cancelMs = 2_000
    /// For a ROLLBACK, which has nothing to write.
    package static let rollBackMs = 5_000
    /// A wait looks up so often whether it was interrupted.
    static let sliceMs = 100
    /// Threads that send cancel requests at a time; each may take as long as a connection.
    static let cancelsMax = 8

    /// The variable that bounds all of them but connecting: how many seconds PostgreSQL may be silent.
    package static let variable = "ASOF_SILENCE_SECONDS"

    /// What ``variable`` says, in ms; `nil` = it is not set.
    static let environment: Result<Int?, PostgresError> = {
        guard let text = environmentValue(variable) else { return .success(nil) }
        guard let seconds = Int(text), (1...86_400).contains(seconds) else {
            return .failure(
                PostgresError(
                    kind: .connect,
                    message: "\(variable) is '\(text)': expected a whole number of seconds from 1 to 86400"
                )
            )
        }
        return .success(seconds * 1_000)
    }()
}
