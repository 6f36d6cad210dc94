import Foundation
import TestSupport
import Testing

/// `asof forget`, `asof drop-history` and `asof apply --prune`, and what `asof verify` says after them.
@Suite struct RemovalTests {
    /// Two months of history of two users, and one training set of each user and month.
    final class Fixture {
        let scratch: Scratch
        let database: [String]

        static let yaml = """
            entities:
              user: { key: user_id, type: int64 }
            views:
              stats:
                entities: [user]
                retention: 400d
                features: { n: int64, x: float64 }
              other: { entities: [user], features: { n: int64 } }

            """

        init() throws {
            scratch = try Scratch()
            database = ["-d", try ThrowawayCluster.shared().database()]
            try asof(["init"])
            try apply(Self.yaml)
            _ = try scratch.write(
                "rows.csv",
                """
                user_id,t,n,x
                1,2024-01-10T00:00:00Z,1,0.5
                2,2024-01-10T00:00:00Z,2,1.5
                1,2024-02-10T00:00:00Z,3,2.5
                2,2024-02-10T00:00:00Z,4,3.5

                """
            )
            try asof(["ingest", "stats", "rows.csv"])
            for user in 1...2 {
                for month in 1...2 {
                    let name = "u\(user)m\(month)"
                    _ = try scratch.write("\(name).spine.csv", "user_id,at\n\(user),2024-0\(month)-20T00:00:00Z\n")
                    try export(name)
                }
            }
        }

        func export(_ name: String) throws {
            try asof([
                "export", "--spine", "\(name).spine.csv", "--features", "stats.*", "--label-time", "at", "--out",
                "\(name).csv",
            ])
        }

        @discardableResult
        func asof(_ arguments: [String], status: Int32 = 0) throws -> AsofBinary.Output {
            let output = try AsofBinary.run(arguments + database, in: scratch.path)
            #expect(output.status == status, "\(arguments): \(output.out)\(output.error)")
            return output
        }

        func apply(_ yaml: String, _ options: [String] = []) throws {
            _ = try scratch.write("features.yaml", yaml)
            try asof(["apply", "--yes", "--allow-retire"] + options)
        }

        func verify(_ name: String, status: Int32) throws -> String {
            let output = try asof(["verify", "\(name).csv.manifest.json"], status: status)
            return output.out + output.error
        }
    }

    @Test func `a forgotten entity is the reason why its training sets cannot be checked, others are equal`() throws {
        let fixture = try Fixture()
        let dry = try fixture.asof(["forget", "user", "1", "--dry-run"]).out
        #expect(dry.contains("stats             2            1"), "\(dry)")
        let refused = try fixture.asof(["forget", "user", "1"], status: 1)
        #expect(refused.error.contains("nothing was forgotten"))
        #expect(try fixture.verify("u1m1", status: 0).contains("note") == false)
        let done = try fixture.asof(["forget", "user", "1", "--yes"]).out
        #expect(done.contains("forgotten: 2 rows of 1 view, position 3"), "\(done)")
        for name in ["u1m1", "u1m2"] {
            let reason = try fixture.verify(name, status: 2)
            #expect(reason.contains("could not be checked"), "\(reason)")
            #expect(reason.contains("an entity of view 'stats' was forgotten at position 3 (forget, "), "\(reason)")
        }
        for name in ["u2m1", "u2m2"] {
            let note = try fixture.verify(name, status: 0)
            #expect(note.contains("note: an entity of view 'stats' was forgotten at position 3"), "\(note)")
        }
        try fixture.asof(["check"])
        #expect(try fixture.asof(["get", "stats", "1"]).out.contains("missing"))
        #expect(try fixture.asof(["forget", "user", "1", "--dry-run"]).out.contains("this key was forgotten at 20"))
        #expect(try fixture.asof(["forget", "user", "1", "--yes"]).out.contains("nothing is stored of user"))
        let log = try fixture.asof(["log", "--limit", "1"]).out
        #expect(log.contains("forget  stats     2"), "\(log)")
    }

    @Test func `a file that was changed is different, whatever was forgotten`() throws {
        let fixture = try Fixture()
        try fixture.asof(["forget", "user", "1", "--yes"])
        for name in ["u1m1", "u2m1"] {
            let path = "\(fixture.scratch.path)/\(name).csv"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try Data(text.replacing(".5", with: ".25").utf8).write(to: URL(fileURLWithPath: path))
            #expect(try fixture.verify(name, status: 1).contains("is different"))
        }
    }

    @Test func `dropped history is the reason why sets that need it cannot be checked, others are equal`() throws {
        let fixture = try Fixture()
        let dry = try fixture.asof(["drop-history", "stats", "--before", "2024-02-15", "--dry-run"]).out
        #expect(dry.contains("stats  2024-02-01T00:00:00Z           1             2            0"), "\(dry)")
        #expect(
            try fixture.asof(["drop-history", "stats", "--before", "2024-02-15"], status: 1).error
                .contains("nothing was dropped")
        )
        let done = try fixture.asof(["drop-history", "stats", "--before", "2024-02-15", "--yes"]).out
        #expect(done.contains("stats: dropped 2 rows in 1 partition, position 3"), "\(done)")
        for name in ["u1m1", "u2m1"] {
            let reason = try fixture.verify(name, status: 2)
            #expect(reason.contains("old history of view 'stats' was dropped at position 3 (drop, "), "\(reason)")
        }
        for name in ["u1m2", "u2m2"] { #expect(try fixture.verify(name, status: 0).contains("note: old history")) }
        try fixture.asof(["check"])
        // A set of an older state lacks what was dropped; it says so, and is equal to itself.
        let warned = try fixture.asof([
            "export", "--spine", "u1m1.spine.csv", "--features", "stats.*", "--label-time", "at", "--position", "2",
            "--out", "again.csv",
        ])
        #expect(warned.error.contains("WARNING: old history of view 'stats' was dropped"), "\(warned.error)")
        #expect(try fixture.verify("again", status: 0).contains("note"))
    }

    @Test func `retention is applied by drop-history --all, and only then`() throws {
        let fixture = try Fixture()
        #expect(try fixture.asof(["drop-history", "--all", "--dry-run"]).out.contains("2             4            2"))
        #expect(try fixture.asof(["get", "stats", "1"]).out.contains("present"))
        let done = try fixture.asof(["drop-history", "--all", "--yes"]).out
        #expect(done.contains("stats: dropped 4 rows in 2 partitions, position 3"), "\(done)")
        #expect(!done.contains("other"))
        try fixture.asof(["check"])
        #expect(
            try fixture.asof(["drop-history", "other", "--yes"], status: 1).error.contains("'other' has no retention")
        )
        try fixture.asof(["drop-history"], status: 2)
        try fixture.asof(["drop-history", "stats", "--all"], status: 2)
        try fixture.asof(["drop-history", "--all", "--before", "2024-01-01"], status: 2)
        try fixture.asof(["drop-history", "stats", "--before", "soon"], status: 2)
    }

    @Test func `what was pruned is the reason why sets that need it cannot be checked`() throws {
        let fixture = try Fixture()
        let withoutX = Fixture.yaml.replacing(", x: float64", with: "")
        _ = try fixture.scratch.write("features.yaml", withoutX)
        let planned = try fixture.asof(["plan", "--prune"])
        #expect(planned.out.contains("x  feature stats.x"), "\(planned.out)")
        let refused = try fixture.asof(["apply", "--prune", "--allow-retire"], status: 1)
        #expect(refused.out.contains("x  feature stats.x"), "\(refused.out)")
        #expect(refused.error.contains("nothing was applied"))
        try fixture.apply(withoutX)
        _ = try fixture.verify("u1m1", status: 0)
        _ = try fixture.scratch.write("n.spine.csv", "user_id,at\n1,2024-02-20T00:00:00Z\n")
        try fixture.export("n")
        // Retired by now, so that a plan of changes alone has nothing to show.
        #expect(try fixture.asof(["plan"]).out.hasPrefix("no changes"))
        #expect(try fixture.asof(["plan", "--prune"]).out.contains("x  feature stats.x"))
        try fixture.apply(withoutX, ["--prune"])
        let reason = try fixture.verify("u1m1", status: 2)
        #expect(reason.contains("feature 'stats.x' was removed for good at position 4 (prune, "), "\(reason)")
        // The same name again is another feature.
        try fixture.apply(Fixture.yaml)
        #expect(try fixture.verify("u1m1", status: 2).contains("feature 'stats.x' was removed for good"))
        _ = try fixture.verify("n", status: 0)
        try fixture.apply("entities: { user: { key: user_id, type: int64 } }", ["--prune"])
        try fixture.apply(Fixture.yaml)
        _ = try fixture.verify("u1m1", status: 2)
        #expect(try fixture.verify("n", status: 2).contains("view 'stats' was removed for good"))
        try fixture.asof(["check"])
    }
}
