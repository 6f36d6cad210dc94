import Features
import Foundation
import TestSupport
import Testing

/// Other engines read a view's folder of segments as it is.
@Suite struct SegmentPeersTests {
    /// Prints what each engine reads of a folder as JSON: rows of every column, ordered by keys, time and position.
    private static let script = """
        import sys, json, math
        sys.path.insert(0, sys.argv[1])
        import duckdb, polars, pandas
        folder, names = sys.argv[2], sys.argv[3].split(",")
        def plain(value):
            if isinstance(value, float):
                return str(value) if math.isnan(value) or math.isinf(value) else value
            if isinstance(value, (bytes, bytearray)): return value.hex()
            if isinstance(value, (list, tuple)): return [plain(v) for v in value]
            if hasattr(value, "timestamp"): return round(value.timestamp() * 1e6)
            return value
        def shown(rows):
            return sorted(([plain(v) for v in row] for row in rows), key=lambda r: (r[0], r[1], r[2]))
        columns = ", ".join('"%s"' % name for name in names)
        duck = duckdb.sql("SET TimeZone = 'UTC'") or duckdb.sql(
            "SELECT %s FROM read_parquet('%s/**/*.parquet')" % (columns, folder)).fetchall()
        pola = polars.scan_parquet(folder).select(names).collect().rows()
        pand = pandas.read_parquet(folder)
        first = [c for c in names[:3]]
        print(json.dumps({
            "duckdb": shown(duck), "polars": shown(pola),
            "pandas": shown(pand[first].itertuples(index=False, name=None)), "pandas_columns": sorted(pand.columns),
        }))
        """

    @Test(
        .enabled(if: Peers.areThere, Peers.notice)
    )
    func `DuckDB, Polars and pandas read the rows that PostgreSQL has, of every type`() throws {
        let yaml = Workplace.yaml(
            "b: bool, i: int32, l: int64, f: float32, d: float64, s: string, x: bytes, t: timestamp, v: vector(2), li: list(int64), ls: list(string)",
            partition: "month"
        )
        let work = try Workplace(yaml)
        let lines = [
            #"{"user_id":1,"event_time":"2024-01-01T00:00:00Z","b":true,"i":-5,"l":9007199254740993,"f":0.5,"d":"NaN","s":"é","x":"\\x00ff","t":"1969-12-31T23:59:59.999999Z","v":[1.5,-2],"li":[1,-2],"ls":["a",""]}"#,
            #"{"user_id":1,"event_time":"2024-01-01T00:00:01Z","b":null,"i":null,"l":null,"f":null,"d":null,"s":null,"x":null,"t":null,"v":null,"li":null,"ls":null}"#,
            #"{"user_id":-7,"event_time":"2024-02-29T12:00:00.000001Z","b":false,"i":7,"l":-1,"f":-0.25,"d":"inf","s":"","x":"\\x","t":"2024-01-01T00:00:00Z","v":[0,0],"li":[],"ls":[]}"#,
        ]
        _ = try work.scratch.write("data.jsonl", lines.joined(separator: "\n") + "\n")
        try work.asof(["ingest", "stats", "data.jsonl"])
        // The first row once more, at a later position.
        _ = try work.scratch.write("again.jsonl", lines[0].replacingOccurrences(of: "é", with: "later") + "\n")
        try work.asof(["ingest", "stats", "again.jsonl"])
        try work.asof(["segments", "build"])
        let names =
            ["user_id", "_event_time", "_position", "_deleted"]
            + ["b", "i", "l", "f", "d", "s", "x", "t", "v", "li", "ls"]
        let folder = work.scratch.path + "/asof-segments/view=stats"
        let read = try Peers.python([Self.script, Peers.folder, folder, names.joined(separator: ",")])
        func microseconds(_ column: String) -> String { "(extract(epoch FROM \(column)) * 1000000)::bigint" }
        let expected = try work.ask(
            """
            SELECT json_agg(json_build_array(user_id, \(microseconds("_event_time")), position, _deleted, b, i, l, f,
                CASE d WHEN 'NaN' THEN to_json('nan'::text) WHEN 'Infinity' THEN to_json('inf'::text) ELSE to_json(d) END,
                s, encode(x, 'hex'), \(microseconds("t")), v, li, ls)
                ORDER BY user_id, _event_time, position)
            FROM history.stats h JOIN asof.batches b2 ON b2.batch = h._batch
            """
        )
        let rows = try #require(try Self.json(expected) as? NSArray)
        #expect(rows.count == 4)
        #expect(read["duckdb"] as? NSArray == rows)
        #expect(read["polars"] as? NSArray == rows)
        let heads = rows.compactMap { ($0 as? NSArray)?.subarray(with: NSRange(0..<3)) } as NSArray
        #expect(read["pandas"] as? NSArray == heads)
        // What the folder's name adds, and nothing else.
        #expect(read["pandas_columns"] as? [String] == (names + ["_known_at", "part"]).sorted())
    }

    /// Reads a folder's spine and segments as docs/how-to/segments.md says, and prints what each engine made of the spine's rows.
    private static let joins = """
        import sys, json
        sys.path.insert(0, sys.argv[1])
        import duckdb, polars
        folder, sql, code = sys.argv[2:5]
        import os
        os.chdir(folder)
        duckdb.sql("SET TimeZone = 'UTC'")
        duckdb.sql(\"\"\"COPY (SELECT user_id, label_time, row FROM 'training.parquet') TO 'spine.parquet'\"\"\")
        names = {}
        exec(code, names)
        value = "user_stats__clicks_7d"
        print(json.dumps({
            "asof": sorted(polars.read_parquet("training.parquet").select("row", value).rows()),
            "duckdb": sorted(duckdb.sql("SELECT row, %s FROM (%s)" % (value, sql)).fetchall()),
            "polars": sorted(names["joined"].select("row", value).collect().rows()),
        }))
        """

    /// The first fenced block of a language in the chapter on other engines.
    private static func documented(_ language: String) throws -> String {
        let url = Cases.repository.appendingPathComponent("docs/how-to/segments.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let chapter = try #require(text.range(of: "## Other engines"))
        let start = try #require(text.range(of: "```\(language)\n", range: chapter.upperBound..<text.endIndex))
        let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
        return String(text[start.upperBound..<end.lowerBound])
    }

    @Test(
        .enabled(if: Peers.areThere, Peers.notice),
        arguments: 1...3 as ClosedRange<UInt64>
    )
    func `the documented joins of DuckDB and Polars give what an export gives`(seed: UInt64) throws {
        let work = try Workplace(
            """
            entities:
              user: { key: user_id, type: int64 }
            views:
              user_stats: { entities: [user], partition: month, features: { clicks_7d: int64 } }
            """
        )
        var random = SeededRandom(seed: seed)
        func time() -> String {
            Timestamp(microseconds: 1_704_067_200_000_000 + Int64(random.int(0...400)) * 43_200_000_000).text
        }
        // Of few users and times: corrections and tombstones of the same time come often.
        for _ in 0..<3 {
            var history = "user_id,event_time,clicks_7d,gone\n"
            for row in 0..<500 {
                let clicks = random.oneIn(10) ? "" : "\(row)"
                history += "\(random.int(0...8)),\(time()),\(clicks),\(random.oneIn(8))\n"
            }
            _ = try work.scratch.write("history.csv", history)
            try work.asof(["ingest", "user_stats", "history.csv", "--deleted", "gone", "--again"])
        }
        try work.asof(["segments", "build", "--segments", "asof-data/segments"])
        var spine = "user_id,label_time,row\n"
        for row in 0..<400 { spine += "\(random.int(0...9)),\(time()),\(row)\n" }
        _ = try work.scratch.write("spine.csv", spine)
        try work.asof([
            "export", "--spine", "spine.csv", "--features", "user_stats.*", "--label-time", "label_time",
            "--out", "training.parquet", "--segments", "asof-data/segments", "--engine", "scan",
        ])
        let read = try Peers.python([
            Self.joins, Peers.folder, work.scratch.path, try Self.documented("sql"), try Self.documented("python"),
        ])
        let made = try #require(read["asof"] as? NSArray)
        #expect(made.count == 400)
        #expect(read["duckdb"] as? NSArray == made, "seed \(seed)")
        #expect(read["polars"] as? NSArray == made, "seed \(seed)")
    }

    private static func json(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8))
    }
}
