import Postgres
import Store

/// What an error of PostgreSQL means for a group of writes, in words that may go to a client: no SQL, no values.
enum GroupTrouble {
    static let slowReason = "PostgreSQL took too long; nothing is stored, send it again"
    static let raceReason = "another session holds the same entities; nothing is stored, send it again"

    /// Whether the connection is about to end, or the server takes no writes: nothing that is wrong with the write.
    static func isEnding(_ error: StoreError) -> Bool {
        guard case .database(let cause) = error else { return false }
        switch cause.kind {
        case .connect, .connectionLost, .noAnswer: return true
        case .unexpectedResult: return false
        case .server(let state):
            // Shutting down, crashed, starting up; out of disk, memory or connections; an I/O error; a standby.
            return state.hasPrefix("57P") || state.hasPrefix("53") || state.hasPrefix("58")
                || state.hasPrefix("08") || state == SQLState.readOnlyTransaction
        }
    }

    /// Whether PostgreSQL ended a statement because it took too long: parts of the group would hardly be quicker.
    static func isSlow(_ error: StoreError) -> Bool {
        guard case .database(let cause) = error else { return false }
        return cause.sqlState == "57014"
    }

    /// Whether a lock was held for longer than the group waits.
    static func isLockTimeout(_ error: StoreError) -> Bool {
        guard case .database(let cause) = error else { return false }
        return cause.sqlState == SQLState.lockNotAvailable
    }

    static func isRace(_ error: StoreError) -> Bool {
        guard case .database(let cause) = error else { return false }
        return cause.isRetryable || cause.sqlState == SQLState.checkViolation
    }

    /// Why PostgreSQL cannot be written to.
    static func reason(_ error: StoreError) -> String {
        guard case .database(let cause) = error else { return "PostgreSQL gave no usable answer" }
        switch cause.kind {
        case .connect: return "PostgreSQL cannot be reached: \(cause.connectReason)"
        case .connectionLost: return "the connection to PostgreSQL was lost"
        // Ours, and without SQL or values: how long it was.
        case .noAnswer: return cause.message
        case .unexpectedResult: return "PostgreSQL gave no usable answer"
        case .server(SQLState.readOnlyTransaction): return "PostgreSQL is read-only: a standby, or set so"
        case .server(let state):
            if state.hasPrefix("57P03") { return "PostgreSQL is starting up" }
            if state.hasPrefix("57P") { return "PostgreSQL is shutting down" }
            if state.hasPrefix("53") { return "PostgreSQL is out of disk, memory or connections (SQLSTATE \(state))" }
            return "PostgreSQL cannot write (SQLSTATE \(state))"
        }
    }

    /// What is wrong with a write that failed by itself.
    static func failure(_ error: StoreError) -> WriteFailure {
        switch error {
        case .position(let text): return .times(text)
        case .database(let cause):
            guard case .server(let state) = cause.kind else { return .unavailable(reason(error)) }
            switch state {
            case SQLState.insufficientPrivilege: return .forbidden("the server's database role may not write there")
            // Query cancelled.
            case "57014": return .timeout(slowReason)
            case SQLState.undefinedTable, "42703", "23503": return .viewChanged(name: "")
            case let state where state.hasPrefix("54"):
                return .refused("a row or key is larger than PostgreSQL stores (SQLSTATE \(state))")
            case let state where state.hasPrefix("22"):
                return .refused("a value is none that PostgreSQL stores (SQLSTATE \(state))")
            default: return .refused("PostgreSQL refuses the rows (SQLSTATE \(state))")
            }
        default: return .refused("\(error)")
        }
    }
}
