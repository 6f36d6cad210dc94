import Columnar
import Features
import Foundation
import Store
import TestSupport
import Testing

/// `asof export` by either engine, with and without segments.
@Suite struct ScanExportTests {
    /// Two views, most of whose rows are in segments.
    private static func workplace(_ rows: Int = 3_000) throws -> Workplace {
        let work = try Workplace(
            """
            entities:
              user: { key: user_id, type: int64 }
              place: { key: place, type: string }
            views:
              stats: { entities: [user], ttl: 20d, features: { n: int64, x: float64, s: string, v: vector(2) } }
              weather: { entities: [place], strict: true, partition: day, features: { temp: float32, tags: list(string) } }
            """
        )
        for part in 0..<3 {
            var random = SeededRandom(seed: UInt64(part))
            var stats = "user_id,t,n,x,s,v\n"
            var weather = "place,t,temp,tags\n"
            for row in 0..<rows / 3 {
                let time = Timestamp(microseconds: 1_704_067_200_000_000 + Int64(random.int(0...3_000_000)) * 1_000_000)
                    .text
                stats += "\(random.int(0...60)),\(time),\(row),\(random.int(0...9)).5,é\(row % 7),\"[\(row),0.5]\"\n"
                weather += "p\(random.int(0...9)),\(time),\(row % 40),\"[\"\"a\"\",\"\"\(row % 3)\"\"]\"\n"
            }
            _ = try work.scratch.write("stats.csv", stats)
            _ = try work.scratch.write("weather.csv", weather)
            try work.asof(["ingest", "stats", "stats.csv"])
            try work.asof(["ingest", "weather", "weather.csv"])
            if part == 1 { try work.asof(["segments", "build", "--segments", "seg"]) }
        }
        var random = SeededRandom(seed: 99)
        var spine = "user_id,place,t,row\n"
        for row in 0..<2_000 {
            let time = Timestamp(microseconds: 1_704_067_200_000_000 + Int64(random.int(0...5_000_000)) * 1_000_000)
                .text
            spine += "\(random.oneIn(20) ? "" : "\(random.int(0...70))"),p\(random.int(0...11)),\(time),\(row)\n"
        }
        _ = try work.scratch.write("spine.csv", spine)
        return work
    }

    private static func export(_ out: String, _ more: [String]) -> [String] {
        [
            "export", "--spine", "spine.csv", "--features", "stats.*,weather.*", "--label-time", "t", "--out", out,
            "--json",
        ]
            + more
    }

    @Test func `engines, formats, threads and memory give one content`() throws {
        let work = try Self.workplace()
        let expected = try work.asof(Self.export("probe.csv", ["--engine", "probe"])).contentDigest()
        for (out, more) in [
            ("a.parquet", ["--segments", "seg"]), ("b.arrow", ["--segments", "seg", "--threads", "1"]),
            ("c.csv", ["--segments", "seg", "--memory", "256MiB"]), ("d.jsonl", []), ("e.parquet", []),
        ] {
            let made = try work.asof(Self.export(out, more + ["--engine", "scan"]))
            #expect(made.error == "")
            #expect(try made.contentDigest() == expected, "\(out) \(more)")
        }
        #expect(try work.asof(Self.export("f.parquet", ["--segments", "seg"])).contentDigest() == expected)
        for engine in ["probe", "scan", "auto"] {
            try work.asof(["verify", "a.parquet.manifest.json", "--engine", engine, "--segments", "seg"])
        }
        #expect(try work.temporaryFiles() == [])
    }

    @Test func `the plan is printed before the run, and afterwards what was read`() throws {
        let work = try Self.workplace()
        let arguments = [
            "export", "--spine", "spine.csv", "--features", "stats", "--label-time", "t", "--out", "o.csv",
        ]
        let scan = try work.asof(arguments + ["--explain", "--engine", "scan", "--segments", "seg"])
        for part in ["plan: scan (asked for); spine of 2,000 rows", "view stats: 3,000 rows of history", "time: "] {
            #expect(scan.out.contains(part), "\(scan.out)")
        }
        #expect(scan.out.contains("(1,000 rows") || scan.out.contains("1,000 rows ("), "\(scan.out)")
        let auto = try work.asof(arguments + ["--explain", "--segments", "seg"])
        #expect(auto.out.contains("estimated: probe"), "\(auto.out)")
        _ = try work.scratch.write("spine.csv", "user_id,t\n1,2024-02-01T00:00:00Z\n")
        let small = try work.asof(arguments + ["--explain", "--segments", "seg"])
        #expect(small.out.contains("plan: probe (a spine of 1 row)"), "\(small.out)")
    }

    @Test(arguments: [["--engine", "fast"], ["--memory", "12"], ["--memory", "much"], ["--threads", "0"]])
    func `an engine, memory or threads that cannot be are refused`(more: [String]) throws {
        let work = try Workplace()
        let refused = try work.asof(Self.export("o.csv", more), expecting: 2)
        #expect(refused.error.contains(more[0]), "\(refused.error)")
    }

    @Test(arguments: ["removed", "truncated", "flipped", "emptied"])
    func `a damaged segment is named, and the answer is right`(damage: String) throws {
        let work = try Self.workplace()
        let expected = try work.asof(Self.export("probe.csv", ["--engine", "probe"])).contentDigest()
        let folder = URL(fileURLWithPath: work.scratch.path + "/seg/view=stats")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".parquet") }
        for file in files {
            let url = folder.appendingPathComponent(file)
            var bytes = try Data(contentsOf: url)
            switch damage {
            case "removed": try FileManager.default.removeItem(at: url)
            case "truncated": try bytes.prefix(bytes.count / 2).write(to: url)
            case "emptied": try Data().write(to: url)
            default:
                // A byte of a page, far from footer and index.
                bytes[bytes.count / 4] ^= 0x10
                try bytes.write(to: url)
            }
        }
        let made = try work.asof(Self.export("o.parquet", ["--engine", "scan", "--segments", "seg"]))
        #expect(try made.contentDigest() == expected)
        #expect(made.error.contains("WARNING: segment"), "\(made.error)")
        // A build looks at lengths and footers only.
        let repair = damage == "flipped" ? "segments build --again stats" : "segments build stats"
        #expect(made.error.contains("`asof \(repair)` repairs it"), "\(made.error)")
        try work.asof(repair.split(separator: " ").map(String.init) + ["--segments", "seg"])
        let repaired = try work.asof(Self.export("p.parquet", ["--engine", "scan", "--segments", "seg"]))
        #expect(try repaired.contentDigest() == expected)
        #expect(!repaired.error.contains("WARNING"), "\(repaired.error)")
    }

    @Test func `what a server answered is made again by each row's own position`() throws {
        let work = try Self.workplace(300)
        let head = try Ledger(work.session).head().position
        var spine = "user_id,place,t,at\n"
        for position in 0...head { spine += "\(position % 60),p1,2024-02-20T00:00:00Z,\(position)\n" }
        spine += "1,p1,2024-02-20T00:00:00Z,\n"
        _ = try work.scratch.write("spine.csv", spine)
        let own = ["--position-column", "at"]
        let probe = try work.asof(Self.export("p.csv", own + ["--engine", "probe"])).contentDigest()
        let scan = try work.asof(Self.export("s.parquet", own + ["--engine", "scan", "--segments", "seg"]))
            .contentDigest()
        #expect(probe == scan)
        for engine in ["probe", "scan"] { try work.asof(["verify", "s.parquet.manifest.json", "--engine", engine]) }
        _ = try work.scratch.write("spine.csv", "user_id,place,t,at\n1,p1,2024-02-20T00:00:00Z,\(head + 1)\n")
        let refused = try work.asof(Self.export("r.csv", own), expecting: 1)
        #expect(refused.error.contains("no position \(head + 1) in this store"), "\(refused.error)")
    }

    @Test func `the disk is full in the middle of a scan`() throws {
        let work = try Self.workplace()
        let limited = try work.asof(
            Self.export("o.csv", ["--engine", "scan", "--segments", "seg"]),
            expecting: 1,
            shell: "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""
        )
        #expect(limited.error.contains("o.csv"), "\(limited.error)")
        #expect(try work.temporaryFiles() == [])
    }

    /// The spine's values alone would take what the whole process may.
    @Test(arguments: [true, false])
    func `long values keep to the memory given`(hasSegments: Bool) throws {
        let work = try Workplace(Workplace.yaml("s: string"))
        var random = SeededRandom(seed: 7)
        var history = "user_id,event_time,s\n"
        for user in 0..<300 {
            let text = String(decoding: (0..<8_000).map { _ in UInt8(97 + random.int(0...25)) }, as: UTF8.self)
            history += "\(user),2024-01-01T00:00:00Z,\(text)\n"
        }
        _ = try work.scratch.write("history.csv", history)
        try work.asof(["ingest", "stats", "history.csv"])
        if hasSegments { try work.asof(["segments", "build", "--segments", "seg"]) }
        var spine = "user_id,t\n"
        for row in 0..<30_000 { spine += "\(row * 7 % 300),2024-02-01T00:00:00Z\n" }
        _ = try work.scratch.write("spine.csv", spine)
        let made = try work.asof(
            [
                "export", "--spine", "spine.csv", "--features", "stats.*", "--label-time", "t", "--out", "o.parquet",
                "--engine", "scan", "--memory", "256MiB", "--explain",
            ] + (hasSegments ? ["--segments", "seg"] : []),
            shell: """
                python3 -c 'import resource, subprocess, sys
                status = subprocess.call(sys.argv[1:])
                print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
                sys.exit(status)' "$0" "$@"
                """
        )
        let peak = Int(made.out.split(separator: "\n").last ?? "")
        #expect(try #require(peak) < 256, "\(made.out)\(made.error)")
    }

    @Test func `a directory of another store is a warning where nobody named it, else an error`() throws {
        let (one, two) = (try Self.workplace(300), try Self.workplace(300))
        try one.asof(["segments", "build"])
        let expected = try two.asof(Self.export("o.csv", ["--engine", "probe"])).contentDigest()
        // The second store's database, in the first one's folder.
        let export = Self.export("o.csv", ["--engine", "scan"])
        let made = try one.asof(export, through: two.conninfo)
        #expect(try made.contentDigest() == expected)
        #expect(made.error.contains("WARNING: segments are not read: "), "\(made.error)")
        try one.asof(["verify", "o.csv.manifest.json"], through: two.conninfo)
        let refused = try one.asof(export + ["--segments", "asof-segments"], expecting: 1, through: two.conninfo)
        #expect(refused.error.contains("asof-segments"), "\(refused.error)")
    }
}
