import Foundation
import TestSupport
import Testing

@Suite struct CompressedInputTests {
    private static func table(_ rows: ClosedRange<Int>, header: Bool = true) -> String {
        (header ? "login,event_time,n\n" : "") + rows.map { "user-\($0),2026-01-01,\($0)\n" }.joined()
    }

    private static func gzip(_ text: String, level: Int, _ store: CommandLineStore) throws -> [UInt8] {
        try store.write("plain", text)
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/bin/sh")
        gzip.arguments = ["-c", "gzip -\(level) < '\(store.folder)/plain' > '\(store.folder)/packed'"]
        try gzip.run()
        gzip.waitUntilExit()
        return Array(try Data(contentsOf: URL(fileURLWithPath: store.folder + "/packed")))
    }

    @Test func `a gzip file that grew by a member, or was compressed anew, goes on where it ended`() throws {
        let store = try CommandLineStore()
        let command = ["ingest", "logins", "rows.csv.gz", "--batch-rows", "1000"]
        let first = try Self.gzip(Self.table(1...10_000), level: 6, store)
        try store.write("rows.csv.gz", first)
        #expect(try store.succeed(command).contains("10,000 rows into view logins"))
        try store.write(
            "rows.csv.gz",
            first + (try Self.gzip(Self.table(10_001...10_500, header: false), level: 9, store))
        )
        #expect(try store.succeed(command).contains("500 rows into view logins after 10,000 that were stored before"))
        try store.write("rows.csv.gz", try Self.gzip(Self.table(1...11_000), level: 1, store))
        #expect(try store.succeed(command).contains("500 rows into view logins after 10,500 that were stored before"))
        #expect(try store.value("SELECT count(*) FROM history.logins") == "11000")
    }

    @Test func `a cut gzip file stores its whole batches, and the whole file goes on after them`() throws {
        let store = try CommandLineStore()
        let command = ["ingest", "logins", "rows.csv.gz", "--batch-rows", "1000"]
        let packed = try Self.gzip(Self.table(1...30_000), level: 6, store)
        try store.write("rows.csv.gz", Array(packed.prefix(packed.count / 2)))
        let cut = try store.run(command)
        #expect(cut.status == 1)
        #expect(cut.error.contains("rows.csv.gz: the gzip data cannot be decompressed: it is cut off"))
        #expect(cut.error.contains("are stored"))
        try store.write("rows.csv.gz", packed)
        try store.succeed(command)
        #expect(try store.value("SELECT count(*) || '/' || sum(n) FROM history.logins") == "30000/450015000")
    }
}
