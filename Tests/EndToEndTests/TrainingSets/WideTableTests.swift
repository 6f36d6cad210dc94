import Foundation
import TestSupport
import Testing

/// Tables of very many columns, through the built binary.
@Suite struct WideTableTests {
    private static let count = 20_000

    private static func features() throws -> CommandLineStore {
        let store = try CommandLineStore()
        try store.write("a.csv", "user_id,event_time,n\n1,2026-01-01,5\n2,2026-01-01,6\n")
        try store.succeed(["ingest", "daily", "a.csv"])
        return store
    }

    @Test func `a spine of 20,000 columns leaves as it came, by CSV and Parquet, and is verified`() throws {
        let store = try Self.features()
        let names = (0..<Self.count).map { "c\($0)" }.joined(separator: ",")
        let rows = (1...2).map { row in
            "\(row),2026-01-02T00:00:00Z," + (0..<Self.count).map { String($0 * row) }.joined(separator: ",")
        }
        try store.write("spine.csv", "user_id,at,\(names)\n" + rows.joined(separator: "\n") + "\n")
        let export = ["export", "--label-time", "at", "--features", "daily.n", "--quiet"]
        try store.succeed(export + ["--spine", "spine.csv", "--out", "one.parquet"])
        try store.succeed(export + ["--spine", "one.parquet", "--drop", "daily__n", "--out", "two.csv"])
        let expected = "user_id,at,\(names),daily__n\n\(rows[0]),5\n\(rows[1]),6\n"
        #expect(try store.read("two.csv") == expected)
        for set in ["one.parquet", "two.csv"] { try store.succeed(["verify", set]) }
    }

    @Test func `100,000 columns that nobody asks for are passed over, and ten of them are named where they may not be`()
        throws
    {
        let store = try Self.features()
        let names = (0..<100_000).map { "c\($0)" }.joined(separator: ",")
        let values = String(repeating: "1,", count: 100_000)
        try store.write("wide.csv", "user_id,\(names),event_time,n\n3,\(values)2026-01-03,7\n")
        let refused = try store.run(["ingest", "daily", "wide.csv", "--event-time", "event_time"])
        #expect(
            refused.status == 1 && refused.error.contains("'c9', … and 99,990 more"),
            "\(refused.error.prefix(2_000))"
        )
        #expect(refused.error.utf8.count < 2_000)
        try store.succeed(["ingest", "daily", "wide.csv", "--event-time", "event_time", "--ignore-extra"])
        #expect(try store.value("SELECT n FROM history.daily WHERE user_id = 3") == "7")
    }
}
