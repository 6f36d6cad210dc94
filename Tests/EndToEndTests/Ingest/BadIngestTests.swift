import Features
import Foundation
import TestSupport
import Testing

/// What `asof ingest` refuses: each case says where and why, and stores nothing.
@Suite(.serialized) struct BadIngestTests {
    static let store = Result { try CommandLineStore() }

    @Test(arguments: text + values + times + columns + files + options) func `bad input is named and nothing is stored`(
        _ input: BadInputCase
    ) throws {
        try input.check(in: try Self.store.get())
    }

    private static let good = "1,2026-01-01T00:00:00Z,3,0.5,ann\n"

    static let text: [BadInputCase] = [
        .stats(
            "a quote that is never closed",
            good + "2,2026-01-01,3,0.5,\"ann\n3,",
            says: ["row 2 (line 3), column 'name'", "never closed"]
        ),
        .stats(
            "too few fields",
            good + "2,2026-01-01T00:00:00Z,3\n",
            says: ["row 2 (line 3): expected 5 fields, got 3"]
        ),
        .stats(
            "too many fields",
            good + "2,2026-01-01,3,0.5,ann,bob\n",
            says: ["row 2 (line 3): expected 5 fields, got 6"]
        ),
        .stats(
            "text behind a closing quote",
            "1,2026-01-01,3,0.5,\"ann\"x\n",
            says: ["row 1 (line 2), column 'name'", "written twice"]
        ),
        .stats("NUL in CSV", good + "2,2026-01-01,3,0.5,a\0b\n", says: ["row 2 (line 3), column 'name'", "NUL"]),
        BadInputCase(
            "text that is no UTF-8",
            ["ingest", "stats", "bad.csv"],
            files: [
                ("bad.csv", Array("user_id,event_time,clicks,ctr,name\n1,2026-01-01,3,0.5,a".utf8) + [0xFF, 0x0A])
            ],
            says: ["row 1 (line 2), column 'name'", "not valid UTF-8"]
        ),
        BadInputCase(
            "UTF-16",
            ["ingest", "stats", "bad.csv"],
            files: [("bad.csv", [0xFF, 0xFE, 0x61, 0])],
            says: ["bad.csv", "UTF-16", "convert it to UTF-8"]
        ),
        .file(
            "a header with a name twice",
            "stats",
            "bad.csv",
            "user_id,clicks,clicks\n",
            says: ["line 1", "'clicks' twice"]
        ),
        .file(
            "a header with an empty name",
            "stats",
            "bad.csv",
            "user_id,,clicks\n",
            says: ["line 1", "name 2 of 3 is empty"]
        ),
        .file(
            "a JSON object that is cut off",
            "stats",
            "bad.jsonl",
            #"{"user_id":1,"event_time":"2026-01-01","clicks":3,"ctr":0.5,"name":"ann"}"# + "\n" + #"{"user_id":2,"ev"#,
            says: ["bad.jsonl: row 2 (line 2)"]
        ),
        .file(
            "a JSON key twice",
            "stats",
            "bad.jsonl",
            #"{"user_id":1,"event_time":"2026-01-01","clicks":3,"ctr":0.5,"name":"ann","name":"bob"}"#,
            says: ["row 1 (line 1), column 'name'", "twice"]
        ),
        .file(
            "an unknown JSON key",
            "stats",
            "bad.jsonl",
            #"{"user_id":1,"event_time":"2026-01-01","clicks":3,"ctr":0.5,"name":"ann"}"# + "\n"
                + #"{"user_id":1,"event_time":"2026-01-01","click":3,"ctr":0.5,"name":"ann"}"#,
            says: ["row 2 (line 2), column 'click'", "--ignore-extra", "did you mean 'clicks'?"]
        ),
        .file(
            "an absent JSON key",
            "stats",
            "bad.jsonl",
            #"{"user_id":1,"event_time":"2026-01-01","clicks":3,"ctr":0.5}"#,
            says: ["row 1 (line 1), column 'name'", "absent", "--missing null"]
        ),
        .file(
            "NUL in JSON",
            "logins",
            "bad.jsonl",
            #"{"login":"a\u0000b","event_time":"2026-01-01","n":1}"#,
            says: ["column 'login'", "U+0000"]
        ),
        .file(
            "a JSON object for an integer",
            "logins",
            "bad.jsonl",
            #"{"login":"ann","event_time":"2026-01-01","n":{"a":1}}"#,
            says: ["row 1 (line 1), column 'n'", "expected int64", "object"]
        ),
        .file(
            "a JSON string that is no integer",
            "logins",
            "bad.jsonl",
            #"{"login":"ann","event_time":"2026-01-01","n":"seven"}"#,
            says: ["column 'n'", "expected int64, got 'seven'"]
        ),
    ]

    static let values: [BadInputCase] = [
        .stats(
            "a word for an integer",
            good + "2,2026-01-01,many,0.5,ann\n",
            says: ["row 2 (line 3), column 'clicks': expected int64, got 'many'"]
        ),
        .stats(
            "a fraction for an integer",
            "2,2026-01-01,3.5,0.5,ann\n",
            says: ["column 'clicks': expected int64, got '3.5'"]
        ),
        .stats(
            "an integer beyond 64 bits",
            "2,2026-01-01,9223372036854775808,1,a\n",
            says: ["column 'clicks'", "out of range"]
        ),
        .stats(
            "a float beyond float64",
            "2,2026-01-01,1,1e999,a\n",
            says: ["column 'ctr': expected float64, got '1e999'", "out of range"]
        ),
        .stats(
            "a string of 2 MiB",
            "2,2026-01-01,1,1,\(String(repeating: "x", count: 2 << 20))\n",
            says: ["row 1 (line 2), column 'name'", "2097152 bytes", "1048576 are allowed", "xxx…"]
        ),
        .stats("a null key", good + ",2026-01-01,1,1,a\n", says: ["row 2 (line 3): the entity key 'user_id' is null"]),
        .stats("a null event time", good + "2,,1,1,a\n", says: ["row 2 (line 3): the event time is null"]),
        .file(
            "a key of more than 2,000 bytes",
            "logins",
            "bad.csv",
            "login,event_time,n\n\(String(repeating: "k", count: 2_001)),2026-01-01,1\n",
            says: ["row 1 (line 2): the entity key 'login' has 2001 bytes; 2000 are allowed"]
        ),
        .file(
            "an integer beyond 32 bits",
            "rich",
            "bad.csv",
            "user_id,event_time,i\n1,2026-01-01,2147483648\n",
            "--missing",
            "null",
            says: ["column 'i': expected int32, got '2147483648'", "out of range"]
        ),
        .file(
            "a word for a bool",
            "rich",
            "bad.csv",
            "user_id,event_time,b\n1,2026-01-01,maybe\n",
            says: ["column 'b': expected bool, got 'maybe'"]
        ),
        .file(
            "half a byte",
            "rich",
            "bad.csv",
            "user_id,event_time,x\n1,2026-01-01,\\x0\n",
            says: ["column 'x': expected bytes, got '\\x0'"]
        ),
        .file(
            "a vector of another length",
            "rich",
            "bad.csv",
            "user_id,event_time,v\n1,2026-01-01,\"[1,2]\"\n",
            says: ["column 'v': expected vector(3), got '[1,2]'", "2 elements"]
        ),
        .file(
            "a null in a list",
            "rich",
            "bad.jsonl",
            #"{"user_id":1,"event_time":"2026-01-01","li":[1,null]}"#,
            says: ["column 'li'", "list(int64)"]
        ),
        .file(
            "a null that marks a deletion",
            "logins",
            "bad.csv",
            "login,event_time,n,gone\na,2026-01-01,1,\n",
            "--deleted",
            "gone",
            says: ["row 1 (line 2): the deleted flag is null"]
        ),
    ]

    static let times: [BadInputCase] = [
        .stats(
            "a time in another notation",
            "2,01/02/2026,1,1,a\n",
            says: ["column 'event_time': expected timestamp, got '01/02/2026'", "RFC 3339"]
        ),
        .stats(
            "an integer time without its unit",
            "2,1767225600,1,1,a\n",
            says: ["row 1 (line 2), column 'event_time'", "--time-unit s|ms|us|ns"]
        ),
        .stats(
            "µs read as ms",
            "2,1767225600000000,1,1,a\n",
            "--time-unit",
            "ms",
            says: ["row 1", "outside the years 1 to 9999"]
        ),
        .stats(
            "ms read as µs",
            "2,1767225600000,1,1,a\n",
            "--time-unit",
            "us",
            says: [
                "bad.csv: row 1 (line 2), column 'event_time': expected timestamp, got '1767225600000': read in us, it lies in",
                "the first 100 days of 1970", "--allow-1970",
            ]
        ),
        .stats("an infinite time", "2,infinity,1,1,a\n", says: ["column 'event_time'", "infinite times are refused"]),
        .stats("a leap second", "2,2016-12-31T23:59:60Z,1,1,a\n", says: ["column 'event_time'", "23:59:60"]),
        .stats("a day that is not", "2,2026-02-30T00:00:00Z,1,1,a\n", says: ["column 'event_time'", "2026-02-30"]),
        .stats("a year beyond 9999", "2,10000-01-01T00:00:00Z,1,1,a\n", says: ["column 'event_time'"]),
        .stats(
            "an event of tomorrow",
            good + "2,\(tomorrow),1,1,a\n",
            says: ["row 2 (line 3): the event time \(tomorrow)", "more than 5 minutes ahead", "--allow-future"]
        ),
        .file(
            "µs read as seconds, which spread a day's events over millennia",
            "daily",
            "bad.csv",
            "user_id,event_time,n\n" + (1...150).map { "\($0),\($0 * 10_000_000),1\n" }.joined(),
            "--time-unit",
            "s",
            says: [
                "bad.csv: the event times from 1970-04-26T17:46:40Z to 2017-07-14T02:40:00Z",
                "would open 150 new partitions of one day each; 120 are allowed", "--time-unit",
            ]
        ),
        .file(
            "a known-at time after now",
            "logins",
            "bad.csv",
            "login,event_time,n,known\na,2026-01-01,1,\(tomorrow)\n",
            "--known-at",
            "known",
            says: ["row 1 (line 2): the known-at time \(tomorrow) is later than now"]
        ),
        .file(
            "an infinite known-at time",
            "logins",
            "bad.csv",
            "login,event_time,n,known\na,2026-01-01,1,-infinity\n",
            "--known-at",
            "known",
            says: ["column 'known'", "infinite"]
        ),
    ]

    private static let tomorrow: String = {
        let time = Int64(Date().timeIntervalSince1970 + 86_400)
        return Timestamp(microseconds: time * 1_000_000).text
    }()
}
