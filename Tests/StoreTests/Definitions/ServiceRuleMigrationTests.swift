import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store

/// What becomes of versions of services that were made before rules were part of them.
@Suite struct ServiceRuleMigrationTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          airport: { key: origin, type: string }
        views:
          stats: { entities: [user], ttl: 2w, features: { x: int64, y: int64 } }
          weather: { entities: [airport], ttl: 90m, delay: 250ms, strict: true, features: { temp: float64 } }
          site: { entities: [], delay: 7us, features: { load: float32 } }
          slow: { entities: [user], ttl: 36h, delay: 45s, features: { z: int64 } }
          gone: { entities: [user], ttl: 5d, features: { z: int64 } }
        services:
          trip:
            - weather.temp
            - stats.x
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [temp] }
            - stats.y
            - site.load
          rank: [stats.x]
          old: [slow.z]
          lost: [gone.z]
        """

    /// Takes services back to what the release before made: without migration 8.
    private static func takeBack(_ session: Session) throws {
        try session.execute(
            """
            ALTER TABLE asof.services DROP COLUMN roles, DROP COLUMN rules, DROP COLUMN current_from;
            DELETE FROM asof.migrations WHERE number = 8
            """
        )
    }

    /// Stores versions as the release before did.
    private static func insert(
        _ services: [(name: String, version: Int, definition: ServiceDefinition)],
        _ session: Session
    ) throws(StoreError) {
        for service in services {
            try session.query(
                """
                INSERT INTO asof.services (name, version, fingerprint, definition, definitions_version)
                VALUES ($1, $2, $3, $4, $5)
                """,
                [
                    .text(service.name), .int32(Int32(service.version)), .text(service.definition.fingerprint),
                    .jsonb(try JSONDocument.encode(service.definition)), .int64(Int64(service.version)),
                ]
            )
        }
    }

    @Test func `versions from before get the rules in force, and the last one is in force`() throws {
        let store = try TestStore(Self.yaml)
        // A view that is hidden, and one that is gone for good.
        let fewer = Self.yaml.replacing("  old: [slow.z]\n", with: "").replacing("  lost: [gone.z]", with: "")
            .replacing("  gone: { entities: [user], ttl: 5d, features: { z: int64 } }\n", with: "")
        _ = try Registry.apply(try Definitions.parse(yaml: fewer, file: "f.yaml"), prunes: true, store.session)
        let withoutSlow = fewer.replacing(
            "  slow: { entities: [user], ttl: 36h, delay: 45s, features: { z: int64 } }\n",
            with: ""
        )
        try store.apply(withoutSlow)
        let made = try #require(store.registry.service(named: "rank")?.definition)
        try Self.takeBack(store.session)
        // Columns that came back were another version then.
        var other = made
        var column = try #require(other.columns[0].feature)
        column.feature = "y"
        other.columns[0] = .feature(column)
        try store.session.transaction(.write) { () throws(StoreError) in
            try Self.insert([("rank", 2, other), ("rank", 3, made)], store.session)
        }
        #expect(try Migrator.migrate(store.session) == ["0008_service_rules.sql"])

        let registry = try Registry.load(store.session)
        let definitions = registry.definitions
        for service in definitions.services {
            let stored = try #require(registry.service(named: service.name))
            #expect(stored.rules == definitions.rules(of: service), "\(service.name)")
            #expect(stored.definition.columns == service.columns, "\(service.name)")
        }
        #expect(registry.service(named: "rank")?.version == 3)
        let all = try Registry.StoredService.all(store.session)
        #expect(
            all.map { "\($0.definition.name)@\($0.version)" } == [
                "lost@1", "old@1", "rank@1", "rank@2", "rank@3", "trip@1",
            ]
        )
        #expect(
            all[1].rules["slow"]
                == ViewRules(ttl: Interval(text: "36h"), delay: Interval(text: "45s") ?? .zero)
        )
        #expect(all[0].rules == ServiceRules([.init(prefix: "gone", ViewRules())]))
        // SQL and Swift agree on the bytes of fingerprints.
        let rows = try store.session.query("SELECT rules FROM asof.services ORDER BY name, version")
        for (row, service) in all.enumerated() { #expect(rows.text(row, 0) == service.rules.fingerprint) }

        // The same definitions are no change; other rules are the next version; the old ones again the last of theirs.
        try store.apply(withoutSlow)
        #expect(store.registry.version == registry.version)
        try store.apply(withoutSlow.replacing("ttl: 2w", with: "ttl: 1w"))
        #expect(["rank", "trip"].map { store.registry.service(named: $0)?.version } == [4, 2])
        try store.apply(withoutSlow)
        #expect(["rank", "trip"].map { store.registry.service(named: $0)?.version } == [3, 1])
    }

    @Test func `an apply of the release before does not make a version without rules`() throws {
        let store = try TestStore(Self.yaml)
        let service = try #require(store.registry.service(named: "rank")?.definition)
        let error = #expect(throws: StoreError.self) {
            try store.session.transaction(.write) { () throws(StoreError) in
                try Self.insert([("rank", 2, service)], store.session)
            }
        }
        #expect(error.map { "\($0)" }?.contains("roles") == true, "\(error.map { "\($0)" } ?? "")")
        #expect(try Registry.load(store.session).service(named: "rank")?.version == 1)
    }

    @Test func `a new store has no versions to migrate`() throws {
        let session = try Session(conninfo: try ThrowawayCluster.shared().database())
        #expect(try Migrator.migrate(session).contains("0008_service_rules.sql"))
        #expect(try Registry.StoredService.all(session) == [])
    }
}
