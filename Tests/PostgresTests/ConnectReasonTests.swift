import Testing

@testable import Postgres

/// What clients are told of a connection that cannot be made.
@Suite struct ConnectReasonTests {
    @Test(
        "libpq's reason without addresses and names, on one line",
        arguments: [
            (
                """
                connection to server at "10.0.0.7", port 5432 failed: FATAL:  too many connections for role "asof"
                """, "FATAL: too many connections for role \"…\""
            ),
            (
                """
                connection to server at "db.internal" (10.0.0.7), port 5432 failed: FATAL:  password authentication failed for user "asof"
                connection to server at "db.internal" (10.0.0.7), port 5432 failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "asof"
                """, "FATAL: password authentication failed for user \"…\""
            ),
            (
                """
                connection to server on socket "/tmp/.s.PGSQL.5432" failed: No such file or directory
                \tIs the server running locally and accepting connections on that socket?
                """, "No such file or directory"
            ),
            (
                "could not translate host name \"db\" to address: gone",
                "could not translate host name \"…\" to address: gone"
            ),
            ("an end \"that is cut", "an end \"…"), ("", "no reason is known"),
        ]
    )
    func shows(message: String, expected: String) {
        #expect(PostgresError(kind: .connect, message: message).connectReason == expected)
    }
}
