import Features
import Foundation
import TestSupport
import Testing

/// Times finer than a microsecond, in every format: nothing is seen before it was true.
@Suite struct FinerTimesTests {
    /// Writes events and labels of `formats`, all with the same times in ns, and what a join in ns gives: 200 events of 20
    /// entities within 3 µs, many in one µs, and a label between or at any two of them.
    private static let script = """
        import json, os, random, sys
        sys.path.insert(0, sys.argv[1])
        os.chdir(sys.argv[3])
        import pyarrow as pa, pyarrow.feather as feather, pyarrow.parquet as pq
        random.seed(int(sys.argv[2]))
        start = 1767225600 * 10**9
        def text(ns):
            return f"2026-01-01T00:00:00.{ns - start:09d}Z"
        events = [(random.randrange(20), start + random.randrange(3000), n) for n in range(200)]
        labels = [(random.randrange(20), start + random.randrange(4000)) for n in range(400)]
        # An event and a label of one finer time do not meet; of whole µs they do.
        def up(ns): return -(-ns // 1000)
        def down(ns): return ns // 1000
        rows = []
        for user, label in labels:
            seen = [(ns, n) for u, ns, n in events if u == user and up(ns) <= down(label)]
            rows.append(max(seen)[1] if seen else None)
            assert all(ns <= label for ns, n in seen)
        print(json.dumps({"rows": rows, "finer": sum(ns % 1000 > 0 for u, ns, n in events),
                   "labels": sum(ns % 1000 > 0 for u, ns in labels)}))
        def table(columns, ns, rest):
            return pa.table({"user_id": pa.array(columns[0]), ns: pa.array(columns[1], pa.timestamp("ns", "UTC")), **rest})
        for name, column, rows, rest in [
            ("events", "event_time", [list(c) for c in zip(*events)][:2], {"n": pa.array([n for u, ns, n in events])}),
            ("labels", "at", [list(c) for c in zip(*labels)], {}),
        ]:
            made = table(rows, column, rest)
            pq.write_table(made, name + ".parquet")
            feather.write_feather(made, name + ".arrow", compression="uncompressed")
            integers = made.set_column(1, column, made.column(1).cast(pa.int64()))
            pq.write_table(integers, name + "-ns.parquet")
            lines = [dict(zip(made.column_names, row)) for row in zip(*(c.cast(pa.int64()).to_pylist() for c in made.columns))]
            with open(name + ".csv", "w") as csv, open(name + ".jsonl", "w") as jsonl:
                csv.write(",".join(made.column_names) + "\\n")
                for line in lines:
                    line[column] = text(line[column])
                    csv.write(",".join(str(value) for value in line.values()) + "\\n")
                    jsonl.write(json.dumps(line) + "\\n")
        with open("events.lp", "w") as lp:
            for user, ns, n in events: lp.write(f"daily,user_id={user} n={n}i {ns}\\n")
        """

    @Test(
        .enabled(if: Peers.areThere, Peers.notice),
        arguments: [
            ("events.csv", "labels.csv"), ("events.jsonl", "labels.parquet"), ("events.parquet", "labels.jsonl"),
            ("events.arrow", "labels.arrow"), ("events.lp", "labels.csv"), ("events-ns.parquet", "labels-ns.parquet"),
        ]
    )
    func `no label sees an event from after it, and of one microsecond the finer time decides`(
        events: String,
        labels: String
    ) throws {
        let store = try CommandLineStore()
        let seed = UInt64(events.count + labels.count)
        let expected = try Peers.python([Self.script, Peers.folder, "\(seed)", store.folder])
        let expectedRows = try #require(expected["rows"] as? [Any]).map { ($0 as? NSNumber)?.int64Value }
        let finer = try #require(expected["finer"] as? Int)
        let finerLabels = try #require(expected["labels"] as? Int)
        var ingest = ["ingest", "daily", events]
        if events.contains("-ns") { ingest += ["--time-unit", "ns"] }
        let out = try store.succeed(ingest)
        #expect(out.contains("; \(finer) rows with times finer than µs, rounded up"), "\(out)")
        var export = [
            "export", "--spine", labels, "--label-time", "at", "--features", "daily.n", "--out", "out.csv",
        ]
        if labels.contains("-ns") { export += ["--time-unit", "ns"] }
        let report = try store.succeed(export)
        #expect(report.contains("\(finerLabels) label times finer than µs, rounded down"), "\(report)")
        let rows = try store.read("out.csv").split(separator: "\n").dropFirst().map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).last.flatMap { Int64($0) }
        }
        #expect(rows == expectedRows, "seed \(seed)")
        #expect(try store.succeed(["ingest", "daily", events] + ingest.dropFirst(3)).contains("nothing new"))
        try store.succeed(["check"])
    }

    @Test(arguments: ["known.csv", "known.jsonl"])
    func `a known-at time that is finer is rounded up, so that no label knows a row too early`(file: String) throws {
        let store = try CommandLineStore()
        let known = ["00.0000001", "01.000002", "02.0000029999999"].map { "2026-01-02T00:00:\($0)Z" }
        let rows = known.enumerated().map { user, time in
            file.hasSuffix("csv")
                ? "\(user),2026-01-01,\(user),\(time)"
                : "{\"user_id\":\(user),\"event_time\":\"2026-01-01\",\"n\":\(user),\"known\":\"\(time)\"}"
        }
        try store.write(
            file,
            ((file.hasSuffix("csv") ? ["user_id,event_time,n,known"] : []) + rows + [""]).joined(separator: "\n")
        )
        let out = try store.succeed(["ingest", "daily", file, "--known-at", "known"])
        #expect(out.contains("; 2 rows with times finer than µs, rounded up"), "\(out)")
        let stored =
            "SELECT string_agg(extract(microseconds FROM _known_at)::int::text, ' ' ORDER BY user_id) FROM history.daily"
        #expect(try store.value(stored) == "1 1000002 2000003")
        // A label of the time before it was rounded does not know the row; one of the µs behind it does.
        let labels = [
            "0,2026-01-02T00:00:00Z", "0,2026-01-02T00:00:00.000001Z", "2,2026-01-02T00:00:02.0000029999999Z",
            "2,2026-01-02T00:00:02.000003Z",
        ]
        try store.write("spine.csv", "user_id,at\n" + labels.map { $0 + "\n" }.joined())
        for engine in ["probe", "scan"] {
            _ = try store.run([
                "export", "--spine", "spine.csv", "--label-time", "at", "--features", "daily.n", "--known-at-label",
                "--engine", engine, "--out", "\(engine).csv",
            ])
            let values = try store.read("\(engine).csv").split(separator: "\n").dropFirst().map { line in
                line.split(separator: ",", omittingEmptySubsequences: false).last.map(String.init) ?? ""
            }
            #expect(values == ["", "0", "", "2"], "\(engine)")
        }
    }

    @Test func `a time that get is asked for is rounded down`() throws {
        let store = try CommandLineStore()
        try store.write("a.csv", "user_id,event_time,n\n1,2026-01-01T00:00:00Z,5\n1,2026-01-01T00:00:00.000001Z,6\n")
        try store.succeed(["ingest", "daily", "a.csv"])
        for (time, n) in [("00.0000009999", 5), ("00.000001", 6), ("00.0000019", 6)] {
            let out = try store.succeed(["get", "daily", "1", "--at", "2026-01-01T00:00:\(time)Z", "--json"])
            #expect(out.contains("\"daily__n\":\(n)}"), "\(time): \(out)")
        }
        let before = try store.succeed(["get", "daily", "1", "--at", "2025-12-31T23:59:59.9999999Z", "--json"])
        #expect(before.contains("\"daily__n\":null"), "\(before)")
    }

    @Test func `a checkpoint over finer times from before is not gone on from`() throws {
        let store = try CommandLineStore()
        try store.write("a.csv", "user_id,event_time,n\n1,2026-01-01T00:00:00.0000005Z,1\n")
        try store.write("b.lp", "daily,user_id=2 n=1i 1767225600000000500\n")
        try store.succeed(["ingest", "daily", "a.csv"])
        try store.succeed(["ingest", "b.lp"])
        let mark = try store.value("SELECT count(*) FROM asof.sources WHERE options LIKE '% finer_times=up'")
        #expect(mark == "2")
        // As a version from before left them.
        _ = try store.value("UPDATE asof.sources SET options = replace(options, ' finer_times=up', '')")
        for command in [["ingest", "daily", "a.csv"], ["ingest", "b.lp"]] {
            let output = try store.run(command)
            #expect(output.status == 1)
            #expect(
                output.error.contains(
                    "has times finer than µs, and its first 1 rows were stored by a version of asof that"
                )
                    && output.error.contains("--again"),
                "\(output.error)"
            )
            try store.succeed(command + ["--again"])
        }
        #expect(try store.value("SELECT count(*) FROM history.daily") == "4")
    }

    @Test func `a known-at time decades before its event is refused, a forecast's is not`() throws {
        let store = try CommandLineStore()
        let header = "user_id,event_time,n,known\n"
        try store.write("forecast.csv", header + "1,2026-01-01,1,1996-01-02\n")
        try store.succeed(["ingest", "daily", "forecast.csv", "--known-at", "known"])
        try store.write("unit.csv", header + "1,2026-01-01,1,1970-01-21T10:53:45Z\n")
        let output = try store.run(["ingest", "daily", "unit.csv", "--known-at", "known"])
        #expect(output.status == 1)
        #expect(
            output.error.contains(
                "unit.csv: row 1 (line 2): the known-at time 1970-01-21T10:53:45Z lies more than 30 years before the event "
                    + "time 2026-01-01T00:00:00Z; check its unit"
            ),
            "\(output.error)"
        )
    }

    @Test func `integer times in the first days of 1970 are told row by row, wherever they stand`() throws {
        let store = try CommandLineStore()
        try store.write("seconds.lp", "daily,user_id=1 n=1i 1767225600\n")
        try store.write("known.csv", "user_id,event_time,n,known\n1,1767225600000,1,1767225600\n")
        try store.write(
            "feature.csv",
            "user_id,event_time,b,i,l,f,d,s,x,t,v,li,ls\n1,1767225600000,,,,,,,,1767225600,,,\n"
        )
        try store.write("spine.csv", "user_id,at\n1,1767225600\n")
        let why = "it lies in the first 100 days of 1970: so do times of today in a unit that is read as a finer one"
        let commands: [([String], String)] = [
            (
                ["ingest", "seconds.lp"],
                "seconds.lp: row 1 (line 1): at column 1, the time 1767225600 ns: read in ns, \(why)"
            ),
            (
                ["ingest", "daily", "known.csv", "--time-unit", "ms", "--known-at", "known"],
                "known.csv: row 1 (line 2), column 'known': expected timestamp, got '1767225600': read in ms, \(why)"
            ),
            (
                ["ingest", "rich", "feature.csv", "--time-unit", "ms"],
                "feature.csv: row 1 (line 2), column 't': expected timestamp, got '1767225600': read in ms, \(why)"
            ),
            (
                [
                    "export", "--spine", "spine.csv", "--label-time", "at", "--time-unit", "us", "--features",
                    "daily.n", "--out", "o.csv",
                ],
                "spine.csv: row 1 (line 2), column 'at': expected timestamp, got '1767225600': read in us, \(why)"
            ),
        ]
        for (command, message) in commands {
            let output = try store.run(command)
            #expect(output.status == 1 && output.error.contains(message), "\(output.error)")
            #expect(output.error.contains("2026-01-01 is 1767225600 in s, 1767225600000 in ms, 1767225600000000 in us"))
            // A fact of 2026 that was known in 1970 is refused for that.
            if !command.contains("--known-at") { try store.succeed(command + ["--allow-1970"]) }
        }
    }
}
