import Features
import PointInTime
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Rules that are applied elsewhere while a server runs.
@Suite struct ServedRulesTests {
    private static func yaml(_ ttl: String) -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], \(ttl)features: { n: int64 } }
        services:
          model: [stats.n, { view: stats, as: friend, keys: { user_id: friend_id } }]
        """
    }

    private static func plan(_ fixture: ServingFixture, _ name: String) throws -> ServicePlan {
        try fixture.serving.catalog.service(named: Array(name.utf8).span)
    }

    @Test(arguments: [ServingOptions.Residency.all, .none])
    func `every version has its own rules, the newest at once, and nothing is loaded for it`(
        resident: ServingOptions.Residency
    ) throws {
        let store = try TestStore(Self.yaml("ttl: 10m, "))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_700_000_000_000_000, [.int64(1)])])
        var options = ServingOptions()
        options.resident = resident
        let fixture = try ServingFixture(store.conninfo, options: options)
        let before = try Self.plan(fixture, "model")
        #expect(before.version == 1 && before.roles.map(\.ttlUs) == [600_000_000, 600_000_000])
        let memory = try fixture.view("stats").memory
        #expect((memory == nil) == (resident == .none))

        try store.apply(Self.yaml("ttl: 1h, delay: 1m, "))
        try fixture.catchUp(store.session)
        let after = try Self.plan(fixture, "model")
        #expect(after.version == 2 && after.roles.map(\.ttlUs) == [3_600_000_000, 3_600_000_000])
        #expect(after.fingerprint == before.fingerprint && after.rules.fingerprint != before.rules.fingerprint)
        let pinned = try Self.plan(fixture, "model@1")
        #expect(pinned.rules == before.rules && pinned.roles.map(\.ttlUs) == [600_000_000, 600_000_000])
        #expect(try fixture.view("stats").memory === memory)
        #expect(try fixture.view("stats").ttlUs == 3_600_000_000)

        try store.apply(Self.yaml(""))
        try fixture.catchUp(store.session)
        #expect(try Self.plan(fixture, "model").roles.map(\.ttlUs) == [nil, nil])
        #expect(try Self.plan(fixture, "model@2").rules == after.rules)
        // Back as it was: the number of then, also in a server that starts now.
        try store.apply(Self.yaml("ttl: 10m, "))
        try fixture.catchUp(store.session)
        for server in [fixture, try ServingFixture(store.conninfo, options: options)] {
            #expect(try Self.plan(server, "model").version == 1)
            #expect(server.serving.catalog.services.map(\.version) == [1])
            #expect(try Self.plan(server, "model@3").roles.map(\.ttlUs) == [nil, nil])
            let error = #expect(throws: StoreError.self) { try Self.plan(server, "model@4") }
            #expect(error.map { "\($0)" }?.hasSuffix("its newest version is 3") == true)
        }
    }
}
