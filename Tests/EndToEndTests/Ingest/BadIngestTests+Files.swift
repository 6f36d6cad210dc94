import Features
import Foundation
import Glibc
import TestSupport
import Testing

extension BadIngestTests {
    static let columns: [BadInputCase] = [
        .file(
            "a feature without a column",
            "stats",
            "bad.csv",
            "user_id,event_time,clicks,ctr\n1,2026-01-01,1,1\n",
            says: [
                "no column for feature 'name' of view 'stats'", "user_id, event_time, clicks, ctr", "--missing null",
            ]
        ),
        .file(
            "a misspelt feature",
            "stats",
            "bad.csv",
            "user_id,at,click,ctr,name\n1,2026-01-01,1,1,a\n",
            says: ["no column for feature 'clicks'", "--map"]
        ),
        .file(
            "a key without a column",
            "stats",
            "bad.csv",
            "id,event_time,clicks,ctr,name\n1,2026-01-01,1,1,a\n",
            says: ["no column for the entity key 'user_id'", "--map COLUMN=user_id"]
        ),
        .file(
            "an unknown column",
            "stats",
            "bad.csv",
            "user_id,event_time,clicks,ctr,name,extra\n1,2026-01-01,1,1,a,b\n",
            says: ["view 'stats' has no 'extra'", "--ignore-extra"]
        ),
        .file(
            "two columns that could be the event time",
            "logins",
            "bad.csv",
            "login,n,created,updated\na,1,2026-01-01,2026-01-02\n",
            says: ["could be any of created, updated", "--event-time"]
        ),
        .file(
            "no column for the event time",
            "logins",
            "bad.csv",
            "login,n\na,1\n",
            says: ["no column left for event times", "login, n"]
        ),
        .file(
            "an event time column that is not",
            "logins",
            "bad.csv",
            "login,n,at\na,1,2026-01-01\n",
            "--event-time",
            "att",
            says: ["no column 'att', which --event-time names", "did you mean 'at'?"]
        ),
        .file(
            "a feature as the event time",
            "logins",
            "bad.csv",
            "login,n,at\na,1,2026-01-01\n",
            "--event-time",
            "n",
            says: ["--event-time n", "already"]
        ),
        .file(
            "a known-at column that is not",
            "logins",
            "bad.csv",
            "login,n,at\na,1,2026-01-01\n",
            "--known-at",
            "seen",
            says: ["no column 'seen', which --known-at names"]
        ),
        .file(
            "--map to a feature that is not",
            "logins",
            "bad.csv",
            "login,n,at\na,1,2026-01-01\n",
            "--map",
            "n=m",
            says: ["--map n=m: view 'logins' has no 'm'"]
        ),
        .file(
            "--map from a column that is not",
            "logins",
            "bad.csv",
            "login,count,at\na,1,2026-01-01\n",
            "--map",
            "coumt=n",
            says: ["--map coumt=n: bad.csv has no column 'coumt'", "did you mean 'count'?"]
        ),
        .file(
            "--map of two columns to one feature",
            "logins",
            "bad.csv",
            "login,a,b,at\na,1,2,2026-01-01\n",
            "--map",
            "a=n",
            "--map",
            "b=n",
            says: ["two columns are meant for 'n'"]
        ),
        .file(
            "--map of one column to two features",
            "stats",
            "bad.csv",
            "user_id,event_time,x,name\n1,2026-01-01,1,a\n",
            "--map",
            "x=clicks",
            "--map",
            "x=ctr",
            says: ["'x' is named twice"]
        ),
    ]

    private static let table: [(name: String, type: FeatureType, values: [Value])] = [
        ("login", .string, [.string("a"), .string("b")]), ("n", .int64, [.int64(1), .int64(2)]),
        ("event_time", .timestamp, [.timestamp(Timestamp(microseconds: 0)), .timestamp(Timestamp(microseconds: 1))]),
    ]

    static let files: [BadInputCase] = [
        BadInputCase("no such file", ["ingest", "stats", "nope.csv"], says: ["nope.csv: there is no such file"]),
        BadInputCase(
            "a name without a format",
            ["ingest", "stats", "table.xlsx"],
            says: ["table.xlsx", "--format csv|jsonl|parquet"]
        ),
        .file("an empty CSV file", "stats", "bad.csv", "", says: ["bad.csv: the file is empty", "header"]),
        .file("an empty Parquet file", "stats", "bad.parquet", "", says: ["bad.parquet: the file is empty", "footer"]),
        .file(
            "text that is named Parquet",
            "stats",
            "bad.parquet",
            "user_id,event_time\n",
            says: ["bad.parquet: cannot be read", "Parquet"]
        ),
        BadInputCase(
            "gzip that is cut off",
            ["ingest", "stats", "bad.csv"],
            files: [("bad.csv", [0x1F, 0x8B, 8, 0])],
            says: ["bad.csv: the gzip data cannot be decompressed: it is cut off"]
        ),
        BadInputCase(
            "Parquet that is named CSV",
            ["ingest", "logins", "bad.csv"],
            files: [("bad.csv", (try? parquet(table)) ?? [])],
            says: ["bad.csv: this is a Parquet file; say --format parquet"]
        ),
        BadInputCase(
            "Parquet that is cut off",
            ["ingest", "logins", "bad.parquet"],
            files: [("bad.parquet", Array(((try? parquet(table)) ?? []).dropLast(40)))],
            says: ["bad.parquet: cannot be read"]
        ),
        BadInputCase(
            "Parquet with a column of another type",
            ["ingest", "logins", "bad.parquet"],
            files: [
                (
                    "bad.parquet",
                    (try? parquet([table[0], ("n", .string, [.string("one"), .string("two")]), table[2]])) ?? []
                )
            ],
            says: ["bad.parquet", "column 'n'", "expected int64"]
        ),
        BadInputCase(
            "Parquet with a null event time",
            ["ingest", "logins", "bad.parquet"],
            files: [
                (
                    "bad.parquet",
                    (try? parquet([table[0], table[1], ("event_time", .timestamp, [table[2].values[0], .null])])) ?? []
                )
            ],
            says: ["bad.parquet: row 2: the event time is null"]
        ),
    ]

    static let options: [BadInputCase] = [
        BadInputCase("an unknown view", ["ingest", "stat", "x.csv"], says: ["no view 'stat'; did you mean 'stats'?"]),
        BadInputCase(
            "an unknown option",
            ["ingest", "stats", "x.csv", "--ignore"],
            status: 2,
            says: ["--ignore", "Usage: asof ingest"]
        ),
        BadInputCase(
            "an unknown format",
            ["ingest", "stats", "x", "--format", "xml"],
            status: 2,
            says: ["--format 'xml': expected csv|jsonl|parquet"]
        ),
        BadInputCase(
            "an unknown unit",
            ["ingest", "stats", "x.csv", "--time-unit", "h"],
            status: 2,
            says: ["--time-unit 'h': expected s, ms, us or ns"]
        ),
        BadInputCase(
            "an unknown policy",
            ["ingest", "stats", "x.csv", "--missing", "zero"],
            status: 2,
            says: ["--missing 'zero': expected null or error"]
        ),
        BadInputCase(
            "half a --map",
            ["ingest", "stats", "x.csv", "--map", "clicks"],
            status: 2,
            says: ["--map 'clicks': expected column=feature"]
        ),
        BadInputCase(
            "one --source for two files",
            ["ingest", "stats", "x.csv", "y.csv", "--source", "s"],
            status: 2,
            says: ["--source names one source"]
        ),
        BadInputCase(
            "a batch of no rows",
            ["ingest", "stats", "x.csv", "--batch-rows", "0"],
            status: 2,
            says: ["--batch-rows 0: expected 1 to"]
        ),
        BadInputCase("no file", ["ingest", "stats"], status: 2, says: ["give the view and its files"]),
    ]

    @Test(.enabled(if: getuid() != 0, "root may read everything")) func `a file that may not be read is named`() throws
    {
        let store = try Self.store.get()
        try store.write("secret.csv", "user_id,event_time\n")
        #expect(chmod(store.folder + "/secret.csv", 0) == 0)
        try BadInputCase("no permission", ["ingest", "stats", "secret.csv"], says: ["secret.csv: permission denied"])
            .check(in: store)
    }
}
