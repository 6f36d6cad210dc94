package import Postgres

/// A connection whose errors are the store's.
package final class Session {
    package let connection: Connection
    /// What it was made with, to make another one.
    package let conninfo: String
    /// Bounds each statement more tightly than a transaction's options do; `nil` = these alone.
    package var statementTimeoutMs: Int?
    /// For whom a server's session changes something, as `asof.audit` names it: said in each transaction that writes.
    package var actor: Actor?
    /// By which its waits end from another thread.
    package let interruption: Interruption?
    /// Which server it is, known from the first transaction that writes on: an uncertain COMMIT is looked up there.
    private(set) var server: ServerIdentity?

    /// - Parameters:
    ///   - connectTimeoutSeconds: how long to wait for each of the server's addresses, unless `conninfo` says it.
    ///   - interruption: ends the session's waits from another thread.
    package init(
        conninfo: String,
        connectTimeoutSeconds: Int = 10,
        interruption: Interruption? = nil
    ) throws(StoreError) {
        self.conninfo = conninfo
        self.interruption = interruption
        do {
            connection = try Connection(
                conninfo,
                connectTimeoutSeconds: connectTimeoutSeconds,
                interruption: interruption
            )
        } catch { throw .database(error) }
    }

    /// One or more statements without parameters, in one network message; results are text.
    ///
    /// - Parameter cancels: false for what ends with COMMIT, see ``Connection/execute(_:cancels:)``.
    @discardableResult
    package func execute(_ sql: String, cancels: Bool = true) throws(StoreError) -> [Rows] {
        do { return try connection.execute(sql, cancels: cancels) } catch { throw StoreError(error, on: connection) }
    }

    /// One statement; its result is binary. Outside a transaction it may only read, in a short one of its own, so that
    /// our settings hold whatever the role's are.
    @discardableResult
    package func query(_ sql: String, _ parameters: [Parameter] = []) throws(StoreError) -> Rows {
        guard connection.isInTransaction else {
            return try transaction(.read) { () throws(StoreError) in try query(sql, parameters) }
        }
        do { return try connection.query(sql, parameters) } catch { throw StoreError(error, on: connection) }
    }

    /// Starts a transaction; one that may write is refused where this binary may not, in the same message.
    ///
    /// - Parameters:
    ///   - more: statements that follow in the same message.
    ///   - asksToWrite: false for what leaves nothing in the store, and for migrations.
    /// - Returns: their results, as text.
    /// - Throws: ``StoreError/newerSchema(store:binary:)``; the transaction has ended then.
    @discardableResult
    package func begin(
        _ options: Connection.TransactionOptions,
        then more: String = "",
        asksToWrite: Bool = true
    ) throws(StoreError) -> [Rows] {
        let asks = asksToWrite && !options.isReadOnly
        precondition(!asks || options.isolation == .readCommitted, "another snapshot would be older than the answer")
        var options = options
        if let statementTimeoutMs { options.statementTimeoutMs = min(options.statementTimeoutMs, statementTimeoutMs) }
        let results: [Rows]
        do {
            let own = asks ? [WriterAdmission.statement] + (actor?.statements ?? []) : []
            let all = try connection.begin(options, then: own.map { "\($0); " }.joined() + more)
            results = Array(all.dropFirst(own.count))
        } catch {
            connection.rollBack()
            var error = error
            // So a standby answers to READ WRITE, and to nothing else of it.
            if !options.isReadOnly, error.sqlState == SQLState.featureNotSupported {
                error.kind = .server(sqlState: SQLState.readOnlyTransaction)
            }
            throw asks ? StoreError(beginning: error, self) : StoreError(error, on: connection)
        }
        if !options.isReadOnly, server == nil {
            do throws(StoreError) { server = try ServerIdentity(self) } catch {
                connection.rollBack()
                throw error
            }
        }
        return results
    }

    package func commit() throws(StoreError) {
        do { try connection.commit() } catch { throw .database(error) }
    }

    /// A transaction around store code: commits when `body` returns, rolls back when it throws.
    ///
    /// - Parameter subject: what is committed, as `the manifest of train.parquet`; an error then says what became of it
    ///   where the COMMIT was not answered, for one round trip more. To be given where something is written.
    /// - Parameter asksToWrite: as ``begin(_:then:asksToWrite:)`` has it.
    package func transaction<Result>(
        _ options: Connection.TransactionOptions,
        of subject: String? = nil,
        asksToWrite: Bool = true,
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try begin(options, asksToWrite: asksToWrite)
        let result: Result
        do { result = try body() } catch {
            connection.rollBack()
            throw error
        }
        if let subject { try commit(subject) } else { try commit() }
        return result
    }

    /// Commits what has no entry in the ledger, as ``commit(_:transactionID:advice:)`` does, if anything was written.
    package func commit(_ subject: String) throws(StoreError) {
        let transactionID: String?
        do {
            transactionID = try query("SELECT pg_catalog.pg_current_xact_id_if_assigned()::text").text(0, 0)
        } catch {
            connection.rollBack()
            throw error
        }
        if let transactionID { try commit(subject, transactionID: transactionID) } else { try commit() }
    }

    /// Commits what has no entry in the ledger; where the COMMIT is not answered, the error says what became of it.
    ///
    /// - Parameters:
    ///   - subject: what is committed, as `the manifest of train.parquet`.
    ///   - advice: what to do unless it was committed.
    package func commit(
        _ subject: String,
        transactionID: String,
        advice: String = CommitInquiry.advice
    ) throws(StoreError) {
        do { try commit() } catch {
            throw CommitInquiry(self, transactionID: transactionID).explaining(error, subject, on: self, advice: advice)
        }
    }

    /// Takes an advisory lock, shared, until the end of the transaction, if it is free.
    package func tryLock(_ key: Int) throws(StoreError) -> Bool {
        let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock_shared(\(AdvisoryLock.space), \(key))"
        return try execute(sql).last?.text(0, 0) == "t"
    }

    /// Waits for an advisory lock that the end of the transaction releases.
    package func lock(_ key: Int, isShared: Bool = false) throws(StoreError) {
        let function = isShared ? "pg_advisory_xact_lock_shared" : "pg_advisory_xact_lock"
        try execute("SELECT pg_catalog.\(function)(\(AdvisoryLock.space), \(key))")
    }
}

extension Connection.TransactionOptions {
    /// A read of a bounded number of rows.
    package static let boundedRead = Connection.TransactionOptions(
        isReadOnly: true,
        statementTimeoutMs: Limits.boundedStatementMs
    )
}

/// Keys of the advisory locks; all lie in one space, so that other users of the database are not disturbed.
package enum AdvisoryLock {
    /// "Asof" in ASCII.
    package static let space = 0x4173_6F66
    package static let ledger = 1
    /// Shared by every transaction that writes, exclusive for migrations; `asof.admit_writer` takes it, too.
    package static let migration = 2
    package static let definitions = 3
    /// Whoever registers versions of models or moves their names: both are short and rare.
    package static let models = 4
    /// Held while partitions of the log of predictions are made or dropped.
    package static let predictions = 16
    /// Held while the marker of a directory of segments in object storage is made.
    package static let segmentMarker = 22
    /// Whoever changes the server's users.
    package static let users = 21

    /// The lock of a view: shared by its writers, exclusive for what replaces its data or changes its columns.
    package static func view(_ id: Int32) -> Int { 1_000_000 + Int(id) }
    /// Held while a run materializes a view, over all its transactions.
    package static func materialization(_ id: Int32) -> Int { 700_000_000 + Int(id) }
    /// Held by the transaction of a chunk, also before the view has a watermark to lock.
    package static func watermark(_ id: Int32) -> Int { 900_000_000 + Int(id) }
    /// Held while a build changes a directory of segments in object storage. Two directories may share one, and wait for
    /// one another then.
    package static func segments(_ directory: UInt32) -> Int { 1_100_000_000 + Int(directory % 900_000_000) }
    /// Held while an online table of a view is made beside it, over all its transactions.
    static func onlineBuild(_ id: Int32) -> Int { 300_000_000 + Int(id) }
    /// Held while a view's partitions are made.
    package static func partitions(_ id: Int32) -> Int { 500_000_000 + Int(id) }
}
