import Foundation
import TestSupport
import Testing

/// What null is in each format, and what an absent column or key means.
@Suite(.serialized) struct NullTests {
    static let store = Result { try CommandLineStore() }

    /// The features of one user as `get --json` gives them, by name.
    private static func values(_ view: String, _ user: Int) throws -> (values: [String: Any], status: [String: String])
    {
        let line = try store.get().succeed(["get", view, "\(user)", "--json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let values = try #require(object["values"] as? [String: Any])
        let status = try #require(object["status"] as? [String: String])
        return (values, status)
    }

    @Test func `in CSV an empty field is null and "" is the empty string; --null adds spellings`() throws {
        let store = try Self.store.get()
        try store.write(
            "nulls.csv",
            """
            user_id,event_time,clicks,ctr,name
            1,2026-01-01T00:00:00Z,,NaN,
            2,2026-01-01T00:00:00Z,NA,inf,""
            3,2026-01-01T00:00:00Z,3,-inf,"NA"

            """
        )
        let refused = try store.run(["ingest", "stats", "nulls.csv"])
        #expect(refused.error.contains("row 2 (line 3), column 'clicks': expected int64, got 'NA'"))
        try store.succeed(["ingest", "stats", "nulls.csv", "--null", "NA"])
        let one = try Self.values("stats", 1)
        #expect(one.status == ["stats__clicks": "null", "stats__ctr": "present", "stats__name": "null"])
        #expect(one.values["stats__ctr"] as? String == "NaN")
        let two = try Self.values("stats", 2)
        #expect(two.status == ["stats__clicks": "null", "stats__ctr": "present", "stats__name": "present"])
        #expect(two.values["stats__name"] as? String == "")
        #expect(two.values["stats__ctr"] as? String == "inf")
        let three = try Self.values("stats", 3)
        #expect(three.values["stats__name"] as? String == "NA")
        #expect(three.values["stats__ctr"] as? String == "-inf")
        let four = try Self.values("stats", 4)
        #expect(Set(four.status.values) == ["missing"])
    }

    @Test func `a JSON null is stored; an absent key is refused or null, by the view's policy or --missing`() throws {
        let store = try Self.store.get()
        let row = #"{"user_id":11,"event_time":"2026-01-01T00:00:00Z","clicks":null,"ctr":1.5"#
        try store.write("null.jsonl", row + #","name":null}"#)
        try store.succeed(["ingest", "stats", "null.jsonl"])
        #expect(
            try Self.values("stats", 11).status == [
                "stats__clicks": "null", "stats__ctr": "present", "stats__name": "null",
            ]
        )

        try store.write("absent.jsonl", row.replacingOccurrences(of: "11", with: "12") + "}")
        let refused = try store.run(["ingest", "stats", "absent.jsonl"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("column 'name': the key is absent; write null, or say --missing null"))
        try store.succeed(["ingest", "stats", "absent.jsonl", "--missing", "null"])
        #expect(try Self.values("stats", 12).status["stats__name"] == "null")

        // The view `rich` says missing: null itself.
        try store.write("rich.jsonl", #"{"user_id":13,"event_time":"2026-01-01T00:00:00Z","l":1}"#)
        let strict = try store.run(["ingest", "rich", "rich.jsonl", "--missing", "error"])
        #expect(strict.status == 1)
        #expect(strict.error.contains("the key is absent"))
        try store.succeed(["ingest", "rich", "rich.jsonl"])
        let rich = try Self.values("rich", 13)
        #expect(rich.status["rich__l"] == "present")
        #expect(rich.status["rich__b"] == "null")
    }

    @Test func `a newer row's null hides the older value, and a tombstone hides all`() throws {
        let store = try Self.store.get()
        try store.write(
            "deleted.csv",
            """
            login,event_time,n,gone
            a,2026-01-01T00:00:00Z,1,false
            a,2026-01-03T00:00:00Z,,true
            b,2026-01-01T00:00:00Z,1,false
            b,2026-01-02T00:00:00Z,,false
            c,2026-01-01T00:00:00Z,7,f

            """
        )
        try store.succeed(["ingest", "logins", "deleted.csv", "--deleted", "gone"])
        let now = try store.succeed(["get", "logins", "a", "b", "c", "--json"]).split(separator: "\n")
        #expect(now.map { $0.contains(#""status":{"logins__n":"missing"}"#) } == [true, false, false])
        #expect(now[1].contains(#""status":{"logins__n":"null"}"#))
        #expect(now[2].contains(#""values":{"logins__n":7}"#))
        let then = try store.succeed(["get", "logins", "a", "--at", "2026-01-02T00:00:00Z", "--json"])
        #expect(then.contains(#""values":{"logins__n":1}"#))

        try store.write(
            "spine.csv",
            "login,at\na,2026-01-02T00:00:00Z\na,2026-01-03T00:00:00Z\nb,2026-01-02T00:00:00Z\n"
        )
        try store.succeed([
            "export", "--spine", "spine.csv", "--label-time", "at", "--features", "logins", "--out", "out.csv",
        ])
        #expect(
            try store.read("out.csv")
                == """
                login,at,logins__n
                a,2026-01-02T00:00:00Z,1
                a,2026-01-03T00:00:00Z,
                b,2026-01-02T00:00:00Z,

                """
        )
    }

    @Test func `a row known later than the label is left out by --known-at-label only`() throws {
        let store = try Self.store.get()
        try store.write(
            "known.csv",
            "login,event_time,n,seen\nk,2026-01-01T00:00:00Z,1,2026-01-01T06:00:00Z\nk,2026-01-02T00:00:00Z,2,2026-01-05T00:00:00Z\n"
        )
        try store.succeed(["ingest", "logins", "known.csv", "--known-at", "seen", "--event-time", "event_time"])
        try store.write("known-spine.csv", "login,at\nk,2026-01-03T00:00:00Z\nk,2026-01-05T00:00:00Z\n")
        let export = ["export", "--spine", "known-spine.csv", "--label-time", "at", "--features", "logins.n", "--out"]
        try store.succeed(export + ["all.csv"])
        try store.succeed(export + ["known.out.csv", "--known-at-label"])
        #expect(try store.read("all.csv").hasSuffix("k,2026-01-03T00:00:00Z,2\nk,2026-01-05T00:00:00Z,2\n"))
        #expect(try store.read("known.out.csv").hasSuffix("k,2026-01-03T00:00:00Z,1\nk,2026-01-05T00:00:00Z,2\n"))
        for file in ["all.csv", "known.out.csv"] { try store.succeed(["verify", file + ".manifest.json"]) }
    }
}
