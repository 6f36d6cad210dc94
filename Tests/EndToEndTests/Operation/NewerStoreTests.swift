import Foundation
import Store
import TestSupport
import Testing

/// The built binary on a store that a newer one has migrated.
@Suite struct NewerStoreTests {
    private static let csv = "user_id,event_time,n\n1,2024-01-01T00:00:00Z,7\n"

    /// As the migration of a newer asof leaves it.
    private static func raise(_ store: ServedStore, letsOlder: Bool) throws {
        try store.session().execute(
            """
            INSERT INTO asof.migrations (number, name, checksum, older_may_write)
            VALUES (\(Migration.newest + 1), 'later.sql', '', \(letsOlder))
            """
        )
    }

    private static func info(_ client: RespClient, _ name: String) throws -> String? {
        guard case .bulk(let text) = try client.run("INFO", "asof") else { return nil }
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        return line.map { String($0.dropFirst(name.count + 1)) }
    }

    @Test func `a server that was running refuses writes and reads on, commands say what to do`() throws {
        let store = try ServedStore()
        let server = try store.serve()
        let client = try server.client()
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        _ = try client.run("HELLO", "3")
        #expect(try client.line("FS.SET marks 1 \(now) n 7").integer != nil)
        #expect(try Self.info(client, "writes_refused") == "no")
        try Self.raise(store, letsOlder: false)
        let head = try store.head()
        let set = try client.line("FS.SET marks 1 \(now + 1) n 8")
        let delete = try client.line("FS.DEL marks 1 \(now + 1)")
        let numbered = try client.line("FS.SET marks 1 \(now + 1) n 8 SOURCE s SEQ 1")
        let lines = try client.run("FS.WRITE", "marks,user_id=1 n=8i \(now + 1)000")
        for reply in [set, delete, numbered, lines] {
            guard case .error(let text) = reply else {
                Issue.record("\(reply)")
                continue
            }
            let schemas = "schema \(Migration.newest + 1), this binary knows schema \(Migration.newest) at most"
            #expect(text.hasPrefix("FSREADONLY ") && text.contains(schemas), "\(text)")
            #expect(text.contains("nothing is stored") && text.contains("use a newer asof"), "\(text)")
        }
        #expect(try client.line("FS.GET marks 1 FEATURES 1 n")["n"] == .integer(7))
        #expect(try Self.info(client, "writes_refused")?.contains("use a newer asof") == true)
        #expect(try store.head() == head)

        for command in [["ingest", "marks", "-", "--format", "csv"], ["rebuild-online", "marks"], ["serve"]] {
            let output = try store.asof(command, input: Self.csv)
            #expect(output.status == 1 && output.error.contains("use a newer asof"), "\(command): \(output)")
        }
        #expect(try store.asof(["get", "marks", "1"]).out.contains("7"))
        _ = try store.scratch.write("spine.csv", "user_id,label_time\n1,2030-01-01T00:00:00Z\n")
        let export = [
            "export", "--spine", "spine.csv", "--features", "marks.n", "--label-time", "label_time", "--out", "set.csv",
        ]
        let exported = try store.asof(export)
        #expect(exported.status == 0 && exported.out.contains("not recorded in the store"), "\(exported)")
        #expect(try store.number("SELECT count(*) FROM asof.training_sets") == 0)
        #expect(try store.asof(["doctor"]).out.contains("this binary may not write"))
        #expect(try store.head() == head)
    }

    @Test func `where the migration lets older ones write, all goes on`() throws {
        let store = try ServedStore()
        let server = try store.serve()
        let client = try server.client()
        try Self.raise(store, letsOlder: true)
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        #expect(try client.line("FS.SET marks 1 \(now) n 8").integer != nil)
        let output = try store.asof(["ingest", "marks", "-", "--format", "csv"], input: Self.csv)
        #expect(output.status == 0, "\(output.error)")
        #expect(try store.asof(["doctor"]).out.contains("this binary may write, but not migrate"))
        #expect(try store.asof(["migrate"]).error.contains("use a newer asof"))
    }
}
