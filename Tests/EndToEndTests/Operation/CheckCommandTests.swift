import Postgres
import Store
import TestSupport
import Testing

/// What `asof check` says of a store that somebody changed by hand.
@Suite struct CheckCommandTests {
    @Test func `an online table that is not the latest of history is named with what mends it`() throws {
        let work = try Workplace()
        try work.asof(["ingest", "stats", "-", "--format", "csv"], input: Workplace.csv(0..<60))
        #expect(try work.asof(["check"]).error == "")
        try work.session.execute("UPDATE online.stats SET id = -1 WHERE user_id = 7")
        let broken = try work.asof(["check"], expecting: 1)
        #expect(broken.out.contains("BROKEN"))
        #expect(
            broken.out.hasSuffix(
                "\nstats: online is the latest of history, but not for:\n  user_id=7 (other values)\n"
            ),
            "\(broken.out)"
        )
        #expect(broken.error == "asof: history decides; repair with `asof rebuild-online stats`\n")
        try work.asof(["rebuild-online", "stats"])
        try work.asof(["check"])
        try work.session.execute("DELETE FROM history.stats WHERE id = 0")
        let lost = try work.asof(["check"], expecting: 1)
        #expect(lost.error.contains("asof: ledger and history are changed by nothing but asof"), "\(lost.error)")
    }

    @Test func `a training set's own name leads to its manifest`() throws {
        let work = try Workplace()
        try work.asof(["ingest", "stats", "-", "--format", "csv"], input: Workplace.csv(0..<60))
        _ = try work.scratch.write("spine.csv", "user_id,t\n1,2024-02-01\n")
        let export = ["export", "--spine", "spine.csv", "--features", "stats.*", "--label-time", "t", "--out"]
        try work.asof(export + ["set.csv"])
        #expect(try work.asof(["verify", "set.csv"]).out.contains("is what position"))
        #expect(try AsofBinary.run(["report", "set.csv"], in: work.scratch.path).out.contains("stats__id"))
        let refused = try work.asof(export + ["features.yaml", "--format", "csv"], expecting: 1)
        #expect(refused.error.contains("features.yaml is a file of definitions"), "\(refused.error)")
        let unknown = try work.asof(["gett"], expecting: 2)
        #expect(unknown.error.contains("did you mean 'get'?\n"), "\(unknown.error)")
    }

    @Test func `a plan shows what a new view has`() throws {
        let work = try Workplace()
        let view = "  fresh: { entities: [user], ttl: 30d, features: { a: float64, b: { type: string, pii: true } } }\n"
        _ = try work.scratch.write("features.yaml", Workplace.yaml() + "\n" + view)
        let plan = try work.asof(["plan"]).out
        #expect(plan.hasSuffix("fresh: a float64, b string (pii); ttl 30d\n"), "\(plan)")
    }

    @Test func `a spelling of null that other programs have is named with its option`() throws {
        let work = try Workplace()
        let refused = try work.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            expecting: 1,
            input: "user_id,event_time,id\n1,2024-01-01,NA\n"
        )
        #expect(refused.error.contains("where it stands for null, say --null NA"), "\(refused.error)")
    }
}
