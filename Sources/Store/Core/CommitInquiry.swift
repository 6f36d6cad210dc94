import Glibc
package import Postgres

/// What became of a COMMIT that was not answered.
package enum CommitOutcome: Sendable, Hashable {
    /// With the state that it made, where the ledger has it.
    case committed(LedgerState?)
    case aborted
    /// With what stood in the way of finding out.
    case unknown(String)

    package var text: String {
        switch self {
        case .committed(let state): "it was committed" + (state.map { ", at position \($0.position)" } ?? "")
        case .aborted: "it was not committed and has changed nothing"
        case .unknown(let reason):
            "whether it was committed could not be found out (\(reason)); `asof log` shows it if it was"
        }
    }
}

/// A COMMIT whose answer did not come.
package struct UncertainCommit: Sendable {
    /// What was committed, as `the rebuild of view 'stats'`.
    package let subject: String
    package let cause: PostgresError
    package let outcome: CommitOutcome
    /// What to do unless it was committed.
    package let advice: String

    var text: String {
        let what = "no answer from PostgreSQL while \(subject) was committed (\(cause.message)); \(outcome.text)"
        if case .committed = outcome { return what }
        return "\(what). \(advice)"
    }
}

/// Finds out what became of a transaction whose COMMIT was not answered: the one place for that.
///
/// It asks on new connections, and believes only the server that the transaction ran on or its successor: not in
/// recovery, since a standby may not have got there; with the same system identifier. The ledger's uid is ours alone and
/// decides wherever there is one: a server that crashed may give the transaction's id to another transaction. Where the
/// ledger does not have it, the transaction has ended for good once its server no longer runs it, or once that server was
/// restarted or replaced: then what is not in the ledger never will be.
package struct CommitInquiry {
    /// What to do where a command's transaction was not committed.
    package static let advice = "Run the command again"

    private let conninfo: String
    private let interruption: Interruption?
    private let server: ServerIdentity?
    private let transactionID: String
    private let entry: (batch: Int64, uid: String)?

    /// - Parameters:
    ///   - session: on which the transaction began.
    ///   - conninfo: where to ask; `nil` = where the session is.
    ///   - entry: by which it is found in the ledger; `nil` = it has no row there.
    init(
        _ session: Session,
        at conninfo: String? = nil,
        transactionID: String,
        entry: (batch: Int64, uid: String)? = nil
    ) {
        self.conninfo = conninfo ?? session.conninfo
        interruption = session.interruption
        server = session.server
        self.transactionID = transactionID
        self.entry = entry
    }

    /// Whether an error leaves open what became of the COMMIT that it was thrown for.
    ///
    /// A server that shuts down still says so, and a connection that is cut says nothing: both alike may come after the
    /// commit. An error on a connection that lives on is PostgreSQL's word that nothing was committed.
    package static func isUncertain(_ error: StoreError, on session: Session) -> Bool {
        guard case .database(let cause) = error else { return false }
        switch cause.kind {
        case .connect, .unexpectedResult: return !session.connection.isAlive
        case .connectionLost, .noAnswer: return true
        case .server(let state):
            return !session.connection.isAlive || state.hasPrefix("57P") || state.hasPrefix("08")
        }
    }

    /// Asks until there is an answer.
    ///
    /// A cancelled run's COMMIT is asked for, too, for ``Limits/cancelledOutcomeWaitMs``, where its ``Interruption`` leaves
    /// time for that.
    /// - Parameter waitMs: how long to wait for a server that does not answer or has not ended the transaction.
    package func outcome(waitMs: Int) -> CommitOutcome {
        let start = ContinuousClock.now
        var end = start + .milliseconds(waitMs)
        var (told, failed): (String?, String) = (nil, "PostgreSQL cannot be reached")
        repeat {
            if let interruption, interruption.isInterrupted {
                guard interruption.leavesTimeToAsk else { return .unknown("the work was cancelled") }
                end = min(end, start + .milliseconds(Limits.cancelledOutcomeWaitMs))
            }
            do throws(StoreError) {
                let other = try Session(
                    conninfo: conninfo,
                    connectTimeoutSeconds: 2,
                    interruption: interruption?.leavesTimeToAsk == true ? nil : interruption
                )
                other.statementTimeoutMs = Limits.outcomeStatementMs
                other.connection.deadline = end
                switch try answer(other) {
                case .found(let outcome): return outcome
                case .notYet(let why): told = why
                }
            } catch {
                failed = "\(error)"
            }
            usleep(20_000)
        } while ContinuousClock.now < end
        return .unknown(told ?? failed)
    }

    /// The same error, or where it leaves open what became of the COMMIT, what did become of it.
    func explaining(
        _ error: StoreError,
        _ subject: String,
        on session: Session,
        advice: String = Self.advice
    ) -> StoreError {
        guard case .database(let cause) = error, Self.isUncertain(error, on: session) else { return error }
        let outcome = outcome(waitMs: Limits.commandOutcomeWaitMs)
        return .uncertainCommit(UncertainCommit(subject: subject, cause: cause, outcome: outcome, advice: advice))
    }

    private enum Answer {
        case found(CommitOutcome)
        case notYet(String)
    }

    private func answer(_ other: Session) throws(StoreError) -> Answer {
        let now = try ServerIdentity(other)
        if now.isInRecovery { return .notYet("only a standby answers, which may not know it") }
        if let server, !now.isSameDatabase(as: server) {
            return .notYet("another server answers than the one that the transaction ran on")
        }
        // Before the ledger, so that what the ledger lacks then is not still on its way into it.
        let status = try status(other)
        let isSameRun = server.map { now.isSameRun(as: $0) } ?? false
        guard let entry else {
            guard isSameRun else { return .found(.unknown("the server was restarted or replaced")) }
            switch status {
            case "committed": return .found(.committed(nil))
            case "aborted": return .found(.aborted)
            case "in progress": return .notYet("the server has not ended the transaction yet")
            default: return .found(.unknown("the server does not know the transaction any more"))
            }
        }
        let rows = try other.query(
            "SELECT position, committed_at FROM asof.batches WHERE batch = $1 AND uid = $2::text::uuid LIMIT 1",
            [.int64(entry.batch), .text(entry.uid)]
        )
        if rows.count > 0, let position = rows.int64(0, 0) {
            let state = LedgerState(position: position, uid: entry.uid, committedAt: rows.timestamp(0, 1))
            return .found(.committed(state))
        }
        // In another run the id may be somebody else's by now, which costs some waiting. Which run it was, a session through
        // a pooler may not know: it outlives the server behind it.
        if status == "in progress" { return .notYet("the server has not ended the transaction yet") }
        return .found(.aborted)
    }

    /// - Returns: `nil` where the server does not know the id: it has crashed since and none of its transactions is left.
    private func status(_ other: Session) throws(StoreError) -> String? {
        do {
            let sql = "SELECT pg_catalog.pg_xact_status($1::text::xid8)"
            return try other.query(sql, [.text(transactionID)]).text(0, 0)
        } catch {
            guard case .database(let cause) = error, cause.sqlState == SQLState.invalidParameterValue else {
                throw error
            }
            return nil
        }
    }
}

/// Which server answers, and which run of it.
struct ServerIdentity: Sendable, Hashable {
    /// The cluster's, which its standbys share and a copy by pg_dump does not; `nil` where the role or the server cannot read it.
    let systemID: String?
    /// Changes when a standby takes over; `nil` in recovery, and where the role may not read it.
    let timeline: String?
    /// When the server was started, as it says.
    let startedAt: String
    let isInRecovery: Bool

    /// Asks the server; within a transaction, or in one of its own.
    init(_ session: Session) throws(StoreError) {
        // What the role may not call must not stand in a statement, even where it would not be reached.
        let known = try session.query(
            """
            SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_postmaster_start_time()::text,
                pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'),
                pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'EXECUTE')
                    AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_lsn()', 'EXECUTE')
            """
        )
        isInRecovery = known.bool(0, 0) ?? true
        startedAt = known.text(0, 1) ?? ""
        systemID = known.bool(0, 2) == true ? try Self.systemID(session) : nil
        let isTold = known.bool(0, 3) == true && !isInRecovery
        let file = isTold ? "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn())" : "NULL"
        timeline = try session.query("SELECT pg_catalog.left(\(file), 8)").text(0, 0)
    }

    /// - Returns: `nil` where the server cannot read the file that has it: it looks at the place where its data folder was when
    ///   it started, which may have been moved since, and works on without.
    private static func systemID(_ session: Session) throws(StoreError) -> String? {
        let sql = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
        do {
            guard session.connection.isInTransaction else { return try session.query(sql).text(0, 0) }
            return try session.execute("SAVEPOINT identity; \(sql); RELEASE SAVEPOINT identity")[1].text(0, 0)
        } catch {
            guard case .database(let cause) = error, cause.sqlState?.hasPrefix("58") == true else { throw error }
            if session.connection.isInTransaction {
                try session.execute("ROLLBACK TO SAVEPOINT identity; RELEASE SAVEPOINT identity")
            }
            return nil
        }
    }

    /// Whether what one of them committed the other has, unless it was lost with a failover.
    func isSameDatabase(as other: ServerIdentity) -> Bool {
        systemID == nil || other.systemID == nil || systemID == other.systemID
    }

    /// Whether transactions' ids mean the same in both.
    func isSameRun(as other: ServerIdentity) -> Bool { self == other }
}
