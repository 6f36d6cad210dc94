import Foundation
import TestSupport
import Testing
import TrainingSets

/// Services with request fields and derived columns, from features.yaml to files and replies.
@Suite struct ComputedServiceCommandTests {
    private static let yaml = """
        entities: { airport: { key: origin, type: string } }
        views:
          weather: { entities: [airport], features: { wind: float64, dir: float64 } }
        services:
          delay:
            - weather.wind
            - { request: sched, type: timestamp }
            - { request: carrier, type: string }
            - { derive: hour, from: "extract(hour from sched at time zone 'America/New_York')" }
            - { derive: head, from: "weather.wind * cos(radians(weather.dir - 45))" }
            - { derive: age_s, from: "extract(epoch from label_time - weather._event_time)" }
            - { derive: ratio, from: "weather.wind / (weather.dir - 45)" }
          digits: [{ request: pixels, type: vector(3) }, { derive: last, from: "pixels[3] * 2" }]
        """

    private static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        let rows = """
            origin,event_time,wind,dir
            JFK,2013-07-04T12:00:00Z,10,105
            JFK,2013-07-04T14:00:00Z,20,45
            LGA,2013-07-04T13:59:59Z,5,

            """
        let output = try store.asof(["ingest", "weather", "-", "--format", "csv"], input: rows)
        #expect(output.status == 0, "\(output.error)")
        let spine = """
            origin,sched,carrier,at
            JFK,2013-07-04T13:30:00Z,AA,2013-07-04T13:00:00Z
            JFK,2013-12-04T15:30:00Z,,2013-07-04T15:00:00Z
            LGA,,UA,2013-07-04T14:00:00Z
            BOS,2013-07-04T15:30:00Z,B6,2013-07-04T14:00:00Z

            """
        _ = try store.scratch.write("spine.csv", spine)
        return store
    }

    private static func text(_ file: String, _ store: ServedStore) throws -> String {
        try String(contentsOfFile: store.scratch.path + "/" + file, encoding: .utf8)
    }

    @Test func `both engines export and verify them, and the manifest counts errors`() throws {
        let store = try Self.store()
        let expected = """
            weather__wind,request__sched,request__carrier,derive__hour,derive__head,derive__age_s,derive__ratio
            10.0,2013-07-04T13:30:00Z,AA,9.0,5.000000000000001,3600.0,0.16666666666666666
            20.0,2013-12-04T15:30:00Z,,10.0,20.0,3600.0,
            5.0,,UA,,,1.0,
            ,2013-07-04T15:30:00Z,B6,11.0,,,
            """.split(separator: "\n").map(String.init)
        for engine in ["probe", "scan"] {
            let output = try store.asof([
                "export", "--spine", "spine.csv", "--label-time", "at", "--features", "delay", "--out", "set.csv",
                "--engine", engine, "--witness",
            ])
            #expect(output.status == 0, "\(output.error)")
            #expect(output.error.contains("derive__ratio is null in 1 of 4 rows"), "\(output.error)")
            #expect(output.out.contains("derive__ratio: null in 1 row where PostgreSQL would raise an error"))
            let lines = try Self.text("set.csv", store).split(separator: "\n").map(String.init)
            for (line, wanted) in zip(lines, expected) { #expect(line.contains("," + wanted), "\(line)") }
            let verified = try store.asof(["verify", "set.csv.manifest.json"])
            #expect(verified.status == 0, "\(verified.error)")
        }
        let manifest = try TrainingSetManifest(json: try Self.text("set.csv.manifest.json", store), path: "m")
        #expect(manifest.format == TrainingSetManifest.computedFormatName)
        #expect(manifest.columns.map(\.errors) == [nil, nil, nil, 0, 0, 0, 1])
        #expect(manifest.inputs?.map(\.name) == ["weather__dir", "weather___event_time"])
        #expect(manifest.platform == .current)
        // What other libraries would compute is nothing to compare with.
        let other = try Self.text("set.csv.manifest.json", store).replacing(
            "\"tzdata\" : \"",
            with: "\"tzdata\" : \"older "
        )
        _ = try store.scratch.write("other.manifest.json", other)
        let refused = try store.asof(["verify", "other.manifest.json"])
        #expect(refused.status == 2 && refused.error.contains("its derived columns were computed with"), "\(refused)")
        // An expression that was changed is not the one of the rules.
        let changed = try Self.text("set.csv.manifest.json", store).replacing("dir - 45", with: "dir - 46")
        _ = try store.scratch.write("changed.manifest.json", changed)
        let contradiction = try store.asof(["verify", "changed.manifest.json"])
        #expect(contradiction.status == 2 && contradiction.error.contains("contradicts itself"), "\(contradiction)")
    }

    @Test func `a spine without a request field, or with another type of it, is told which`() throws {
        let store = try Self.store()
        func export(_ spine: String) throws -> String {
            _ = try store.scratch.write("other.csv", spine)
            let output = try store.asof([
                "export", "--spine", "other.csv", "--label-time", "at", "--features", "delay", "--out", "set.csv",
            ])
            #expect(output.status == 1)
            return output.error
        }
        let missing = try export("origin,sched,at\nJFK,2013-07-04T13:30:00Z,2013-07-04T13:00:00Z\n")
        #expect(missing.contains("the spine has no column 'carrier', the request field 'carrier' of the service"))
        let wrong = try export("origin,sched,carrier,at\nJFK,noon,AA,2013-07-04T13:00:00Z\n")
        #expect(wrong.contains("sched") && wrong.contains("noon"), "\(wrong)")
        let sql = try store.asof([
            "export", "--spine-sql",
            "SELECT 'JFK' AS origin, 1 AS sched, 'AA' AS carrier, '2013-07-04T13:00:00Z'::timestamptz AS at",
            "--label-time", "at", "--features", "delay", "--out", "set.csv",
        ])
        #expect(sql.error.contains("column 'sched' is integer; here it must be timestamp"), "\(sql.error)")
    }

    @Test func `a spine of a query gives request fields, vectors among them, and no view needs no history`() throws {
        let store = try Self.store()
        let output = try store.asof([
            "export", "--spine-sql", "SELECT now() AS at, ARRAY[1, 2, 3.5]::real[] AS pixels", "--label-time", "at",
            "--features", "digits", "--out", "set.jsonl",
        ])
        #expect(output.status == 0, "\(output.error)")
        let line = try Self.text("set.jsonl", store)
        #expect(line.contains("\"request__pixels\":[1.0,2.0,3.5],\"derive__last\":7.0"), "\(line)")
        #expect(try store.asof(["verify", "set.jsonl.manifest.json"]).status == 0)
        let scan = try store.asof(["verify", "set.jsonl.manifest.json", "--engine", "scan"])
        #expect(scan.status == 0, "\(scan.error)")
    }

    @Test func `a timestamp field is read in µs of UTC from finer times, and from a query's dates and naive times`()
        throws
    {
        let store = try Self.store()
        _ = try store.scratch.write(
            "fine.csv",
            "origin,carrier,sched,at\nJFK,AA,2013-07-04T13:30:00.123456789Z,2013-07-04T13:00:00.123456789Z\n"
        )
        let fine = try store.asof([
            "export", "--spine", "fine.csv", "--label-time", "at", "--features", "delay", "--out", "fine.jsonl",
        ])
        #expect(fine.status == 0, "\(fine.error)")
        let line = try Self.text("fine.jsonl", store)
        #expect(line.contains("\"at\":\"2013-07-04T13:00:00.123456789Z\""), "\(line)")
        #expect(line.contains("\"request__sched\":\"2013-07-04T13:30:00.123456Z\""), "\(line)")
        #expect(try store.asof(["verify", "fine.jsonl.manifest.json"]).status == 0)
        for (time, wanted) in [("timestamp '2013-07-04 13:30:00'", "T13:30:00Z"), ("date '2013-07-04'", "T00:00:00Z")] {
            let query = """
                SELECT 'JFK' AS origin, \(time) AS sched, 'AA' AS carrier, '2013-07-04T13:00:00Z'::timestamptz AS at
                """
            let output = try store.asof([
                "export", "--spine-sql", query, "--label-time", "at", "--features", "delay", "--out", "set.csv",
            ])
            #expect(output.status == 0, "\(output.error)")
            #expect(try Self.text("set.csv", store).contains(",2013-07-04\(wanted),AA,"), "\(time)")
        }
        let reported = try AsofBinary.run(["report", "set.csv.manifest.json"], in: store.scratch.path)
        #expect(reported.out.contains("error %"), "\(reported.error)\(reported.out)")
    }

    @Test func `a request field may be the label time itself`() throws {
        let store = try ServedStore(
            """
            services:
              clock:
                - { request: t, type: timestamp }
                - { derive: same, from: "t = label_time" }
            """
        )
        _ = try store.scratch.write("spine.csv", "t\n2013-07-04T13:00:00.123456789Z\n2013-07-04T13:00:00Z\n")
        let output = try store.asof([
            "export", "--spine", "spine.csv", "--label-time", "t", "--features", "clock", "--out", "set.csv",
        ])
        #expect(output.status == 0, "\(output.error)")
        #expect(try Self.text("set.csv", store).contains(",2013-07-04T13:00:00.123456Z,true"))
        #expect(try store.asof(["verify", "set.csv.manifest.json"]).status == 0)
    }

    @Test func `describe, plan, get and fetch show them, and --served exports what a server answered`() throws {
        let store = try Self.store()
        let described = try store.asof(["describe", "delay"]).out
        for part in [
            "request__sched", "the request", "extract(hour from sched at time zone", "looked up for expressions only",
        ] {
            #expect(described.contains(part), "\(described)")
        }
        let got = try store.asof([
            "get", "delay", "origin=JFK,carrier=AA,sched=2013-07-04T13:30:00Z", "--at", "2013-07-04T13:00:00Z",
            "--json",
        ])
        #expect(
            got.out.contains("\"derive__head\":5.000000000000001,\"derive__age_s\":3600.0"),
            "\(got.out)\(got.error)"
        )
        let lacking = try store.asof(["get", "delay", "origin=JFK,carrier=AA"])
        #expect(lacking.status == 1 && lacking.error.contains("lacks 'sched'; expected origin=…,sched=…,carrier=…"))

        let server = try store.serve()
        let address = "127.0.0.1:\(server.port)"
        let keys = ["origin=JFK", "carrier=AA", "sched=2013-07-04T13:30:00Z"]
        let fetched = try FetchTests.fetch(
            ["delay"] + keys + ["--at", "2013-07-04T13:00:00Z", "--format", "json", "--server", address],
            in: store
        )
        #expect(fetched.status == 0, "\(fetched.error)")
        for part in ["\"derive__head\":5.000000000000001", "\"at\":\"2013-07-04T13:00:00Z\"", "\"derive__hour\":9.0"] {
            #expect(fetched.out.contains(part), "\(fetched.out)")
        }
        let now = try FetchTests.fetch(["delay"] + keys + ["--format", "json", "--server", address], in: store)
        #expect(now.out.contains("\"weather__wind\":20.0"), "\(now.out)")
        let missing = try FetchTests.fetch(["delay", "origin=JFK", "--server", address], in: store)
        #expect(missing.error.contains("'sched' is missing"), "\(missing.error)")
        let client = try server.client()
        let service = try client.line("FS.SERVICE delay")
        #expect(service["request"]?.items?.count == 2)
        #expect(server.stop().status == 0)

        _ = try store.scratch.write(
            "log.csv",
            "origin,sched,carrier,time,asked\nJFK,2013-07-04T13:30:00Z,AA,2013-07-04T13:00:00Z,2013-07-04T13:00:00Z\n"
                + "JFK,2013-07-04T13:30:00Z,AA,2013-07-04T13:00:00Z,\n"
        )
        let served = try store.asof([
            "export", "--spine", "log.csv", "--label-time", "time", "--features", "delay", "--served", "--at-column",
            "asked", "--out", "served.csv",
        ])
        #expect(served.status == 0, "\(served.error)")
        let lines = try Self.text("served.csv", store).split(separator: "\n")
        #expect(lines[1].contains(",10.0,") && lines[2].contains(",20.0,"), "\(lines)")
        #expect(try store.asof(["verify", "served.csv.manifest.json"]).status == 0)
        let manifest = try TrainingSetManifest(json: try Self.text("served.csv.manifest.json", store), path: "m")
        #expect(manifest.served == true && manifest.atColumn == "asked")

        _ = try store.scratch.write("features.yaml", Self.yaml.replacing("dir - 45))", with: "dir - 46))"))
        let plan = try store.asof(["plan"]).out
        #expect(plan.contains("~ service  delay  new version 2: derive__head from"), "\(plan)")
        let broken = try store.scratch.write(
            "features.yaml",
            Self.yaml.replacing("radians(weather", with: "radians(wether")
        )
        _ = broken
        let refused = try store.asof(["plan"])
        #expect(refused.status == 1 && refused.error.contains("features.yaml:10:"), "\(refused.error)")
    }
}
