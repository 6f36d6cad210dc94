import Foundation
import TestSupport
import Testing

/// What the other commands refuse: each case says what is wrong and what to do, and leaves everything as it was.
@Suite(.serialized) struct BadCommandTests {
    static let store = Result {
        let store = try CommandLineStore()
        try store.write("rows.csv", "user_id,event_time,clicks,ctr,name\n1,2026-01-01T00:00:00Z,3,0.5,ann\n")
        try store.succeed(["ingest", "stats", "rows.csv"])
        try store.write("spine.csv", "user_id,at\n1,2026-01-02T00:00:00Z\n")
        try store.write("text.parquet", "no Parquet")
        // A training set that must survive every failed export to its name.
        try store.succeed(export("spine.csv"))
        return store
    }

    @Test(arguments: spines + targets + states + queries + lookups)
    func `a refused command says why and changes nothing`(
        _ input: BadInputCase
    ) throws {
        try input.check(in: try Self.store.get())
    }

    private static func export(_ spine: String, _ features: String = "ranking", out: String = "out.csv") -> [String] {
        ["export", "--spine", spine, "--features", features, "--label-time", "at", "--out", out]
    }

    private static func spine(_ name: String, _ text: String, says: [String]) -> BadInputCase {
        BadInputCase(name, export("bad.csv"), files: [("bad.csv", Array(text.utf8))], says: says)
    }

    static let spines: [BadInputCase] = [
        spine(
            "a spine without the key",
            "id,at\n1,2026-01-02\n",
            says: ["the spine has no column 'user_id'", "view 'stats'"]
        ),
        spine(
            "a spine without the label time",
            "user_id,att\n1,2026-01-02\n",
            says: ["no column 'at', which --label-time names", "did you mean 'att'?"]
        ),
        spine(
            "a spine whose key is text",
            "user_id,at\n1,2026-01-02\nann,2026-01-02\n",
            says: ["bad.csv: row 2 (line 3), column 'user_id': expected int64, got 'ann'"]
        ),
        spine(
            "a spine whose label time is none",
            "user_id,at\n1,soon\n",
            says: ["bad.csv: row 1 (line 2), column 'at': expected timestamp, got 'soon'"]
        ),
        spine(
            "a spine with an infinite label time",
            "user_id,at\n1,infinity\n",
            says: ["column 'at'", "infinite times are refused"]
        ),
        spine(
            "a spine with an integer label time",
            "user_id,at\n1,1767225600\n",
            says: ["column 'at'", "--time-unit"]
        ),
        spine(
            "a spine with a column of a feature's name",
            "user_id,at,stats__ctr\n1,2026-01-02,1\n",
            says: ["two columns 'stats__ctr'", "rename the spine's"]
        ),
        spine(
            "a spine with rows of several lengths",
            "user_id,at\n1,2026-01-02\n1\n",
            says: ["row 2 (line 3): expected 2 fields, got 1"]
        ),
        spine("an empty spine", "", says: ["bad.csv: the file is empty"]),
        BadInputCase("no spine", export("none.csv"), says: ["none.csv: there is no such file"]),
        BadInputCase("a spine that is no Parquet", export("text.parquet"), says: ["text.parquet: cannot be read"]),
        BadInputCase(
            "an unknown service",
            export("spine.csv", "rankin"),
            says: ["no service or view 'rankin'; did you mean 'ranking'?"]
        ),
        BadInputCase(
            "an unknown feature",
            export("spine.csv", "stats.click"),
            says: ["'stats' has no feature 'click'; did you mean 'clicks'?"]
        ),
        BadInputCase(
            "an unknown version",
            export("spine.csv", "ranking@7"),
            says: ["ranking@7", "its newest version is 1"]
        ),
        BadInputCase("a feature twice", export("spine.csv", "stats.*,stats.ctr"), says: ["'stats__ctr' a second time"]),
        BadInputCase("no selection", export("spine.csv", "stats,"), says: ["no selection of features"]),
    ]

    static let targets: [BadInputCase] = [
        BadInputCase(
            "a folder that is not",
            export("spine.csv", out: "none/out.csv"),
            says: ["none/out.csv: cannot be written", "No such file or directory"]
        ),
        BadInputCase(
            "a folder that takes no files",
            export("spine.csv", out: "/proc/out.csv"),
            says: ["/proc/out.csv: cannot be written"]
        ),
        BadInputCase(
            "a device",
            export("spine.csv", out: "/dev/full") + ["--format", "csv"],
            says: ["/dev/full: cannot be written: it leads to /dev/full, and nothing in /dev is replaced"]
        ),
        BadInputCase("a directory", export("spine.csv", out: ".") + ["--format", "csv"], says: ["it is a directory"]),
        BadInputCase(
            "the spine itself",
            export("spine.csv", out: "./spine.csv"),
            says: ["./spine.csv is the spine itself"]
        ),
        BadInputCase(
            "standard output",
            export("spine.csv", out: "-"),
            status: 2,
            says: ["--out - needs --manifest FILE"]
        ),
        BadInputCase(
            "an unknown format",
            export("spine.csv", out: "out.xlsx"),
            says: ["out.xlsx", "--format csv|jsonl|parquet"]
        ),
        BadInputCase(
            "an unknown --format",
            export("spine.csv") + ["--format", "xml"],
            status: 2,
            says: ["--format 'xml': expected csv|jsonl|parquet"]
        ),
    ]

    static let states: [BadInputCase] = [
        BadInputCase(
            "a position beyond the ledger",
            export("spine.csv") + ["--position", "99"],
            says: ["no position 99", "the newest is 2"]
        ),
        BadInputCase("a position below 0", export("spine.csv") + ["--position=-1"], status: 2, says: ["--position -1"]),
        BadInputCase(
            "a position that is no number",
            export("spine.csv") + ["--position", "last"],
            status: 2,
            says: ["'last'", "--position"]
        ),
        BadInputCase(
            "a time that is none",
            export("spine.csv") + ["--known-as-of", "yesterday"],
            status: 2,
            says: ["--known-as-of 'yesterday'", "as 2026-01-31T12:00:00Z", "asof export"]
        ),
        BadInputCase(
            "an infinite time",
            export("spine.csv") + ["--known-as-of", "infinity"],
            status: 2,
            says: ["infinite times are refused"]
        ),
        BadInputCase(
            "a time to come",
            export("spine.csv") + ["--known-as-of", "2999-01-01T00:00:00Z"],
            says: ["2999-01-01T00:00:00Z is later than now"]
        ),
        BadInputCase(
            "a time before the store",
            export("spine.csv") + ["--known-as-of", "1999-01-01T00:00:00Z"],
            says: ["nothing was committed by 1999-01-01T00:00:00Z", "the store's first commit is of 20"]
        ),
        BadInputCase(
            "two states",
            export("spine.csv") + ["--known-as-of", "2026-01-01", "--position", "1"],
            status: 2,
            says: ["one of --position, --known-as-of and --position-column"]
        ),
        BadInputCase(
            "two spines",
            export("spine.csv") + ["--spine-sql", "SELECT 1"],
            status: 2,
            says: ["one of --spine and --spine-sql"]
        ),
        BadInputCase(
            "no spine at all",
            ["export", "--features", "ranking", "--label-time", "at", "--out", "out.csv"],
            status: 2,
            says: ["one of --spine and --spine-sql"]
        ),
    ]

    private static func query(_ name: String, _ sql: String, says: [String]) -> BadInputCase {
        BadInputCase(
            name,
            ["export", "--spine-sql", sql, "--features", "ranking", "--label-time", "at", "--out", "out.csv"],
            says: says
        )
    }

    static let queries: [BadInputCase] = [
        query(
            "an unknown column in SQL",
            "SELECT 1 AS user_id,\n  nothing AS at",
            says: ["column \"nothing\" does not exist", "  line 2:   nothing AS at\n            ^"]
        ),
        query(
            "a syntax error",
            "SELECT 1 AS user_id, now() AS at FRM t",
            says: [
                "syntax error at or near \"FRM\"",
                "  line 1: SELECT 1 AS user_id, now() AS at FRM t\n" + String(repeating: " ", count: 10 + 33) + "^",
                "one SELECT",
            ]
        ),
        query(
            "a writing statement",
            "DELETE FROM asof.batches",
            says: ["syntax error", "expected one SELECT; it runs read-only"]
        ),
        query(
            "a writing function",
            "SELECT nextval('asof.batch_numbers') AS user_id, now() AS at",
            says: ["read-only transaction"]
        ),
        query(
            "a writing WITH",
            "WITH gone AS (DELETE FROM asof.batches RETURNING 1) SELECT 1 AS user_id, now() AS at FROM gone",
            says: ["data-modifying"]
        ),
        query(
            "two statements",
            "SELECT 1 AS user_id, now() AS at; DROP TABLE asof.batches",
            says: ["syntax error at or near \";\""]
        ),
        query("no SQL", " ;", says: ["--spine-sql is empty"]),
        query(
            "SQL with a column twice",
            "SELECT 1 AS user_id, 2 AS user_id, now() AS at",
            says: ["two columns 'user_id'"]
        ),
        query("SQL without the key", "SELECT now() AS at", says: ["no column 'user_id'"]),
        query(
            "SQL with an infinite time",
            "SELECT 1 AS user_id, 'infinity'::timestamptz AS at",
            says: ["column 'at'", "infinite"]
        ),
    ]

    static let lookups: [BadInputCase] = [
        BadInputCase(
            "get of a word for an integer",
            ["get", "stats", "ann"],
            says: ["key 'user_id': expected int64, got 'ann'"]
        ),
        BadInputCase(
            "get of an integer too large",
            ["get", "stats", "99999999999999999999"],
            says: ["key 'user_id'", "out of range"]
        ),
        BadInputCase("get without an entity", ["get", "stats"], status: 2, says: ["name an entity: user_id=…"]),
        BadInputCase(
            "get of half an entity",
            ["get", "routes", "origin=JFK"],
            says: ["lacks the key 'dest'", "expected origin=…,dest=…"]
        ),
        BadInputCase(
            "get of a bare text for two keys",
            ["get", "routes", "JFK"],
            says: ["'JFK' is no entity", "origin=…,dest=…"]
        ),
        BadInputCase("get of an unknown key", ["get", "routes", "from=JFK,dest=LAX"], says: ["has a key 'from'"]),
        BadInputCase("get of a key twice", ["get", "routes", "dest=JFK,dest=LAX"], says: ["the key 'dest' twice"]),
        BadInputCase(
            "get of an unknown view",
            ["get", "stat", "1"],
            says: ["no service or view 'stat'; did you mean 'stats'?"]
        ),
        BadInputCase(
            "get of an unknown feature",
            ["get", "stats.clik", "1"],
            says: ["no feature 'clik'; did you mean 'clicks'?"]
        ),
        BadInputCase(
            "get at a time that is none",
            ["get", "stats", "1", "--at", "noon"],
            status: 2,
            says: ["--at 'noon'", "asof get"]
        ),
        BadInputCase("get at a position to come", ["get", "stats", "1", "--position", "77"], says: ["no position 77"]),
        BadInputCase(
            "describe of nothing",
            ["describe", "rankings"],
            says: ["no view or service 'rankings'; did you mean 'ranking'?"]
        ),
        BadInputCase("log of an unknown view", ["log", "--view", "stat"], says: ["no view 'stat'"]),
        BadInputCase("log of no entries", ["log", "-n", "0"], status: 2, says: ["--limit must be positive"]),
        BadInputCase("check of an unknown view", ["check", "stat"], says: ["no view 'stat'"]),
        BadInputCase(
            "verify of nothing",
            ["verify", "none.manifest.json"],
            status: 2,
            says: ["none.manifest.json could not be checked", "no such file"]
        ),
        BadInputCase(
            "verify of data without a manifest beside it",
            ["verify", "features.yaml"],
            status: 2,
            says: ["features.yaml could not be checked", "no manifest"]
        ),
        BadInputCase(
            "an unknown command",
            ["ingets", "stats"],
            status: 2,
            says: ["no command 'ingets'; did you mean 'ingest'?", "asof --help"]
        ),
        BadInputCase(
            "apply of no file",
            ["apply", "none.yaml", "--yes"],
            says: ["cannot read none.yaml", "asof init"]
        ),
        BadInputCase(
            "apply without an answer",
            ["apply", "more.yaml"],
            files: [("more.yaml", Array((CommandLineStore.definitions + "\n  one: [stats.ctr]\n").utf8))],
            prints: true,
            says: ["no terminal to ask on; say --yes"]
        ),
    ]
}
