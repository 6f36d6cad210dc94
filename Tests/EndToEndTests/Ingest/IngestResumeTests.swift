import EmbeddedPostgres
import Features
import Foundation
import TestSupport
import Testing

/// Files that are wrong and then mended, grow, shrink, change, or come again.
@Suite struct IngestResumeTests {
    /// `count` rows whose text is longer than the 64 KiB that identify a source; row `bad`, from 1, has a wrong value.
    private static func table(_ count: Int, bad: Int? = nil, padding: String = "") -> String {
        var text = "login,event_time,n\n"
        for row in 1...count {
            let value = row == bad ? "wrong" : "\(row)"
            text += "user-\(padding)-with-a-rather-long-name-\(10_000 + row),2026-01-01T00:00:00Z,\(value)\n"
        }
        return text
    }

    private static func count(_ store: CommandLineStore) throws -> String {
        try store.value("SELECT count(*) || '/' || (SELECT count(*) FROM online.logins) FROM history.logins")
    }

    @Test func `committed batches stay, and the mended file goes on after them`() throws {
        let store = try CommandLineStore()
        let command = ["ingest", "logins", "rows.csv", "--batch-rows", "1000"]
        try store.write("rows.csv", Self.table(3_000, bad: 2_500))
        let first = try store.run(command)
        #expect(first.status == 1)
        #expect(first.error.contains("rows.csv: row 2500 (line 2501), column 'n': expected int64, got 'wrong'"))
        #expect(
            first.error.contains("2,000 rows of rows.csv are stored (position 3); the same command goes on after them")
        )
        #expect(try Self.count(store) == "2000/2000")
        // As it is, the file stops at the same row again.
        let second = try store.run(command)
        #expect(second.status == 1)
        #expect(second.error.contains("row 2500 (line 2501)"))
        #expect(try Self.count(store) == "2000/2000")

        try store.write("rows.csv", Self.table(3_000))
        let mended = try store.succeed(command)
        #expect(mended.contains("rows.csv: 1,000 rows into view logins after 2,000 that were stored before"))
        #expect(try store.succeed(command).contains("nothing new; its 3,000 rows were stored before"))
        #expect(try Self.count(store) == "3000/3000")
        try store.succeed(["check"])
    }

    @Test func `a file that grew goes on; one that changed or shrank behind its checkpoint is refused until --again`()
        throws
    {
        let store = try CommandLineStore()
        let command = ["ingest", "logins", "rows.csv"]
        try store.write("rows.csv", Self.table(2_000))
        try store.succeed(command)
        try store.write("rows.csv", Self.table(2_100))
        #expect(try store.succeed(command).contains("100 rows into view logins after 2,000 that were stored before"))

        let changed = Self.table(2_200).replacingOccurrences(of: ",1900\n", with: ",-1900\n")
        for (text, says) in [
            (changed, "its first 2100 rows are not those that were stored"),
            (Self.table(1_999), "has only 1999 rows; 2100 were stored"),
        ] {
            try store.write("rows.csv", text)
            let before = try store.state()
            let refused = try store.run(command)
            #expect(refused.status == 1)
            #expect(refused.error.contains(says))
            #expect(refused.error.contains("--source") && refused.error.contains("--again"))
            let after = try store.state()
            #expect(before == after)
        }
        try store.write("rows.csv", changed)
        #expect(try store.succeed(command + ["--again"]).contains("rows.csv: 2,200 rows into view logins,"))
        #expect(try store.value("SELECT n FROM online.logins WHERE login LIKE '%11900'") == "-1900")
        #expect(try store.succeed(command).contains("nothing new"))
        try store.succeed(["check"])
    }

    @Test func `tomorrow's file of the same name is another source`() throws {
        let store = try CommandLineStore()
        try store.write("day.csv", "login,event_time,n\na,2026-01-01T00:00:00Z,1\n")
        try store.succeed(["ingest", "logins", "day.csv"])
        try store.write("day.csv", "login,event_time,n\nb,2026-01-02T00:00:00Z,2\n")
        #expect(try store.succeed(["ingest", "logins", "day.csv"]).contains("day.csv: 1 row into view logins"))
        #expect(try Self.count(store) == "2/2")
        #expect(try store.value("SELECT count(*) FROM asof.sources WHERE name = 'day.csv'") == "2")
    }

    @Test func `other options for the same file are refused`() throws {
        let store = try CommandLineStore()
        try store.write("day.csv", "login,event_time,n,m\na,2026-01-01T00:00:00Z,1,2\n")
        try store.succeed(["ingest", "logins", "day.csv", "--ignore-extra"])
        let before = try store.state()
        let refused = try store.run(["ingest", "logins", "day.csv", "--ignore-extra", "--map", "m=n"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("was read before with other options"))
        #expect(refused.error.contains("now:  event_time=event_time map=m=n"))
        let after = try store.state()
        #expect(before == after)
    }

    @Test func `standard input resumes only under a name`() throws {
        let store = try CommandLineStore()
        let rows = "login,event_time,n\na,2026-01-01T00:00:00Z,1\n"
        let command = ["ingest", "logins", "-", "--format", "csv"]
        for _ in 1...2 {
            #expect(try store.succeed(command, input: rows).contains("standard input: 1 row into view logins"))
        }
        #expect(try Self.count(store) == "2/1")
        let named = command + ["--source", "feed"]
        try store.succeed(named, input: rows)
        let more = try store.succeed(named, input: rows + "b,2026-01-01T00:00:00Z,1\n")
        #expect(more.contains("1 row into view logins after 1 that were stored before"))
        #expect(try Self.count(store) == "4/2")
        let clear = try store.run(["ingest", "logins", "-"], input: rows)
        #expect(clear.status == 1)
        #expect(clear.error.contains("standard input: the format is not clear from the name; use --format csv|"))
        #expect(clear.error.contains("|lp"))
    }

    @Test func `a pipe under a file's name loses no rows`() throws {
        let store = try CommandLineStore()
        try store.write("rows.csv", Self.table(5_000))
        let command = "cat rows.csv | '\(AsofBinary.path)' ingest logins /dev/stdin --format csv -d \"$0\""
        let result = try Subprocess.run(
            ["/bin/sh", "-c", "cd '\(store.folder)'; \(command)", store.conninfo],
            seconds: 60
        )
        #expect(result.output.contains("/dev/stdin: 5,000 rows"))
        #expect(try Self.count(store) == "5000/5000")
        #expect(try store.value("SELECT count(*) FROM asof.sources") == "0")
    }

    @Test func `of several files those before the bad one are stored`() throws {
        let store = try CommandLineStore()
        try store.write("one.csv", "login,event_time,n\na,2026-01-01T00:00:00Z,1\n")
        try store.write("two.csv", "login,event_time,n\nb,2026-01-01T00:00:00Z,wrong\n")
        let command = ["ingest", "logins", "one.csv", "two.csv"]
        let refused = try store.run(command)
        #expect(refused.status == 1)
        #expect(refused.out.hasPrefix("one.csv: 1 row into view logins"))
        #expect(refused.error.hasPrefix("asof: two.csv: row 1 (line 2), column 'n'"))
        try store.write("two.csv", "login,event_time,n\nb,2026-01-01T00:00:00Z,2\n")
        let mended = try store.succeed(command)
        #expect(mended.contains("one.csv: nothing new; its row was stored before"))
        #expect(mended.contains("two.csv: 1 row into view logins"))
    }

    @Test func `a file of no rows is no error`() throws {
        let store = try CommandLineStore()
        try store.write("none.csv", "login,event_time,n\n")
        try store.write("none.jsonl", "\n")
        try store.write(
            "none.parquet",
            try parquet([("login", .string, []), ("event_time", .timestamp, []), ("n", .int64, [])])
        )
        let before = try store.state()
        for file in ["none.csv", "none.jsonl", "none.parquet"] {
            #expect(
                try store.succeed(["ingest", "logins", file]) == "\(file): 0 rows; nothing to store in view logins\n"
            )
        }
        let after = try store.state()
        #expect(before == after)
    }
}
