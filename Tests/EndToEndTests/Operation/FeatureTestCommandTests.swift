import Foundation
import FoundationXML
import TestSupport
import Testing

/// `asof test`, which makes its own store.
@Suite struct FeatureTestCommandTests {
    private static let definitions = """
        entities: { user: { key: user_id, type: int64 }, site: { key: site, type: string } }
        views:
          stats: { entities: [user], ttl: 30d, features: { clicks: int64, ctr: float64, tag: string, e: vector(2), l: list(string) } }
          visits: { entities: [site], events: { id: visit }, features: { visit: string, seconds: float64 } }
          traffic: { entities: [site], windows: { of: visits, features: { n_1h: count over 1h } } }
          daily:
            entities: [user]
            features: { n: int64 }
            source: { sql: "SELECT user_id, date_trunc('day', at) AS event_time, count(*) AS n FROM raw WHERE at >= :from AND at < :to GROUP BY 1, 2" }
        services:
          ranking: [stats.*, { request: hour, type: int64 }, { derive: late, from: "hour > 20" }]
        """

    private static let passing = #"""
        tests:
          values expire after a month:
            given: { stats: [{ user_id: 7, event_time: 2024-01-01, clicks: 3 }] }
            when: { get: ranking, at: 2024-03-01, rows: [{ user_id: 7, hour: 21 }] }
            then: [{ user_id: 7, stats__clicks: null, derive__late: true }]
          what was known at each label, quotes and all:
            given:
              stats:
                - { user_id: 7, event_time: 2024-01-01, clicks: 3, ctr: 0.333333333333, tag: "a \"b\", c", e: [1, 2.5], l: [x, "1"] }
                - { user_id: 7, event_time: 2024-01-03, clicks: 4, tag: "" }
            when:
              export: stats.*
              label_time: at
              rows:
                - { user_id: 7, at: 2024-01-02 }
                - { user_id: 7, at: 2024-01-04, note: x }
                - { user_id: 8, at: 2024-01-04 }
            then:
              - { stats__clicks: 3, stats__ctr: 0.33333333333300001, stats__tag: "a \"b\", c", stats__e: [1, 2.5], stats__l: [x, "1"] }
              - { stats__clicks: 4, stats__ctr: null, stats__tag: "", note: x }
              - { stats__clicks: null, note: null }
          a batch view counts a day:
            sql: |
              CREATE TABLE raw (user_id int8, at timestamptz);
              INSERT INTO raw VALUES (7, '2024-01-01 10:00Z'), (7, '2024-01-01 11:00Z');
            when:
              - { materialize: daily, from: 2024-01-01, to: 2024-01-02 }
              - { get: daily, at: 2024-01-02, rows: [{ user_id: 7 }] }
            then: [{ daily__n: 2 }]
          windows of events from a file:
            given: { visits: visits.csv }
            when: { get: traffic, at: 2024-01-01T01:30:00Z, rows: [{ site: "a, b" }] }
            then: [{ traffic__n_1h: 1 }]
          tombstones, and what was known later:
            given:
              stats:
                - { user_id: 7, event_time: 2024-01-01, clicks: 3, known_at: 2024-01-05 }
                - { user_id: 8, event_time: 2024-01-01, clicks: 3 }
                - { user_id: 8, event_time: 2024-01-02, deleted: true }
            when:
              export: stats.clicks
              label_time: at
              known_at_label: true
              rows: [{ user_id: 7, at: 2024-01-04 }, { user_id: 7, at: 2024-01-05 }, { user_id: 8, at: 2024-01-06 }]
            then: [{ stats__clicks: null }, { stats__clicks: 3 }, { stats__clicks: null }]
        """#

    private static func folder() throws -> Scratch {
        let scratch = try Scratch()
        _ = try scratch.write("features.yaml", definitions)
        try FileManager.default.createDirectory(atPath: scratch.path + "/tests", withIntermediateDirectories: true)
        _ = try scratch.write("tests/all.yaml", passing)
        _ = try scratch.write(
            "tests/visits.csv",
            "site,event_time,visit,seconds\n\"a, b\",2024-01-01T00:10:00Z,v1,1\n\"a, b\",2024-01-01T01:00:00Z,v2,1\n"
        )
        return scratch
    }

    /// Runs `asof test` where there is no store; nothing of its own may stay.
    private static func run(_ scratch: Scratch, _ arguments: [String] = []) throws -> AsofBinary.Output {
        let temporary = scratch.path + "/tmp"
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        chmod(temporary, 0o755)
        let output = try AsofBinary.run(
            ["test"] + arguments,
            in: scratch.path,
            environment: ["TMPDIR": temporary, "ASOF_DATABASE": "host=/nowhere", "PGHOST": "/nowhere"]
        )
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary).isEmpty)
        return output
    }

    @Test func `rows are given, asked for and compared, in every way that a test has`() throws {
        let scratch = try Self.folder()
        let output = try Self.run(scratch, ["--junit", "results.xml"])
        #expect(output.status == 0 && output.out.hasSuffix("5 passed, 0 failed\n"), "\(output.out)\(output.error)")
        #expect(output.out.hasPrefix("ok   tests/all.yaml:2:3 values expire after a month ("), "\(output.out)")
        let results = try String(contentsOfFile: scratch.path + "/results.xml", encoding: .utf8)
        #expect(results.contains(#"<testsuite name="asof" tests="5" failures="0" errors="0""#), "\(results)")
        let reader = XMLReader()
        #expect(reader.read(results) == 5)
    }

    @Test func `each difference is told with its place, and the others go on`() throws {
        let scratch = try Self.folder()
        let wrong = Self.passing.replacing("stats__clicks: 3, stats__ctr", with: "stats__clicks: 2, stats__ctr")
            .replacing("note: null", with: "nota: <&>").replacing("daily__n: 2 }]", with: "daily__n: x }]")
            .replacing("traffic__n_1h: 1 }]", with: "traffic__n_1h: 1 }, {}]")
            .replacing(
                "{ user_id: 8, event_time: 2024-01-01, clicks: 3 }",
                with: "{ user_id: 8, event_time: 2024-01-01, clicks: three }"
            )
            .replacing("given: { visits: visits.csv }", with: "given: { visit: visits.csv }")
        _ = try scratch.write("tests/all.yaml", wrong)
        let output = try Self.run(scratch, ["tests/all.yaml", "-f", "features.yaml", "--junit", "results.xml"])
        #expect(output.status == 1 && output.out.hasSuffix("1 passed, 4 failed\n"), "\(output.out)\(output.error)")
        for line in [
            "     tests/all.yaml:19:9: row 1, column 'stats__clicks': expected 2, got 3",
            "     tests/all.yaml:21:9: row 3 has no column 'nota'; did you mean 'note'?",
            "     tests/all.yaml:29:12: row 1, column 'daily__n': expected 'x', which is no int64: it has another form",
            "     given visit: no view 'visit'; did you mean 'visits'?",
            "     given stats: the rows: row 2 (line 3), column 'clicks': expected int64, got 'three'",
        ] {
            #expect(output.out.contains(line), "\(line)\n\(output.out)")
        }
        let results = try String(contentsOfFile: scratch.path + "/results.xml", encoding: .utf8)
        let reader = XMLReader()
        #expect(reader.read(results) == 5 && reader.failures == 4, "\(results)")
    }

    @Test(arguments: [
        ("views: 1\n", "bad.yaml:1:1: unknown key 'views' in a file of tests; known: tests"),
        ("tests: { a: { when: { get: x } } }\n", "bad.yaml:1:10: test 'a' lacks 'then'"),
        (
            "tests: { a: { when: { fetch: x }, then: [] } }\n",
            "bad.yaml:1:21: a step of test 'a' is none of get, export"
        ),
        ("tests: { a: { when: { export: x }, then: [] } }\n", "bad.yaml:1:23: a step of test 'a' has no label_time"),
        ("tests: { a: { when: { get: x, at: noon }, then: [] } }\n", "is 'noon': it is no RFC 3339 time"),
        ("tests: { a: { when: { get: x }, then: 3 } }\n", "'then' of test 'a' is a single value; expected a list"),
        ("tests: { a: { when: { materialize: x }, then: [] } }\n", "ends with a materialize, which gives no rows"),
        ("tests: {}\n", "no test: the files have none"),
    ])
    func `a file of tests that is wrong is told with its place`(yaml: String, message: String) throws {
        let scratch = try Self.folder()
        _ = try scratch.write("bad.yaml", yaml)
        let output = try Self.run(scratch, ["bad.yaml"])
        #expect(output.status == 1 && output.error.contains(message), "\(output.error)\(output.out)")
    }

    @Test func `without files, or with definitions that are wrong, nothing is made`() throws {
        let scratch = try Scratch()
        _ = try scratch.write("features.yaml", Self.definitions)
        let none = try Self.run(scratch)
        #expect(none.status == 1 && none.error.contains("no file tests/*.yaml; name files of tests"), "\(none.error)")
        #expect(try Self.run(scratch, ["missing.yaml"]).error.contains("cannot read missing.yaml"))
        _ = try scratch.write("features.yaml", "views: { a: 1 }")
        #expect(try Self.run(scratch).error.contains("features.yaml:1:13"))
    }
}

/// Counts the test cases and failures of a JUnit file.
private final class XMLReader: NSObject, XMLParserDelegate {
    private var cases = 0
    private(set) var failures = 0

    /// - Returns: the number of test cases; `nil` where that is no XML.
    func read(_ text: String) -> Int? {
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = self
        return parser.parse() ? cases : nil
    }

    func parser(
        _ parser: XMLParser,
        didStartElement name: String,
        namespaceURI: String?,
        qualifiedName: String?,
        attributes: [String: String]
    ) {
        if name == "testcase" { cases += 1 }
        if name == "failure" { failures += 1 }
    }
}
