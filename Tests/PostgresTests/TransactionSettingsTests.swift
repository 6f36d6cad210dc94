import EmbeddedPostgres
import Postgres
import TestSupport
import Testing

/// What each of our transactions begins with.
@Suite struct TransactionSettingsTests {
    @Test(arguments: [(150_018, false), (160_004, false), (170_000, true), (180_001, true)])
    func `a timeout of whole transactions is set aside where there is one`(version: Int, isSet: Bool) {
        for options in [Connection.TransactionOptions.read, .write] {
            let statements = options.statements(serverVersion: version)
            #expect(statements.contains("SET LOCAL transaction_timeout = 0") == isSet)
            #expect(statements.first?.hasPrefix("BEGIN ISOLATION LEVEL READ COMMITTED") == true)
            #expect(statements.last == "SET LOCAL search_path = pg_catalog, pg_temp")
        }
        var own = Connection.TransactionOptions.read
        own.keepsSearchPath = true
        #expect(!own.statements(serverVersion: version).contains { $0.contains("search_path") })
    }

    private static let hasTimeout = (try? PostgresBinaries.find().major >= 17) ?? false

    @Test(.enabled(if: hasTimeout, "PostgreSQL 17 or later: scripts/test --lane postgres has some"))
    func `an administrator's timeout of whole transactions ends none of ours`() throws {
        let cluster = try ThrowawayCluster.shared()
        let conninfo = try cluster.database()
        let name = try #require(conninfo.firstMatch(of: /dbname=(\w+)/)?.1)
        try cluster.execute("ALTER DATABASE \(name) SET transaction_timeout = '100ms'")
        let connection = try Connection(conninfo)
        try connection.begin(.write)
        _ = try connection.execute("SELECT pg_sleep(0.5)")
        try connection.commit()
        // Where nothing sets it aside it is in force.
        #expect(throws: (any Error).self) { try cluster.execute("BEGIN; SELECT pg_sleep(5)", database: String(name)) }
    }
}
