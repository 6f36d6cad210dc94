import CLibPQ

extension Connection {
    /// How a transaction starts: what it may do, and how long it may wait and run.
    package struct TransactionOptions: Sendable {
        package var isReadOnly: Bool
        package var isolation: Isolation
        /// Whether names without a schema are looked up on the role's own search path: for SQL that a user wrote.
        package var keepsSearchPath: Bool
        package var lockTimeoutMs: Int
        package var statementTimeoutMs: Int
        /// How long the server may be silent before the client gives up. `nil` = ``WaitLimits/graceMs`` longer than a
        /// statement may take.
        package var silenceMs: Int?

        package enum Isolation: String, Sendable {
            case readCommitted = "READ COMMITTED"
            case repeatableRead = "REPEATABLE READ"
        }

        package init(
            isReadOnly: Bool,
            isolation: Isolation = .readCommitted,
            keepsSearchPath: Bool = false,
            lockTimeoutMs: Int = 30_000,
            statementTimeoutMs: Int = 3_600_000,
            silenceMs: Int? = nil
        ) {
            precondition(statementTimeoutMs > 0 && lockTimeoutMs > 0, "0 would be without a bound")
            self.isReadOnly = isReadOnly
            self.isolation = isolation
            self.keepsSearchPath = keepsSearchPath
            self.lockTimeoutMs = lockTimeoutMs
            self.statementTimeoutMs = statementTimeoutMs
            self.silenceMs = silenceMs
        }

        package static let read = TransactionOptions(isReadOnly: true)
        package static let write = TransactionOptions(isReadOnly: false)

        package static func write(lockTimeoutMs: Int) -> TransactionOptions {
            TransactionOptions(isReadOnly: false, lockTimeoutMs: lockTimeoutMs)
        }

        /// BEGIN and our settings.
        ///
        /// From PostgreSQL 17 on a role or database may have a timeout of whole transactions: ours are bounded statement by
        /// statement, and a batch or an export of many of them is not to end in between.
        /// - Parameter serverVersion: as ``Connection/serverVersion``.
        package func statements(serverVersion: Int) -> [String] {
            var statements = [
                "BEGIN ISOLATION LEVEL \(isolation.rawValue) \(isReadOnly ? "READ ONLY" : "READ WRITE")",
                "SET LOCAL TimeZone = 'UTC'", "SET LOCAL DateStyle = 'ISO, MDY'", "SET LOCAL extra_float_digits = 1",
                "SET LOCAL lock_timeout = \(lockTimeoutMs)", "SET LOCAL statement_timeout = \(statementTimeoutMs)",
                "SET LOCAL idle_in_transaction_session_timeout = 60000",
            ]
            if serverVersion >= 170_000 { statements.append("SET LOCAL transaction_timeout = 0") }
            guard !keepsSearchPath else { return statements }
            // Our look-ups are costed high and run for a moment: compiling them took a second. A view's SQL is its owner's.
            statements += ["SET LOCAL jit = off", "SET LOCAL search_path = pg_catalog, pg_temp"]
            return statements
        }
    }

    /// Starts a transaction whose time zone, date style, search path and float text are ours, whoever we connected as.
    ///
    /// The settings are local to the transaction, so that they hold behind a transaction-pooling proxy, too.
    ///
    /// - Parameter more: statements that follow in the same message.
    /// - Returns: their results, in text format.
    @discardableResult
    package func begin(
        _ options: TransactionOptions,
        then more: String = ""
    ) throws(PostgresError) -> ArraySlice<Rows> {
        transactionSilenceMs = options.silenceMs ?? options.statementTimeoutMs + WaitLimits.graceMs
        let own = options.statements(serverVersion: serverVersion)
        let results = try execute(
            own.map { "\($0);" }.joined() + more,
            patience(silenceMs: transactionSilenceMs)
        )
        return results[min(own.count, results.count)...]
    }

    package func commit() throws(PostgresError) { _ = try execute("COMMIT", cancels: false) }

    /// Ends a transaction without effect; a lost connection has that effect by itself.
    package func rollBack() {
        guard isAlive, isInTransaction else { return }
        _ = try? within(milliseconds: WaitLimits.rollBackMs) { () throws(PostgresError) in try execute("ROLLBACK") }
    }

    /// Runs `body` in a transaction; commits when it returns, rolls back when it throws.
    package func transaction<Result, Failure: Error>(
        _ options: TransactionOptions,
        _ body: () throws(Failure) -> Result
    ) throws -> Result {
        try begin(options)
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            rollBack()
            throw error
        }
    }
}
