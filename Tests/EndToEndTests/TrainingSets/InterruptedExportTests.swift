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

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
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
        #expect(try Patience.wait { try !work.temporaryFiles().isEmpty })
        kill(running.process.processIdentifier, number)
        running.process.waitUntilExit()
        #expect(running.output().status == 128 + number)
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
        for name in ["device.csv", "folder.csv"] {
            let refused = try work.asof(Self.export(name), expecting: 1)
            #expect(
                refused.error.contains(name)
                    && (refused.error.contains("no regular file") || refused.error.contains("a directory")),
                "\(refused.error)"
            )
        }
        #expect(try work.temporaryFiles() == [])
        let kept = try FileManager.default.destinationOfSymbolicLink(atPath: work.scratch.path + "/device.csv")
        #expect(kept == "/dev/null")
    }
}
