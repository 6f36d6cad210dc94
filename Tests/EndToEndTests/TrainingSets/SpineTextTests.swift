import Foundation
import TestSupport
import Testing

/// Spines of text files and of SQL keep their values to the digit.
@Suite struct SpineTextTests {
    private static func export(_ out: String, _ more: [String]) -> [String] {
        ["export", "--label-time", "at", "--features", "daily.n", "--out", out] + more
    }

    private static func columns(_ json: String) throws -> [String: String] {
        let manifest = try JSONDecoder().decode(DigestOracle.Manifest.self, from: Data(json.utf8))
        return Dictionary(uniqueKeysWithValues: manifest.spine.columns.map { ($0.name, $0.type) })
    }

    @Test func `texts of a CSV spine stay as they are written, numbers to the digit`() throws {
        let store = try CommandLineStore()
        let header = "user_id,at,zeros,mixed,blank,big,fraction,digits,ns,quoted,money,power,one,truth,time"
        let rows = [
            #"1,2026-01-01T00:00:00Z,007,1e3, x,18446744073709551616,0.1,9007199254740993.5,2026-01-01T00:00:00.000000001Z,"",1.50,1e3,1.0,TRUE,2026-01-01 10:00:00+02"#,
            #"2,2026-01-01T00:00:00Z,1,1.0,x ,-1,0.30000000000000004,0.1,2026-01-01 00:00:00Z,,-0.10,1E-3,1.0,False,2026-01-01 10:00"#,
            #"3,2026-01-01T00:00:00Z,,abc,"a,b",0,2.5e-300,,,"q""q",NaN,,,,"#,
        ]
        let text = header + "\n" + rows.joined(separator: "\n") + "\n"
        try store.write("spine.csv", text)
        try store.succeed(Self.export("out.csv", ["--spine", "spine.csv"]))
        let made = try store.read("out.csv").split(separator: "\n").map { $0.dropLast(1) }
        #expect(made.dropFirst() == text.split(separator: "\n").dropFirst()[...])
        let types = try Self.columns(try store.read("out.csv.manifest.json"))
        #expect(types["digits"] == "string" && types["big"] == "string" && types["fraction"] == "float64")
        #expect(types["money"] == "float64" && types["truth"] == "bool" && types["time"] == "timestamp")
        #expect(types["ns"] == "timestamp(ns,UTC)")
        for format in ["csv", "jsonl", "parquet", "arrow"] {
            try store.succeed(Self.export("o.\(format)", ["--spine", "spine.csv"]))
            try store.succeed(["verify", "o.\(format).manifest.json"])
        }
    }

    @Test func `numbers of a JSON spine stay numbers, to the digit`() throws {
        let store = try CommandLineStore()
        try store.write(
            "spine.jsonl",
            #"{"user_id":1,"at":"2026-01-01T00:00:00Z","u":18446744073709551615,"d":9007199254740993.5,"f":0.1}"# + "\n"
                + #"{"user_id":2,"at":"2026-01-01T00:00:00Z","u":-1,"d":1e2,"f":-0.0}"# + "\n"
        )
        for format in ["jsonl", "csv", "parquet", "arrow"] {
            try store.succeed(Self.export("out.\(format)", ["--spine", "spine.jsonl"]))
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
        let lines = try store.read("out.jsonl")
        #expect(lines.contains(#""u":18446744073709551615,"d":9007199254740993.5,"f":0.1,"#), "\(lines)")
        #expect(lines.contains(#""u":-1,"d":100.0,"f":-0.0,"#), "\(lines)")
        let types = try Self.columns(try store.read("out.parquet.manifest.json"))
        #expect(types["u"] == "decimal128(20,0)" && types["d"] == "decimal128(17,1)" && types["f"] == "float64")
        try store.write("nested.jsonl", #"{"user_id":1,"at":"2026-01-01T00:00:00Z","o":{"a":1}}"# + "\n")
        let output = try store.run(Self.export("out.csv", ["--spine", "nested.jsonl"]))
        #expect(output.status == 1 && output.error.contains("column 'o'") && output.error.contains("--drop o"))
        try store.succeed(Self.export("out.csv", ["--spine", "nested.jsonl", "--drop", "o"]))
    }

    /// The hunted case: `9007199254740993::numeric` was written as 9007199254740992.0.
    @Test func `columns of a query leave as what they are`() throws {
        let store = try CommandLineStore()
        let sql = """
            SELECT user_id, at, n, d::numeric(10,2) AS d, day, clock, small, id, j, c, l FROM (VALUES
              (1, TIMESTAMP '2026-01-01 00:00:00.000001', 9007199254740993::numeric, -1.5, DATE '1969-12-31',
               TIME '23:59:59.5', 12::smallint, UUID '0b0e7c3a-1111-4a2b-8c3d-0000000000ff', '{"a": 1}'::jsonb, 'x  '::char(3), ARRAY[1,2]),
              (2, '2026-01-01', 0.001, NULL, '4713-01-01 BC', NULL, NULL, NULL, NULL, NULL, '{}')
            ) AS t (user_id, at, n, d, day, clock, small, id, j, c, l)
            """
        for format in ["csv", "jsonl", "parquet", "arrow"] {
            try store.succeed(Self.export("out.\(format)", ["--spine-sql", sql]))
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
        let lines = try store.read("out.csv").split(separator: "\n")
        #expect(
            lines[1]
                == #"1,2026-01-01T00:00:00.000001,9007199254740993.000,-1.50,1969-12-31,23:59:59.500000,12,"#
                + #"0b0e7c3a-1111-4a2b-8c3d-0000000000ff,"{""a"": 1}",x,"[1,2]","#
        )
        #expect(lines[2] == #"2,2026-01-01T00:00:00,0.001,,-4712-01-01,,,,,,[],"#)
        let types = try Self.columns(try store.read("out.csv.manifest.json"))
        #expect(
            types == [
                "user_id": "int64", "at": "timestamp(us)", "n": "decimal128(19,3)", "d": "decimal128(10,2)",
                "day": "date32", "clock": "time(us)", "small": "int16", "id": "uuid", "j": "json", "c": "string",
                "l": "list(int32)",
            ]
        )
        if Peers.areThere {
            for format in ["parquet", "arrow"] {
                let digest = try DigestOracle.digest(of: "out.\(format)", in: store.folder)
                #expect(try DigestOracle.manifest("out.csv", store.folder).contentDigest == digest)
            }
        }
        let one = "SELECT 1 AS user_id, now() AS at, 9007199254740993::numeric AS id"
        try store.succeed(Self.export("one.csv", ["--spine-sql", one]))
        #expect(try store.read("one.csv").hasSuffix(",9007199254740993,\n"))
    }

    @Test func `what a query's column cannot be is said with the cast to write`() throws {
        let store = try CommandLineStore()
        func refused(_ sql: String, _ format: String, _ says: [String]) throws {
            let output = try store.run(Self.export("out.\(format)", ["--spine-sql", sql]))
            #expect(output.status == 1 && !output.error.contains("tmp"), "\(output.error)")
            for text in says { #expect(output.error.contains(text), "\(output.error)") }
        }
        try refused(
            "SELECT 1::numeric AS user_id, now() AS at",
            "csv",
            ["--spine-sql: column 'user_id' is numeric", #"write "user_id"::bigint"#]
        )
        try refused("SELECT 1 AS user_id, '2026-01-01' AS at", "csv", [#"write "at"::timestamptz"#])
        let start = "SELECT 1 AS user_id, now() AS at, "
        try refused(
            start + "'NaN'::numeric AS n",
            "parquet",
            ["column 'n' of the spine is numeric", "::float8", "--drop n"]
        )
        try refused(start + "10::numeric ^ 80 AS n", "arrow", ["column 'n' of the spine is numeric", "--drop n"])
        try refused(start + "'10.0.0.1'::inet AS ip", "parquet", ["is sql(inet)", "::text", "--drop ip"])
        try refused(start + "INTERVAL '1 day' AS i", "csv", ["is interval(month_day_nano)", "::text", "--drop i"])
        try refused(start + "ARRAY[1, NULL] AS l", "csv", ["--spine-sql: column 'l'", "null"])
        try refused(start + "TIME '24:00' AS t", "csv", ["--spine-sql: column 't'", "24:00:00", "::text"])
        try refused(start + "DATE 'infinity' AS d", "csv", ["--spine-sql: column 'd'", "infinite date"])
        try refused(start + "repeat('x', 1048577) AS t", "csv", ["--spine-sql: row 1, column 't'", "1048576"])
        for (sql, format) in [
            ("'NaN'::numeric AS n", "csv"), ("10::numeric ^ 80 AS n", "jsonl"), ("'10.0.0.1'::inet AS ip", "csv"),
            ("INTERVAL '1 mon 2 days -00:00:03' AS i", "arrow"),
        ] {
            try store.succeed(Self.export("out.\(format)", ["--spine-sql", start + sql]))
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
        try store.succeed(
            Self.export("out.parquet", ["--spine-sql", start + "'10.0.0.1'::inet AS ip", "--drop", "ip"])
        )
        let unknown = try store.run(Self.export("out.csv", ["--spine-sql", start + "1 AS a", "--drop", "b"]))
        #expect(unknown.status == 1 && unknown.error.contains("gives no column 'b'"))
    }

    /// The hunted case: one date among label times of ns, and all of them left in µs.
    @Test func `times that are needed leave as they came, whatever stands beside them`() throws {
        let store = try CommandLineStore(
            CommandLineStore.definitions + "\n  asked: [daily.n, { request: seen, type: timestamp }]\n"
        )
        try store.write("daily.csv", "user_id,event_time,n\n1,2026-01-01T00:00:00.000001Z,5\n")
        try store.succeed(["ingest", "daily", "daily.csv"])
        let ns = ["2026-01-01T00:00:00.000000999Z", "2026-01-01T00:00:00.000001001Z", "2026-01-02"]
        try store.write("spine.csv", "user_id,at\n" + ns.map { "1,\($0)\n" }.joined())
        for format in ["csv", "jsonl", "parquet", "arrow"] {
            try store.succeed(Self.export("out.\(format)", ["--spine", "spine.csv"]))
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
        #expect(
            try store.read("out.csv")
                == "user_id,at,daily__n\n1,\(ns[0]),\n1,\(ns[1]),5\n1,2026-01-02T00:00:00Z,5\n"
        )
        #expect(try Self.columns(try store.read("out.parquet.manifest.json"))["at"] == "timestamp(ns,UTC)")

        let finer = ["2026-01-01T00:00:00.0000009999999Z", "2026-01-01T00:00:00.0000010000001Z", "2026-01-02"]
        try store.write("spine.csv", "user_id,at\n" + finer.map { "1,\($0)\n" }.joined())
        for engine in ["probe", "scan"] {
            for format in ["csv", "jsonl"] {
                try store.succeed(Self.export("out.\(format)", ["--spine", "spine.csv", "--engine", engine]))
                try store.succeed(["verify", "out.\(format).manifest.json"])
            }
            #expect(
                try store.read("out.csv")
                    == "user_id,at,daily__n\n1,\(finer[0]),\n1,\(finer[1]),5\n1,\(finer[2]),5\n"
            )
        }
        #expect(try Self.columns(try store.read("out.csv.manifest.json"))["at"] == "timestamp(text)")
        let refused = try store.run(Self.export("out.parquet", ["--spine", "spine.csv"]))
        #expect(refused.status == 1 && refused.error.contains("column 'at' of the spine is timestamp(text)"))
        #expect(!refused.error.contains("--drop"), "\(refused.error)")

        // AT, and a request field.
        try store.write("spine.csv", "user_id,at,seen\n" + ns.map { "1,2026-02-01T00:00:00Z,\($0)\n" }.joined())
        let asked = ["--spine", "spine.csv", "--label-time", "at", "--served", "--at-column", "seen"]
        try store.succeed(["export", "--features", "daily.n", "--out", "served.csv"] + asked)
        try store.succeed(["verify", "served.csv.manifest.json"])
        #expect(
            try store.read("served.csv").hasSuffix(
                "\n1,2026-02-01T00:00:00Z,\(ns[0]),\n1,2026-02-01T00:00:00Z,\(ns[1]),5\n"
                    + "1,2026-02-01T00:00:00Z,2026-01-02T00:00:00Z,5\n"
            )
        )
        try store.succeed(
            ["export", "--features", "asked", "--out", "asked.csv", "--spine", "spine.csv", "--label-time", "at"]
        )
        try store.succeed(["verify", "asked.csv.manifest.json"])
        let lines = try store.read("asked.csv").split(separator: "\n")
        #expect(lines[1] == "1,2026-02-01T00:00:00Z,\(ns[0]),5,2026-01-01T00:00:00Z", "\(lines)")
    }

    @Test func `a text with U+0000 passes where the output has it`() throws {
        let store = try CommandLineStore()
        try store.write(
            "spine.jsonl",
            #"{"user_id":1,"at":"2026-01-01T00:00:00Z","s":"a\u0000b"}"# + "\n"
                + #"{"user_id":1,"at":"2026-01-01T00:00:00Z","s":null}"# + "\n"
        )
        try store.succeed(Self.export("out.jsonl", ["--spine", "spine.jsonl"]))
        try store.succeed(["verify", "out.jsonl.manifest.json"])
        #expect(try store.read("out.jsonl").contains(#""s":"a\u0000b""#))
        for format in ["csv", "parquet", "arrow"] {
            let refused = try store.run(Self.export("out.\(format)", ["--spine", "spine.jsonl"]))
            #expect(refused.status == 1)
            #expect(
                refused.error.contains("row 1, column 's': it contains U+0000, which passes to JSON Lines only")
                    && refused.error.contains("--drop s"),
                "\(refused.error)"
            )
        }
        // As a key it would come to PostgreSQL.
        try store.write("key.jsonl", #"{"login":"a\u0000b","at":"2026-01-01T00:00:00Z"}"# + "\n")
        let key = try store.run(
            [
                "export", "--spine", "key.jsonl", "--label-time", "at", "--features", "logins.n", "--out", "key.jsonl2",
                "--format", "jsonl",
            ]
        )
        #expect(key.status == 1 && key.error.contains("U+0000, which PostgreSQL cannot store"), "\(key.error)")
    }

    @Test func `labels are joined in microseconds and leave as they came`() throws {
        let store = try CommandLineStore()
        try store.write("daily.csv", "user_id,event_time,n\n1,2026-01-01T00:00:00.000001Z,5\n")
        try store.succeed(["ingest", "daily", "daily.csv"])
        try store.write(
            "spine.csv",
            "user_id,at\n1,2026-01-01T00:00:00.000000999Z\n1,2026-01-01T00:00:00.000001001Z\n1,2026-01-01T00:00:00.000001Z\n"
        )
        for (engine, format) in [("probe", "csv"), ("scan", "jsonl")] {
            try store.succeed(Self.export("out.\(format)", ["--spine", "spine.csv", "--engine", engine]))
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
        #expect(
            try store.read("out.csv")
                == "user_id,at,daily__n\n1,2026-01-01T00:00:00.000000999Z,\n1,2026-01-01T00:00:00.000001001Z,5\n"
                + "1,2026-01-01T00:00:00.000001000Z,5\n"
        )
        let sql = "SELECT 1 AS user_id, DATE '2026-01-02' AS at UNION ALL SELECT 1, '10000-01-01'"
        let output = try store.run(Self.export("out.csv", ["--spine-sql", sql]))
        #expect(output.status == 1)
        #expect(
            output.error.contains("row 2 of the spine, column 'at': the label time +10000-01-01 lies outside"),
            "\(output.error)"
        )
    }
}
