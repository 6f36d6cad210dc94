import Features
import Glibc
import PointInTime
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// Definitions that are applied elsewhere while a server runs.
@Suite struct LiveDefinitionsTests {
    static func yaml(stats: String, services: String = "model: [stats.n]", extra: String = "") -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], \(stats) }
        \(extra)
        services:
          \(services)
        """
    }

    private static func plan(_ fixture: ServingFixture, _ name: String) throws -> ServicePlan {
        try fixture.serving.catalog.service(named: Array(name.utf8).span)
    }

    /// One request row of a service with a single key, boxed.
    static func served(_ plan: ServicePlan, _ key: Int64) -> [Value] {
        plan.columns.map { column in
            let view = plan.roles[column.role].view
            return view.memory?.withReader { reader -> Value in
                guard let row = reader.row(view.stored.definition.isGlobal ? 0 : key), !row.isDeleted else {
                    return .null
                }
                return row.value(column.source, reader.layout)
            } ?? .null
        }
    }

    @Test func `a feature more, a service changed: the old version answers as before, the new one at once`() throws {
        let store = try TestStore(
            Self.yaml(stats: "features: { n: int64, note: string }", services: "model: [stats.n, stats.note]")
        )
        try store.ingest("stats", (0..<100).map { HistoryRow([.int64($0)], at: 1, [.int64($0), .string("x\($0)")]) })
        let fixture = try ServingFixture(store.conninfo)
        let before = try Self.plan(fixture, "model")
        #expect(before.version == 1 && Self.served(before, 7) == [.int64(7), .string("x7")])
        let memory = try fixture.view("stats").memory

        // Only the service changes: nothing is loaded.
        try store.apply(Self.yaml(stats: "features: { n: int64, note: string }", services: "model: [stats.note]"))
        try fixture.catchUp(store.session)
        #expect(try Self.plan(fixture, "model").version == 2)
        #expect(try Self.plan(fixture, "model").fingerprint != before.fingerprint)
        #expect(try Self.served(Self.plan(fixture, "model@1"), 7) == [.int64(7), .string("x7")])
        #expect(try fixture.view("stats").memory === memory)

        // A feature more, one less: the old version keeps what it read.
        try store.apply(Self.yaml(stats: "features: { extra: bool, n: int64 }", services: "model: [stats.*]"))
        try fixture.catchUp(store.session)
        let newest = try Self.plan(fixture, "model")
        #expect(newest.version == 3 && newest.columns.map(\.name) == ["stats__extra", "stats__n"])
        #expect(Self.served(newest, 7) == [.null, .int64(7)])
        #expect(try Self.served(Self.plan(fixture, "model@1"), 7) == [.int64(7), .string("x7")])
        #expect(try Self.served(Self.plan(fixture, "model@2"), 7) == [.string("x7")])
        let view = try fixture.view("stats")
        #expect(view.memory !== memory && view.layout.columns.map(\.isRetired) == [false, false, true])
        #expect(view.column(named: Array("note".utf8).span) == nil)

        // Rows that come now have no note; others keep theirs.
        try store.ingest("stats", [HistoryRow([.int64(7)], at: 2, [.bool(true), .int64(70)])])
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session)
        #expect(try Self.served(Self.plan(fixture, "model"), 7) == [.bool(true), .int64(70)])
        #expect(try Self.served(Self.plan(fixture, "model@2"), 7) == [.null])
        #expect(try Self.served(Self.plan(fixture, "model@2"), 8) == [.string("x8")])

        // It comes back with what history has.
        try store.apply(
            Self.yaml(stats: "features: { n: int64, note: string }", services: "model: [stats.n, stats.note]")
        )
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session)
        #expect(try Self.served(Self.plan(fixture, "model"), 7) == [.int64(70), .null])
        #expect(try Self.served(Self.plan(fixture, "model"), 8) == [.int64(8), .string("x8")])
    }

    @Test func `while definitions are taken over the state says so`() throws {
        let store = try TestStore(Self.yaml(stats: "features: { n: int32 }"))
        try store.ingest("stats", (0..<30_000).map { HistoryRow([.int64($0)], at: 1, [.int32(1)]) })
        let fixture = try ServingFixture(store.conninfo)
        #expect(Patience.wait { !fixture.serving.state.isTakingDefinitions })
        let conninfo = store.conninfo
        let wider = try Definitions.parse(yaml: Self.yaml(stats: "features: { n: int64 }"), file: "features.yaml")
        let work = BackgroundWork { () throws(StoreError) in
            _ = try Registry.apply(wider, try Session(conninfo: conninfo))
        }
        // Without a pause: the load is short.
        let end = ContinuousClock.now + .seconds(60)
        var wasSaid = false
        while fixture.serving.catalog.version == 1, ContinuousClock.now < end {
            wasSaid = wasSaid || fixture.serving.state.isTakingDefinitions
        }
        try work.wait()
        #expect(fixture.serving.catalog.version == 2 && wasSaid)
        #expect(Patience.wait { !fixture.serving.state.isTakingDefinitions })
    }

    @Test func `what was pruned is said, and the rest goes on`() throws {
        let store = try TestStore(
            Self.yaml(
                stats: "features: { n: int64, note: string }",
                services: "model: [stats.n, stats.note]",
                extra: "  other: { entities: [user], features: { m: int64 } }"
            )
        )
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int64(1), .string("a")])])
        let fixture = try ServingFixture(store.conninfo)
        let fewer = Self.yaml(stats: "features: { n: int64 }")
        _ = try Registry.apply(try Definitions.parse(yaml: fewer, file: "features.yaml"), prunes: true, store.session)
        try fixture.catchUp(store.session)
        #expect(try Self.served(Self.plan(fixture, "model"), 1) == [.int64(1)])
        #expect(throws: StoreError.self) { try Self.plan(fixture, "model@1") }
        #expect(throws: StoreError.self) { try Self.plan(fixture, "modal") }
        #expect(throws: StoreError.self) { try fixture.view("other") }
        try fixture.expectOnline(store.session)
    }

    @Test func `a view that goes offline is not served, and one that comes is loaded`() throws {
        let features = "features: { n: int64 }"
        let store = try TestStore(Self.yaml(stats: features))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int64(1)])])
        let fixture = try ServingFixture(store.conninfo)
        try store.apply(Self.yaml(stats: "online: false, \(features)"))
        try fixture.catchUp(store.session)
        #expect(try fixture.view("stats").memory == nil && !fixture.view("stats").isOnline)
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 2, [.int64(2)])])
        try store.apply(
            Self.yaml(stats: "ttl: 5d, \(features)", extra: "  other: { entities: [user], features: { m: int64 } }")
        )
        try store.ingest("other", [HistoryRow([.int64(4)], at: 2, [.int64(4)])])
        try fixture.catchUp(store.session)
        #expect(try fixture.view("stats").ttlUs == 432_000_000_000)
        #expect(try fixture.view("other").memory?.figures.rows == 1)
        try fixture.expectOnline(store.session)
        #expect(try fixture.serving.catalog.view(named: "stats").isOnline)
    }

    /// Definitions change all the time while a writer writes and readers read: each reply is of one version, and an old
    /// version's never changes.
    @Test func `no reply is wrong while definitions change under load`() throws {
        let one = Self.yaml(stats: "features: { n: int64, note: string }", services: "model: [stats.n, stats.note]")
        let two = Self.yaml(stats: "features: { more: int64, n: int64, note: string }", services: "model: [stats.*]")
        let store = try TestStore(one)
        try store.ingest("stats", (0..<200).map { HistoryRow([.int64($0)], at: 1, [.int64(5), .string("five")]) })
        let fixture = try ServingFixture(store.conninfo)
        let isDone = Atomic(false)
        let serving = fixture.serving
        let readers = (0..<2).map { _ in
            BackgroundWork { () throws(StoreError) -> [String] in
                var wrong: [String] = []
                let (old, newest) = (Array("model@1".utf8), Array("model".utf8))
                while !isDone.load(ordering: .relaxed) {
                    for key in 0..<200 as Range<Int64> {
                        let catalog = serving.catalog
                        let pinned = Self.served(try catalog.service(named: old.span), key)
                        if pinned != [.int64(5), .string("five")] { wrong.append("model@1: \(pinned)") }
                        let plan = try catalog.service(named: newest.span)
                        let values = Self.served(plan, key)
                        let expected: [Value] =
                            plan.columns.count == 2
                            ? [.int64(5), .string("five")] : [.null, .int64(5), .string("five")]
                        if values != expected { wrong.append("model@\(plan.version): \(values)") }
                    }
                }
                return wrong
            }
        }
        for round in 0..<8 {
            try store.apply(round % 2 == 0 ? two : one)
            let features: [Value] =
                round % 2 == 0 ? [.null, .int64(5), .string("five")] : [.int64(5), .string("five")]
            try store.ingest(
                "stats",
                (0..<50).map { HistoryRow([.int64($0)], at: Int64(round + 2), features) }
            )
            try fixture.catchUp(store.session)
        }
        isDone.store(true, ordering: .relaxed)
        for reader in readers {
            let wrong = try reader.wait()
            #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(3))")
        }
        try fixture.expectOnline(store.session)
    }
}
