import Postgres
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
}
