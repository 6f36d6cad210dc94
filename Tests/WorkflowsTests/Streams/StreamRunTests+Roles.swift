import Foundation
import Operations
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// Streams by roles of PostgreSQL that have what `asof grant-sql` gives them.
extension StreamRunTests {
    /// - Returns: how to connect as a role that has these rights.
    private func role(_ kind: RoleGrants) throws -> String {
        let name = "\(kind.rawValue)_\(UUID().uuidString.prefix(8))"
        try store.session.execute("CREATE ROLE \(SQLText.identifier(name)) LOGIN NOSUPERUSER NOCREATEDB")
        try store.session.execute(RoleGrants.statements(of: [kind], for: name).joined(separator: "\n"))
        return "\(store.conninfo) user='\(name)'"
    }

    @Test func `a role that may write, and no more, reads streams; one that may read looks at them`() throws {
        try store.apply(Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)))
        let (reader, writer) = (try role(.reader), try role(.writer))
        let topic = Self.topic(30, partitions: 2)
        topic.append("no JSON")
        // A month for which the owner has made no partition.
        topic.append(#"{"user": 1, "seq": 99, "amount": 1, "ts": 1741000000000}"#)
        let refused = worker(topic, at: reader).run()
        #expect("\(refused.failure.map { "\($0)" } ?? "")".contains("permission denied"))
        #expect(try numbers() == [])
        let outcome = worker(topic, at: writer).run()
        #expect(outcome.failure == nil && outcome.summary.rows == 31, "\(outcome)")
        #expect(try numbers() == Array(0..<30) + [99])
        let looking = try OpenStore(reader, forWriting: false)
        let environment = ["ASOF_LIBRDKAFKA": "/no/librdkafka.so"]
        let status = try #require(try looking.streamStatus([], environment: environment).first)
        #expect(status.rejects == 1 && status.partitions.count == 2, "\(status)")
        #expect(try looking.streamRejects("orders", limit: 9).newest.count == 1)
        // Both get as far as the library.
        #expect(try looking.checkStreams(["orders"], environment: environment)[0].text.contains("/no/librdkafka.so"))
        let peeked = #expect(throws: (any Error).self) {
            try looking.peekStream("orders", count: 1, environment: environment)
        }
        #expect("\(peeked.map { "\($0)" } ?? "")".contains("/no/librdkafka.so"))
    }
}
