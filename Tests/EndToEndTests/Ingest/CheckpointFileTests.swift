import Foundation
import TestSupport
import Testing

/// Files that are ingested again after something happened to them.
@Suite struct CheckpointFileTests {
    /// Rows of a file that lies within the 64 KiB by which a file is recognized, and of one that does not.
    private static let sizes = [200, 4_000]

    @Test(arguments: sizes)
    func `a file stored twice is stored once, and one that grew goes on where it ended`(rows: Int) throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<rows))
        try work.asof(["ingest", "stats", "data.csv"])
        #expect(try work.asof(["ingest", "stats", "data.csv"]).out.contains("nothing new"))
        for count in [rows + 1, rows + 50, rows + 3_000] {
            _ = try work.scratch.write("data.csv", Workplace.csv(0..<count))
            try work.asof(["ingest", "stats", "data.csv"])
            try work.expectStored(count)
        }
        #expect(try work.ask("SELECT count(*) FROM asof.sources") == "1")
    }

    @Test func `a file that changed behind its checkpoint is refused, whole or longer`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<4_000))
        try work.asof(["ingest", "stats", "data.csv"])
        for (count, change) in [(4_000, 3_999), (4_500, 3_000)] {
            _ = try work.scratch.write("data.csv", Workplace.csv(0..<count, change: change))
            let refused = try work.asof(["ingest", "stats", "data.csv"], expecting: 1)
            #expect(refused.error.contains("changed") && refused.error.contains("--again"), "\(refused.error)")
        }
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<3_000))
        let refused = try work.asof(["ingest", "stats", "data.csv"], expecting: 1)
        #expect(refused.error.contains("has only 3000 rows; 4000 were stored"), "\(refused.error)")
        try work.expectStored(4_000)
        // The way out that the messages name: the rows are stored again, and the later ones count.
        try work.asof(["ingest", "stats", "data.csv", "--again"])
        #expect(try work.count() == 7_000)
        #expect(try work.asof(["ingest", "stats", "data.csv"]).out.contains("nothing new"))
        try work.asof(["check"])
    }

    @Test func `other options are refused with both spellings`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<10))
        try work.asof(["ingest", "stats", "data.csv"])
        let refused = try work.asof(["ingest", "stats", "data.csv", "--null", "NA"], expecting: 1)
        #expect(refused.error.contains("null=") && refused.error.contains("--again"), "\(refused.error)")
        try work.asof(["ingest", "stats", "data.csv", "--null", "NA", "--again"])
        #expect(try work.count() == 20)
        try work.asof(["check"])
    }

    @Test func `another file of the same name is another source, in one folder or two`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<100))
        try work.asof(["ingest", "stats", "data.csv"])
        // Tomorrow's file.
        _ = try work.scratch.write("data.csv", Workplace.csv(100..<250))
        try work.asof(["ingest", "stats", "data.csv"])
        try FileManager.default.createDirectory(
            atPath: work.scratch.path + "/other",
            withIntermediateDirectories: false
        )
        _ = try work.scratch.write("other/data.csv", Workplace.csv(250..<300))
        try work.asof(["ingest", "stats", "other/data.csv"])
        try work.expectStored(300)
        #expect(try work.ask("SELECT count(*) FROM asof.sources") == "3")
        // Each of them is known again.
        for path in ["data.csv", "other/data.csv"] {
            #expect(try work.asof(["ingest", "stats", path]).out.contains("nothing new"))
        }
        // The same file at another place is the same file.
        _ = try work.scratch.write("other/data.csv", Workplace.csv(0..<100))
        #expect(try work.asof(["ingest", "stats", "other/data.csv"]).out.contains("nothing new"))
    }

    @Test func `standard input resumes with a name for its source, and only then`() throws {
        let work = try Workplace()
        let named = ["ingest", "stats", "-", "--format", "csv", "--source", "feed"]
        try work.asof(named, input: Workplace.csv(0..<100))
        try work.asof(named, input: Workplace.csv(0..<160))
        #expect(try work.asof(named, input: Workplace.csv(0..<160)).out.contains("nothing new"))
        try work.expectStored(160)
        let refused = try work.asof(named, expecting: 1, input: Workplace.csv(100..<300))
        #expect(refused.error.contains("feed") && refused.error.contains("changed"), "\(refused.error)")
        try work.asof(["ingest", "stats", "-", "--format", "csv"], input: Workplace.csv(0..<10))
        try work.asof(["ingest", "stats", "-", "--format", "csv"], input: Workplace.csv(0..<10))
        #expect(try work.count() == 180)
        try work.asof(["check"])
    }

    @Test func `a file stopped by a bad value goes on when it is mended`() throws {
        let work = try Workplace()
        let arguments = ["ingest", "stats", "data.csv", "--batch-rows", "500"]
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<3_800) + "7,2024-02-01T00:00:00Z,many\n")
        let refused = try work.asof(arguments, expecting: 1)
        #expect(
            refused.error.contains("many") && refused.error.contains("rows of data.csv are stored"),
            "\(refused.error)"
        )
        #expect(try work.count() == 3_500)
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<4_000))
        try work.asof(arguments)
        try work.expectStored(4_000)
    }

    @Test func `a file goes on after its view got another feature`() throws {
        let work = try Workplace(Workplace.yaml())
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<100))
        try work.asof(["ingest", "stats", "data.csv"])
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: int64, x: float64"))
        try work.asof(["apply", "--yes"])
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<130))
        try work.asof(["ingest", "stats", "data.csv", "--missing", "null"])
        try work.expectStored(130)
    }
}
