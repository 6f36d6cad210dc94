import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Exports that do not come to their end leave what was there before.
@Suite struct InterruptedExportTests {
    private static let older = "what was here before\n"

    private static func workplace() throws -> Workplace {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<500))
        try work.asof(["ingest", "stats", "data.csv"])
        var spine = "user_id,t,note\n"
        // Notes that hardly compress, so that Parquet is large, too.
        var random = SeededRandom(seed: 1)
        for row in 0..<3_000 {
            spine += "\(row % 50),2024-01-03T00:00:00Z,x\(random.next())\(random.next())\(random.next())\n"
        }
        _ = try work.scratch.write("spine.csv", spine)
        return work
    }

    private static func export(_ out: String) -> [String] {
        ["export", "--spine", "spine.csv", "--features", "stats.*", "--label-time", "t", "--out", out]
    }

    // The last one stands for all that gives the process no time: a crash, or a machine that has no memory left.
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGKILL])
    func `an export that is interrupted leaves no temporary file and does not touch an older output`(
        number: Int32
    ) throws {
        let work = try Self.workplace()
        let path = try work.scratch.write("out.csv", Self.older)
        let holder = try Session(conninfo: work.conninfo)
        try holder.begin(.write)
        // The export has its temporary file and waits for rows.
        try holder.execute("LOCK TABLE history.stats IN ACCESS EXCLUSIVE MODE")
        let running = try work.start(Self.export("out.csv"))
        let waiting =
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted AND datname = current_database()"
        #expect(try Patience.wait { try work.ask(waiting) != "0" })
        kill(running.process.processIdentifier, number)
        running.waitUntilExit()
        #expect(running.output().status == (number == SIGKILL ? -number : 128 + number))
        holder.connection.rollBack()
        #expect(try work.temporaryFiles() == [])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == Self.older)
        try work.asof(Self.export("out.csv"))
        try work.asof(["verify", "out.csv.manifest.json"])
    }

    @Test(arguments: ["csv", "jsonl", "parquet"])
    func `an export whose output does not fit says so and does not touch an older output`(format: String) throws {
        let work = try Self.workplace()
        let path = try work.scratch.write("out.\(format)", Self.older)
        // A limit on the size of files stands for a full disk: write(2) fails midway.
        let limited = try work.asof(
            Self.export("out.\(format)"),
            expecting: 1,
            shell: "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""
        )
        #expect(limited.error.contains("out.\(format)"), "\(limited.error)")
        #expect(try work.temporaryFiles() == [])
        #expect(try String(contentsOfFile: path, encoding: .utf8) == Self.older)
        #expect(!FileManager.default.fileExists(atPath: path + ".manifest.json"))
        try work.asof(Self.export("out.\(format)"))
        try work.asof(["verify", "out.\(format).manifest.json"])
    }

    @Test(.enabled(if: SmallDisk.canBeMounted, "\(SmallDisk.notice)"), arguments: ["csv", "parquet"])
    func `an export to a full disk says so and leaves the disk as it was`(format: String) throws {
        let work = try Self.workplace()
        let path = work.scratch.path + "/disk"
        let disk = try SmallDisk(at: path, size: "16k")
        defer { withExtendedLifetime(disk) {} }
        let full = try work.asof(Self.export("disk/out.\(format)"), expecting: 1)
        #expect(full.error.contains("No space left on device"), "\(full.error)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
    }

    @Test func `an output that is no ordinary file is refused, not replaced`() throws {
        let work = try Self.workplace()
        try FileManager.default.createSymbolicLink(
            atPath: work.scratch.path + "/device.csv",
            withDestinationPath: "/dev/null"
        )
        try FileManager.default.createDirectory(
            atPath: work.scratch.path + "/folder.csv",
            withIntermediateDirectories: false
        )
        #expect(mkfifo(work.scratch.path + "/fifo.csv", 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: work.scratch.path + "/out.csv",
            withDestinationPath: "/proc/self/fd/1"
        )
        try FileManager.default.createSymbolicLink(
            atPath: work.scratch.path + "/loop.csv",
            withDestinationPath: "loop.csv"
        )
        try FileManager.default.createSymbolicLink(
            atPath: work.scratch.path + "/to.csv",
            withDestinationPath: "device.csv"
        )
        let refusals = [
            ("device.csv", "it leads to /dev/null, and nothing in /dev is replaced"),
            ("folder.csv", "it is a directory"),
            ("fifo.csv", "it is no regular file but a FIFO; --out - writes to standard output"),
            ("out.csv", "nothing in /proc is replaced"), ("loop.csv", "more than 40 links lead on from it"),
            ("to.csv", "it leads to /dev/null, and nothing in /dev is replaced"), ("folder.csv/", "it is a directory"),
            ("none/out.csv", "the folder none: No such file or directory"),
        ]
        for (name, reason) in refusals {
            let refused = try work.asof(Self.export(name) + ["--format", "csv"], expecting: 1)
            #expect(
                refused.error.contains("\(name): cannot be written: ") && refused.error.contains(reason),
                "\(refused.error)"
            )
        }
        #expect(try work.temporaryFiles() == [])
        let kept = try FileManager.default.destinationOfSymbolicLink(atPath: work.scratch.path + "/device.csv")
        #expect(kept == "/dev/null")
    }

    @Test func `the file behind a link is replaced, and the link stays`() throws {
        let work = try Self.workplace()
        let folder = work.scratch.path
        try FileManager.default.createDirectory(atPath: folder + "/sets", withIntermediateDirectories: false)
        _ = try work.scratch.write("sets/target.csv", Self.older)
        for (link, target) in [
            ("link.csv", "second.csv"), ("second.csv", "sets/target.csv"), ("new.csv", "sets/new.csv"),
        ] {
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(link)", withDestinationPath: target)
        }
        for (link, target) in [("link.csv", "sets/target.csv"), ("new.csv", "sets/new.csv")] {
            try work.asof(Self.export(link))
            let text = try String(contentsOfFile: "\(folder)/\(target)", encoding: .utf8)
            #expect(text.hasPrefix("user_id,t,note,stats__id\n"))
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(link)")) != nil)
            try work.asof(["verify", "\(link).manifest.json"])
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder + "/sets").sorted() == ["new.csv", "target.csv"]
        )
    }

    @Test(arguments: ["csv", "jsonl", "arrow"])
    func `a set is streamed to standard output, and its manifest verifies it`(format: String) throws {
        let work = try Self.workplace()
        try work.asof(Self.export("file.\(format)"))
        let streamed = try work.asof(
            Self.export("-") + ["--format", format, "--manifest", "m.json"],
            shell: "exec \"$0\" \"$@\" > streamed"
        )
        #expect(streamed.out.isEmpty && streamed.error.contains("standard output: 3,000 rows"), "\(streamed.error)")
        try work.asof(["verify", "m.json", "--data", "streamed"])
        let unknown = try work.asof(["verify", "m.json"], expecting: 2)
        #expect(unknown.error.contains("say where it is now with --data FILE"), "\(unknown.error)")
        if format != "arrow" {
            #expect(
                FileManager.default.contentsEqual(
                    atPath: work.scratch.path + "/streamed",
                    andPath: work.scratch.path + "/file.\(format)"
                )
            )
        }
        // What a pipe gets, which has no places to go back to.
        let piped = try work.asof(
            Self.export("-") + ["--format", format, "--manifest", "n.json", "--quiet"],
            shell: "\"$0\" \"$@\" | cat > piped"
        )
        #expect(piped.error.isEmpty)
        #expect(
            FileManager.default.contentsEqual(
                atPath: work.scratch.path + "/streamed",
                andPath: work.scratch.path + "/piped"
            )
        )
    }

    @Test func `standard output without what it needs is refused`() throws {
        let work = try Self.workplace()
        let cases: [([String], Int32, String)] = [
            (["--format", "csv"], 64, "--out - needs --manifest FILE"),
            (["--manifest", "m.json"], 1, "the format is not clear from the name"),
            (
                ["--format", "parquet", "--manifest", "m.json"], 1,
                "Parquet, which ends with where its parts lie, goes to files only"
            ),
            (["--format", "csv", "--manifest", "/dev/stdout"], 1, "nothing in /dev is replaced"),
        ]
        for (options, status, reason) in cases {
            let refused = try work.asof(Self.export("-") + options, expecting: nil)
            #expect(refused.status == status || refused.status == 2, "\(refused.status)")
            #expect(refused.error.contains(reason), "\(refused.error)")
        }
        let both = try work.asof(Self.export("a.csv") + ["--manifest", "m.json"], expecting: nil)
        #expect(both.error.contains("--manifest belongs to --out -"), "\(both.error)")
    }
}
