/// What went wrong between us and PostgreSQL.
package struct PostgresError: Error, Sendable, Hashable {
    package enum Kind: Hashable, Sendable {
        /// No connection could be made.
        case connect
        /// The server refused a statement; its SQLSTATE.
        case server(sqlState: String)
        /// The connection ended while something was under way; whether it took effect is unknown.
        case connectionLost
        /// The server was silent for too long; whether what was under way took effect is unknown.
        case noAnswer
        /// A result has another shape than the caller asked for.
        case unexpectedResult
    }

    package var kind: Kind
    package var message: String
    package var detail: String?
    package var hint: String?
    /// Where in the statement, in characters from 1, as the server says.
    package var statementPosition: Int?

    package init(
        kind: Kind,
        message: String,
        detail: String? = nil,
        hint: String? = nil,
        statementPosition: Int? = nil
    ) {
        self.kind = kind
        self.message = message
        self.detail = detail
        self.hint = hint
        self.statementPosition = statementPosition
    }

    package var sqlState: String? {
        if case .server(let sqlState) = kind { sqlState } else { nil }
    }

    /// Whether the same work may succeed when it is done again: deadlock, serialization, lock timeout.
    package var isRetryable: Bool {
        switch sqlState {
        case "40P01", "40001", "55P03": true
        default: false
        }
    }
}

extension PostgresError {
    /// Why no connection could be made, in libpq's words and on one line, for clients: without addresses, and without names
    /// of databases and roles, which stand in quotes.
    package var connectReason: String {
        var text = message.prefix { !$0.isNewline }
        // "connection to server at "127.0.0.1", port 5432 failed: FATAL:  too many connections for role "asof""
        if text.hasPrefix("connection to server"), let failed = text.firstRange(of: " failed: ") {
            text = text[failed.upperBound...]
        }
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        let shown = parts.enumerated().map { $0.offset % 2 == 0 ? String($0.element) : "…" }.joined(separator: "\"")
        let words = shown.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.isEmpty ? "no reason is known" : String(words.prefix(200))
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        var text = message
        if let detail { text += "\n  detail: \(detail)" }
        if let hint { text += "\n  hint: \(hint)" }
        return text
    }
}

/// PostgreSQL's error codes that we act on.
package enum SQLState {
    package static let undefinedTable = "42P01"
    package static let undefinedSchema = "3F000"
    package static let undefinedFunction = "42883"
    package static let insufficientPrivilege = "42501"
    package static let checkViolation = "23514"
    package static let readOnlyTransaction = "25006"
    /// A standby answers so to a transaction that would write.
    package static let featureNotSupported = "0A000"
    package static let lockNotAvailable = "55P03"
    /// By a cancel request or `statement_timeout`.
    package static let queryCanceled = "57014"
    package static let invalidParameterValue = "22023"
}
