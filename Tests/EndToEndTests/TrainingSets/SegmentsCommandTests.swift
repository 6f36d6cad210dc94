import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// `asof segments` as a user runs it.
@Suite struct SegmentsCommandTests {
    private static func workplace(_ rows: Int = 2_000) throws -> Workplace {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<rows))
        try work.asof(["ingest", "stats", "data.csv"])
        return work
    }

    private func files(_ work: Workplace, _ folder: String = "asof-segments") -> [String] {
        let all =
            FileManager.default.enumerator(atPath: work.scratch.path + "/" + folder)?.allObjects as? [String] ?? []
        return all.filter { $0.hasSuffix(".parquet") }.sorted()
    }

    @Test func `build, list, check and drop say what they did`() throws {
        let work = try Self.workplace(20_000)
        let built = try work.asof(["segments", "build"])
        #expect(built.out.contains("stats: 3 files written, 20,000 rows"), "\(built.out)")
        #expect(built.error.isEmpty)
        #expect(files(work).count == 3)
        #expect(files(work).allSatisfy { $0.hasPrefix("view=stats/part=") })
        let list = try work.asof(["segments", "list"])
        #expect(list.out.contains("2024-01-02"))
        #expect(list.out.components(separatedBy: " ok ").count == 4, "\(list.out)")
        #expect(try work.asof(["segments", "check"]).out == "3 files checked, all in order\n")
        #expect(try work.asof(["segments", "build", "stats"]).out.contains("stats: 3 unchanged"))
        let json = try work.asof(["segments", "build", "--json"])
        #expect(json.out.hasPrefix("{\"view\":\"stats\",\"written\":0,\"rows\":0"), "\(json.out)")
        #expect(try work.asof(["segments", "build", "--quiet"]).out.isEmpty)
        #expect(try work.asof(["segments", "drop", "stats"]).out.hasPrefix("3 files removed"))
        #expect(files(work) == [])
        #expect(try work.asof(["segments", "list"]).out.hasPrefix("no segments in"))
    }

    @Test func `a damaged file is a failed check that names the repair, and a build is the repair`() throws {
        let work = try Self.workplace()
        try work.asof(["segments", "build"])
        let path = "\(work.scratch.path)/asof-segments/\(files(work)[0])"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[200] ^= 8
        try bytes.write(to: URL(fileURLWithPath: path))
        let failed = try work.asof(["segments", "check"], expecting: 1)
        #expect(failed.out.contains("its SHA-256 is another"))
        #expect(failed.error == "asof: 1 file not in order; repair with `asof segments build --again stats`\n")
        // Its footer is whole, so that a build has no reason to doubt it.
        #expect(try work.asof(["segments", "build"]).out.contains("stats: 1 unchanged"))
        try work.asof(["segments", "build", "--again", "stats"])
        try work.asof(["segments", "check"])
        try bytes.prefix(100).write(to: URL(fileURLWithPath: "\(work.scratch.path)/asof-segments/\(files(work)[0])"))
        let repaired = try work.asof(["segments", "build"])
        #expect(repaired.error.contains("it was written anew"), "\(repaired.error)")
        try work.asof(["segments", "check"])
    }

    @Test func `what is wrong with a command is said, with the exit code`() throws {
        let work = try Self.workplace(10)
        for (arguments, status, text) in [
            (["segments", "list"], 1, "make them with `asof segments build`"),
            (["segments", "check", "--segments", "nowhere"], 1, "is no directory of segments"),
            (["segments", "build", "stat"], 1, "no view 'stat'; did you mean 'stats'?"),
            (["segments", "build", "--tail-rows=-1"], 2, "--tail-rows -1"),
            (["segments", "build", "--jobs", "0"], 2, "--jobs 0"),
            (["segments", "build", "--memory", "lots"], 2, "expected an amount such as 512MiB"),
            (["segments", "build", "--memory", "1MiB"], 2, "at least 64MiB"),
            (["segments", "drop"], 2, "name views, or say --all"),
            (["segments", "build", "--segments", "data.csv"], 1, "data.csv"),
        ] as [([String], Int32, String)] {
            let output = try work.asof(arguments, expecting: status)
            #expect(output.error.contains(text), "\(arguments): \(output.error)")
        }
        #expect(!FileManager.default.fileExists(atPath: work.scratch.path + "/asof-segments"))
    }

    @Test(arguments: [20_250_101] as [UInt64])
    func `a build that is killed twenty times is made whole by the next`(seed: UInt64) throws {
        let work = try Self.workplace(60_000)
        var random = SeededRandom(seed: seed)
        // How long a whole build takes here and now, so that the kills come at every moment of it: less once other tests end.
        let start = ContinuousClock.now
        try work.asof(["segments", "build"])
        var wholeUs = Int(start.duration(to: .now) / .microseconds(1))
        var killed = 0
        // Runs that are over before their kill do not count.
        for kill in 0..<100 where killed < 20 {
            let running = try work.start(["segments", "build", "--again", "--quiet"])
            let begun = ContinuousClock.now
            let waitUs = random.int(0...wholeUs)
            var waitedUs = 0
            while running.process.isRunning, waitedUs < waitUs {
                Patience.pass(microseconds: min(1_000, waitUs - waitedUs), "killed at any moment")
                waitedUs = Int(begun.duration(to: .now) / .microseconds(1))
            }
            if running.process.isRunning {
                Foundation.kill(running.process.processIdentifier, SIGKILL)
            } else {
                wholeUs = waitedUs
            }
            running.waitUntilExit()
            killed += running.output().status == -SIGKILL ? 1 : 0
            // Whatever is listed is whole, at any moment.
            let check = try work.asof(["segments", "check"])
            #expect(check.out.contains("7 files checked, all in order"), "seed \(seed), kill \(kill): \(check.out)")
        }
        #expect(killed == 20, "seed \(seed): the kills came after the work")
        _ = try work.scratch.write(
            "spine.csv",
            "user_id,t\n" + (0..<50).map { "\($0),2024-03-01T00:00:00Z\n" }.joined()
        )
        var digests: Set<String> = []
        for engine in ["scan", "probe"] {
            let out = try work.asof([
                "export", "--spine", "spine.csv", "--features", "stats", "--label-time", "t", "--out", "o.csv",
                "--engine", engine, "--json",
            ])
            #expect(out.error.isEmpty, "\(out.error)")
            digests.insert(try out.contentDigest())
        }
        #expect(digests.count == 1, "seed \(seed)")
        let built = try work.asof(["segments", "build"])
        #expect(built.error.isEmpty, "\(built.error)")
        #expect(try work.asof(["segments", "check"]).out == "7 files checked, all in order\n")
        #expect(files(work).count == 7)
        let building = work.scratch.path + "/asof-segments/.building"
        #expect(try FileManager.default.contentsOfDirectory(atPath: building) == [])
    }

    @Test func `a view may have more partitions than a process may have files open`() throws {
        let work = try Workplace()
        var csv = "user_id,event_time,id\n"
        for day in 1...28 { csv += "\(day % 3),2024-02-\(day < 10 ? "0" : "")\(day)T00:00:00Z,\(day)\n" }
        _ = try work.scratch.write("data.csv", csv)
        try work.asof(["ingest", "stats", "data.csv"])
        try work.asof(["segments", "build"])
        #expect(files(work).count == 28)
        _ = try work.scratch.write(
            "spine.csv",
            "user_id,t\n0,2024-02-10T12:00:00Z\n1,2024-03-01T00:00:00Z\n2,2024-01-01T00:00:00Z\n"
        )
        let limited = try work.asof(
            [
                "export", "--spine", "spine.csv", "--features", "stats", "--label-time", "t", "--out", "out.csv",
                "--engine",
                "scan",
            ],
            shell: "ulimit -Sn 30; exec \"$0\" \"$@\""
        )
        #expect(limited.error.isEmpty, "\(limited.error)")
        let out = try String(contentsOfFile: work.scratch.path + "/out.csv", encoding: .utf8)
        #expect(
            out.hasSuffix("0,2024-02-10T12:00:00Z,9\n1,2024-03-01T00:00:00Z,28\n2,2024-01-01T00:00:00Z,\n"),
            "\(out)"
        )
    }

    @Test func `a build whose files do not fit says so and leaves what it had`() throws {
        let work = try Self.workplace(20_000)
        try work.asof(["segments", "build"])
        let before = files(work)
        // A limit on the size of files stands for a full disk: write(2) fails midway.
        let limited = try work.asof(
            ["segments", "build", "--again"],
            expecting: 1,
            shell: "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""
        )
        #expect(limited.error.contains("cannot be written"), "\(limited.error)")
        #expect(files(work) == before)
        try work.asof(["segments", "check"])
        try work.asof(["segments", "build", "--again"])
        try work.asof(["segments", "check"])
    }

    @Test(.enabled(if: SmallDisk.canBeMounted, "\(SmallDisk.notice)"))
    func `a build on a disk that fills up says so, and goes on when there is room`() throws {
        let work = try Self.workplace(20_000)
        let disk = try SmallDisk(at: work.scratch.path + "/disk", size: "600k")
        let arguments = ["segments", "build", "--segments", "disk/s", "--jobs", "1"]
        let full = try work.asof(arguments, expecting: 1)
        #expect(full.error.contains("No space left on device"), "\(full.error)")
        try work.asof(["segments", "check", "--segments", "disk/s"])
        try disk.grow(to: "8m")
        try work.asof(arguments)
        #expect(try work.asof(["segments", "check", "--segments", "disk/s"]).out == "3 files checked, all in order\n")
        #expect(files(work, "disk/s").count == 3)
    }
}
