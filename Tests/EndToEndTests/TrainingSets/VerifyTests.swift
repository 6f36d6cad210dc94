import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// `asof verify`: a training set stays what it was, whatever came after it; and what is not the same is found.
@Suite struct VerifyTests {
    /// A store with two views, an export of both, and its manifest.
    final class Fixture {
        let scratch: Scratch
        var conninfo: String

        static func yaml(ttl: String = "10d", more: String = "") -> String {
            """
            entities:
              user: { key: user_id, type: int64 }
              place: { key: place, type: string }
            views:
              stats:
                entities: [user]
                ttl: \(ttl)
                features: { n: int64, x: float64, seen: timestamp, v: vector(2)\(more) }
              weather: { entities: [place], strict: true, features: { temp: float32, note: string } }
            """
        }

        init(format: String = "csv") throws {
            scratch = try Scratch()
            conninfo = try ThrowawayCluster.shared().database()
            _ = try scratch.write("features.yaml", Self.yaml())
            try run(["init"])
            try run(["apply", "features.yaml", "--yes", "--allow-retire"])
            try ingest(
                "stats",
                """
                user_id,t,n,x,seen,v
                1,2024-01-01T00:00:00Z,1,0.5,2023-12-31T23:59:59.999999Z,"[1,""NaN""]"
                1,2024-01-03T00:00:00Z,2,NaN,,"[0,-0.5]"
                2,2024-01-02T00:00:00Z,3,-0.0,1969-07-20T20:17:40Z,
                """
            )
            try ingest(
                "weather",
                "place,t,temp,note\nDür,2024-01-01T00:00:00Z,-1.5,\"é,b\"\n\"\",2024-01-01T00:00:00Z,3,\n"
            )
            _ = try scratch.write(
                "spine.csv",
                """
                user_id,place,t,label
                1,Dür,2024-01-02T00:00:00+02:00,1
                1,Dür,2024-01-03T00:00:00Z,0
                2,"",2024-01-05T00:00:00Z,1
                ,Dür,2024-01-05T00:00:00Z,0
                1,nowhere,2024-06-05T00:00:00Z,0

                """
            )
            try export("out.\(format)")
        }

        func export(_ out: String, _ options: [String] = []) throws {
            let arguments = ["export", "--spine", "spine.csv", "--features", "stats.*,weather.*", "--label-time", "t"]
            try run(arguments + ["--out", out] + options)
        }

        func ingest(_ view: String, _ csv: String) throws {
            let name = "\(view)-\(UUID().uuidString).csv"
            _ = try scratch.write(name, csv)
            try run(["ingest", view, name, "--event-time", "t"])
        }

        @discardableResult
        func run(
            _ arguments: [String],
            status: Int32 = 0,
            environment: [String: String] = [:]
        ) throws -> AsofBinary.Output {
            let output = try AsofBinary.run(
                arguments + ["-d", conninfo],
                in: scratch.path,
                environment: environment
            )
            #expect(output.status == status, "\(arguments): \(output.error)\(output.out)")
            return output
        }

        /// - Returns: what `asof verify` said on standard error.
        @discardableResult
        func verify(_ out: String = "out.csv", status: Int32 = 0, environment: [String: String] = [:]) throws -> String
        {
            try run(["verify", "\(out).manifest.json"], status: status, environment: environment).error
        }

        func edit(_ file: String, _ old: String, _ new: String) throws {
            let text = try String(contentsOfFile: scratch.path + "/" + file, encoding: .utf8)
            #expect(text.contains(old), "\(file) has no '\(old)': \(text)")
            _ = try scratch.write(file, text.replacing(old, with: new))
        }

        var database: String {
            conninfo.split(separator: " ").first { $0.hasPrefix("dbname=") }.map { String($0.dropFirst(7)) } ?? ""
        }
    }

    @Test(arguments: ["csv", "jsonl", "parquet"])
    func `late rows, corrections, new features and rules leave an old training set as it was`(format: String) throws {
        let fixture = try Fixture(format: format)
        let out = "out.\(format)"
        try fixture.verify(out)
        try fixture.ingest(
            "stats",
            """
            user_id,t,n,x,seen,v
            1,2024-01-01T00:00:00Z,100,1,,
            1,2024-01-01T12:00:00Z,101,1,,
            2,2024-01-04T00:00:00Z,102,1,,
            1,2024-06-04T00:00:00Z,103,1,,
            """
        )
        try fixture.verify(out)
        _ = try fixture.scratch.write("features.yaml", Fixture.yaml(ttl: "400d", more: ", later: bool"))
        try fixture.run(["apply", "features.yaml", "--yes", "--allow-retire"])
        try fixture.verify(out)
        // Without the view, its history stays.
        _ = try fixture.scratch.write(
            "features.yaml",
            "entities:\n  user: { key: user_id, type: int64 }\nviews:\n  other: { entities: [user], features: { n: int64 } }\n"
        )
        try fixture.run(["apply", "features.yaml", "--yes", "--allow-retire"])
        try fixture.verify(out)
    }

    @Test func `another locale, time zone or role setting changes neither export nor verification`() throws {
        let fixture = try Fixture()
        let made = try String(contentsOfFile: fixture.scratch.path + "/out.csv", encoding: .utf8)
        let cluster = try ThrowawayCluster.shared()
        try cluster.execute(
            """
            CREATE SCHEMA evil; CREATE TABLE evil.batches (position bigint); CREATE TABLE evil.stats ();
            CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1900-01-01'::timestamptz$$
            """,
            database: fixture.database
        )
        for setting in [
            "timezone = 'Asia/Kathmandu'", "datestyle = 'SQL, DMY'", "search_path = evil, pg_catalog, public",
            "extra_float_digits = -15", "default_transaction_isolation = 'serializable'", "intervalstyle = 'iso_8601'",
            "bytea_output = 'escape'", "default_transaction_read_only = on", "client_encoding = 'LATIN1'",
            "enable_indexscan = off", "enable_sort = off", "standard_conforming_strings = off",
        ] {
            try cluster.execute("ALTER DATABASE \(fixture.database) SET \(setting)")
        }
        let environment = [
            "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PGTZ": "Pacific/Chatham",
            "PGDATESTYLE": "German", "PGCLIENTENCODING": "LATIN1", "PGOPTIONS": "-c extra_float_digits=0",
        ]
        try fixture.verify(environment: environment)
        let arguments = ["export", "--spine", "spine.csv", "--features", "stats.*,weather.*", "--label-time", "t"]
        try fixture.run(arguments + ["--out", "again.csv"], environment: environment)
        #expect(try String(contentsOfFile: fixture.scratch.path + "/again.csv", encoding: .utf8) == made)
        // Writing goes on, too.
        _ = try fixture.scratch.write("more.csv", "place,t,temp,note\nDür,2024-01-02T00:00:00Z,1.25,ü\n")
        try fixture.run(["ingest", "weather", "more.csv", "--event-time", "t"], environment: environment)
        try fixture.run(["check"], environment: environment)
        try fixture.verify()
    }

    @Test(arguments: [
        ("1,0.5,", "2,0.5,", "row 1, column 'stats__n': the file has 2, history gives 1"),
        (",NaN,,", ",inf,,", "row 2, column 'stats__x'"),
        ("-0.0", "0.0", "row 3, column 'stats__x': the file has 0.0, history gives -0.0"),
        ("é,b", "é,c", "row 1, column 'weather__note'"),
        // The same text to the eye and to Unicode, not to a database.
        ("é,b", "e\u{301},b", "row 1, column 'weather__note'"),
        ("[1.0,", "[1.5,", "row 1, column 'stats__v'"),
        ("1969-07-20", "1969-07-21", "row 3, column 'stats__seen'"),
        ("2024-01-01T22:00:00Z", "2024-01-01T22:00:01Z", "spine"),
    ])
    func `an edited cell is found`(old: String, new: String, message: String) throws {
        let fixture = try Fixture()
        let made = try String(contentsOfFile: fixture.scratch.path + "/out.csv", encoding: .utf8)
        #expect(made.contains(old))
        try fixture.edit("out.csv", old, new)
        let error = try fixture.verify(status: 1)
        #expect(error.contains(message), "\(error)")
    }

    @Test func `a row less, a row more and rows in another order are different`() throws {
        let fixture = try Fixture()
        let made = try String(contentsOfFile: fixture.scratch.path + "/out.csv", encoding: .utf8)
        let lines = made.split(separator: "\n").map(String.init)
        for rows in [Array(lines.dropLast()), lines + [lines[1]], [lines[0]] + lines[1...].reversed()] {
            _ = try fixture.scratch.write("out.csv", rows.joined(separator: "\n") + "\n")
            try fixture.verify(status: 1)
        }
        _ = try fixture.scratch.write("out.csv", made)
        try fixture.verify()
    }

    @Test func `what cannot be checked says why`() throws {
        let fixture = try Fixture(format: "parquet")
        let path = fixture.scratch.path + "/out.parquet"
        let manifest = try String(contentsOfFile: path + ".manifest.json", encoding: .utf8)
        func expect(_ manifest: String, _ message: String) throws {
            _ = try fixture.scratch.write("bad.manifest.json", manifest)
            let error = try fixture.run(["verify", "bad.manifest.json"], status: 2).error
            #expect(error.contains("could not be checked") && error.contains(message), "\(error)")
        }
        try expect("{", "no manifest")
        try expect("[]", "no manifest")
        try expect(String(manifest.prefix(manifest.count / 2)), "no manifest")
        try expect(manifest.replacing("asof-manifest/1", with: "asof-manifest/9"), "asof-manifest/9")
        try expect(manifest.replacing("\"labelTime\"", with: "\"labelTimes\""), "damaged manifest")
        try expect(manifest.replacing("\"vector(2)\"", with: "\"matrix\""), "matrix")
        let keys = "\"keys\" : ["
        try expect(
            manifest.replacing(keys, with: keys + "{\"viewKey\": \"v\", \"from\": \"label\"},"),
            "has 2 keys; view 'stats' has 1"
        )
        try expect(manifest.replacing("\"parquet\"", with: "\"xml\""), "unknown format 'xml'")
        try expect(manifest.replacing("out.parquet", with: "gone.parquet"), "gone.parquet")
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: path))
        try fixture.verify("out.parquet", status: 2)
        try FileManager.default.removeItem(atPath: path)
        try fixture.verify("out.parquet", status: 2)
        try fixture.run(["verify", "nothing.manifest.json"], status: 2)

        let other = try Fixture()
        fixture.conninfo = other.conninfo
        let error = try fixture.verify("out.parquet", status: 2)
        #expect(error.contains("it was made from store"), "\(error)")
    }

    @Test func `a manifest whose digest was edited is different`() throws {
        let fixture = try Fixture()
        try fixture.edit("out.csv.manifest.json", "\"contentDigest\" : \"sha256:", "\"contentDigest\" : \"sha256:0")
        #expect(try fixture.verify(status: 1).contains("content digest"))
    }

    /// A copy of the database at an earlier point goes its own way: the same positions mean other commits.
    @Test func `another timeline is told apart, one that the manifest belongs to is not`() throws {
        let fixture = try Fixture()
        let cluster = try ThrowawayCluster.shared()
        let copy = fixture.database + "_copy"
        try cluster.execute("CREATE DATABASE \(copy) TEMPLATE \(fixture.database)")
        let original = fixture.conninfo
        let row = "place,t,temp,note\nDür,2024-01-01T00:00:00Z,7,x\n"
        try fixture.ingest("weather", row)
        try fixture.export("later.csv")

        fixture.conninfo = cluster.conninfo(database: copy)
        // What was exported before the copy belongs to both.
        try fixture.verify()
        // The copy has not come as far as the later manifest.
        #expect(try fixture.verify("later.csv", status: 2).contains("another timeline"))
        // The same rows again, at the same position: still another commit.
        try fixture.ingest("weather", row)
        #expect(try fixture.verify("later.csv", status: 2).contains("another timeline"))
        try fixture.ingest("weather", row)
        #expect(try fixture.verify("later.csv", status: 2).contains("another timeline"))
        try fixture.verify()
        fixture.conninfo = original
        try fixture.verify("later.csv")
    }
}
