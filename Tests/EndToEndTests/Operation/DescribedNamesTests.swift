import EmbeddedPostgres
import Foundation
import Glibc
import Postgres
import Store
import TestSupport
import Testing

/// What commands say of names, versions, owners, expired values, and of where the store is.
@Suite struct DescribedNamesTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], ttl: 30d, owner: team-a, tags: { tier: gold, area: web }, features: { n: int64, m: int64 } }
          slow: { entities: [user], ttl: 10d, delay: 1h, features: { k: int64 } }
        services:
          svc: { features: [stats.n], owner: team-b, tags: { model: x } }
          old: [stats.m]
        """

    private func place() throws -> Workplace {
        let place = try Workplace(Self.yaml)
        try place.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            input: "user_id,event_time,n,m\n1,2020-01-01T00:00:00Z,5,6\n"
        )
        try place.asof(
            ["ingest", "slow", "-", "--format", "csv"],
            input: "user_id,event_time,k\n1,2020-02-01T00:00:00Z,7\n"
        )
        return place
    }

    @Test func `owner and tags are shown, and every version by its number`() throws {
        let place = try place()
        let view = try place.asof(["describe", "stats"]).out
        #expect(view.contains("owner      team-a\ntags       area=web, tier=gold\n"), "\(view)")
        let service = try place.asof(["describe", "svc@1"]).out
        #expect(service.hasPrefix("service      svc@1\nowner        team-b\ntags         model=x\n"), "\(service)")
        let missing = try place.asof(["describe", "svc@7"], expecting: 1).error
        #expect(missing.contains("no service 'svc@7'; its newest version is 1"), "\(missing)")
    }

    @Test func `a retired name says that it is retired, wherever it is asked for`() throws {
        let place = try place()
        _ = try place.scratch.write(
            "features.yaml",
            "entities: { user: { key: user_id, type: int64 } }\n"
                + "views: { stats: { entities: [user], ttl: 30d, features: { n: int64 } } }\nservices: { svc: [stats.n] }\n"
        )
        try place.asof(["apply", "--yes", "--allow-retire"])
        for (arguments, part) in [
            (["describe", "slow"], "no view 'slow' in force: it is retired since 20"),
            (
                ["describe", "old"],
                "no service 'old' in force: it is retired, and its versions can be asked for, the last one as old@1"
            ),
            (["get", "old", "1"], "no service 'old' in force: it is retired"),
            (["get", "slow", "1"], "no view 'slow' in force: it is retired since 20"),
            (["get", "stats.m", "1"], "the view 'stats' has no feature 'm' in force: it is retired, with its data"),
        ] {
            let error = try place.asof(arguments, expecting: 1).error
            #expect(error.contains(part), "\(arguments): \(error)")
        }
        #expect(try place.asof(["get", "old@1", "1", "--at", "2020-01-02T00:00:00Z"]).out.contains("6"))
    }

    @Test func `what has expired shows its time, and where all has, what to do`() throws {
        let place = try place()
        let at = try place.asof(["get", "stats", "1", "--at", "2020-03-01T00:00:00Z"])
        #expect(at.out.contains("expired  2020-01-01T00:00:00Z"), "\(at.out)")
        #expect(
            at.error.contains(
                "all values have expired at 2020-03-01T00:00:00Z: the newest row is of 2020-01-01T00:00:00Z"
            ),
            "\(at.error)"
        )
        let now = try place.asof(["get", "slow", "1"])
        #expect(
            now.error
                == "asof: all values have expired by the clock: the newest row is of 2020-02-01T00:00:00Z, and the ttl of 'slow' "
                + "is 10d; --at 2020-02-01T01:00:00Z reads as of then\n",
            "\(now.error)"
        )
        let shown = try place.asof(["get", "slow", "1", "--at", "2020-02-01T01:00:00Z"])
        #expect(shown.error == "" && shown.out.contains("7 "), "\(shown.out)\(shown.error)")
        // What nobody stored has not expired.
        #expect(try place.asof(["get", "slow", "2"]).error == "")
        let server = try ServedAsof(["-d", place.conninfo], in: place.scratch.path)
        let hasSaid = Patience.wait {
            server.running.errorSoFar.contains("every value of view 'slow' has expired by the clock")
        }
        let said = server.stop()
        #expect(hasSaid, "\(said.error)")
    }

    @Test func `a check says nothing but what is wrong, for one view, as JSON`() throws {
        let place = try place()
        let quiet = try place.asof(["check", "--quiet"])
        #expect(quiet.out == "" && quiet.error == "")
        let json = try place.asof(["check", "--json", "--view", "stats"]).out
        #expect(
            json.contains(
                #"{"subject":"stats","property":"online is the latest of history","violations":0,"examples":[]}"#
            ),
            "\(json)"
        )
        #expect(!json.contains(#""subject":"slow""#) && json.contains(#""subject":"ledger""#))
        #expect(
            try place.asof(["check", "--view", "stats", "--view", "slow", "stats"]).out.components(
                separatedBy: "online is the latest"
            ).count == 3
        )
        try place.session.execute("UPDATE online.stats SET n = 7")
        #expect(try place.asof(["check", "--quiet", "--view", "slow"]).out == "")
        let broken = try place.asof(["check", "--quiet"], expecting: 1)
        #expect(broken.out.contains("BROKEN") && !broken.out.contains("ok "), "\(broken.out)")
        #expect(broken.error.contains("asof rebuild-online stats"))
        let object = try place.asof(["check", "--quiet", "--json"], expecting: 1).out
        #expect(
            object
                == #"{"subject":"stats","property":"online is the latest of history","violations":1,"examples":["user_id=1 (other values)"]}"#
                + "\n",
            "\(object)"
        )
    }

    @Test func `variables of libpq that hide a store in the folder are named`() throws {
        let scratch = try Scratch()
        defer { if let cluster = try? EmbeddedCluster.find(from: scratch.path) { try? cluster.stop() } }
        #expect(chmod(scratch.path, 0o755) == 0)
        let cluster = try ThrowawayCluster.shared()
        let environment = ["PGHOST": cluster.folder, "PGUSER": "asof", "PGDATABASE": "postgres", "PGPORT": "5432"]
        let made = try AsofBinary.run(["init"], in: scratch.path, environment: environment)
        #expect(
            made.error.contains("WARNING: other commands will use the database that PGHOST, PGDATABASE name"),
            "\(made.error)"
        )
        let status = try AsofBinary.run(["status"], in: scratch.path, environment: environment)
        #expect(
            status.error.contains("PGHOST, PGDATABASE are set and named the store, not \(scratch.path)/asof-data"),
            "\(status.error)"
        )
        #expect(status.error.contains("env -u PGHOST -u PGDATABASE asof …"))
        let own = try AsofBinary.run(["status"], in: scratch.path)
        #expect(own.status == 0 && own.error == "", "\(own.error)")
    }
}
