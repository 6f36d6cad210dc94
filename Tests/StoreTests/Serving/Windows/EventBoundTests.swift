import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// What events in memory may take, and who gives way.
@Suite struct EventBoundTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], features: { n: int64 } }
          a: { entities: [user], events: { id: e }, features: { e: int64 } }
          b: { entities: [user], events: { id: e }, features: { e: int64 } }
          of_a: { entities: [user], windows: { of: a, features: { n: count over lifetime } } }
          of_b: { entities: [user], windows: { of: b, features: { n: count over lifetime } } }
        """

    private static func rows(_ range: Range<Int64>) -> [HistoryRow] {
        range.map { HistoryRow([.int64(1)], at: 1_704_067_200_000_000 + $0, [.int64($0)]) }
    }

    private static func ready(_ fixture: ServingFixture, _ view: String) throws -> Bool {
        try fixture.view(view).events[0].isReady
    }

    @Test func `events have a bound of their own, which latest values do not count for`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", (0..<20_000).map { HistoryRow([.int64($0)], at: 1, [.int64($0)]) })
        try store.ingest("a", Self.rows(0..<20_000))
        let free = try ServingFixture(store.conninfo, options: .keepingEvents)
        let bytes = try #require(free.windows("of_a").resident).events.figures.bytes
        var options = ServingOptions.keepingEvents
        // Loading takes more than what is loaded.
        options.eventBytesMax = 3 * bytes
        let fixture = try ServingFixture(store.conninfo, options: options)
        _ = try fixture.windows("of_a")
        // What comes to be too much goes, and nothing else does.
        try store.ingest("b", Self.rows(0..<60_000))
        #expect(
            try Patience.wait {
                if case .memory? = try fixture.view("b").events[0].absence { true } else { false }
            }
        )
        #expect(try Self.ready(fixture, "a") && ResidentMemory(of: fixture.serving.catalog).eventBytes <= 3 * bytes)
        #expect(try fixture.view("stats").memory?.figures.rows == 20_000)
        let told = "MiB that events may take without --memory"
        #expect(Patience.wait { fixture.events.all.contains { $0.message.contains(told) } })
        // A load does not pass the bound either.
        options.eventBytesMax = bytes / 2
        let small = try ServingFixture(store.conninfo, options: options)
        #expect(
            try Patience.wait {
                if case .memory? = try small.view("a").events[0].absence { true } else { false }
            }
        )
        #expect(try small.view("stats").memory != nil)
    }

    @Test func `events are counted over all views, while they come, too`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("a", Self.rows(0..<3_000))
        var options = ServingOptions.keepingEvents
        options.eventsMax = 5_000
        let fixture = try ServingFixture(store.conninfo, options: options)
        _ = try (fixture.windows("of_a"), fixture.windows("of_b"))
        try store.ingest("b", Self.rows(0..<4_000))
        #expect(try Patience.wait { try fixture.view("b").events[0].absence == .events(count: 4_000) })
        #expect(try Self.ready(fixture, "a"))
        #expect(Patience.wait { fixture.events.all.contains { $0.message.contains("its events are about 4000") } })
        // A server that starts loads no more than that.
        let other = try ServingFixture(store.conninfo, options: options)
        #expect(try Patience.wait { try other.view("b").events[0].absence == .events(count: 4_000) })
        #expect(try Patience.wait { try Self.ready(other, "a") })
        // There is room.
        try store.forget("user", "1")
        try store.ingest("b", Self.rows(0..<4_000))
        #expect(
            try Patience.wait { try fixture.view("b").events[0].figures.events == 4_000 && Self.ready(fixture, "b") }
        )
    }

    @Test func `events of short windows come back when there is room, however long the history behind them is`() throws
    {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 }, place: { key: place_id, type: int64 } }
            views:
              a: { entities: [user], events: { id: e }, features: { e: int64 } }
              b: { entities: [place], events: { id: e }, features: { e: int64 } }
              of_a: { entities: [user], windows: { of: a, features: { n: count over 1h } } }
              of_b: { entities: [place], windows: { of: b, features: { n: count over lifetime } } }
            """
        )
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let month: Int64 = 30 * 86_400_000_000
        let recent: Range<Int64> = 0..<2_000
        func row(_ id: Int64, at time: Int64) -> HistoryRow { HistoryRow([.int64(1)], at: time, [.int64(id)]) }
        try store.ingest(
            "a",
            (0..<40_000).map { row($0, at: now - month - $0) } + recent.map { row(-$0 - 1, at: now - $0) }
        )
        try store.ingest("b", Self.rows(0..<4_000))
        var options = ServingOptions.keepingEvents
        options.eventsMax = 5_000
        // The view with fewer rows is loaded first, and leaves room for half of the others that windows reach.
        let fixture = try ServingFixture(store.conninfo, options: options)
        #expect(try Patience.wait { try fixture.view("a").events[0].absence == .events(count: recent.count) })
        #expect(try Self.ready(fixture, "b"))
        try store.forget("place", "1")
        #expect(try Patience.wait { try Self.ready(fixture, "a") })
        let bytes = try fixture.view("a").events[0].figures.bytes
        options.eventBytesMax = bytes / 2
        let small = try ServingFixture(store.conninfo, options: options)
        var told = 0
        #expect(
            try Patience.wait {
                if case .memory(let bytes)? = try small.view("a").events[0].absence { told = bytes }
                return told > 0
            }
        )
        #expect(told >= bytes / 2 && told < 5 * bytes)
    }

    @Test func `a load takes no latest values' place`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", (0..<2_000).map { HistoryRow([.int64($0)], at: 1, [.int64($0)]) })
        let loaded = try ServingFixture(store.conninfo)
        let catalog = loaded.serving.catalog
        let stored = try loaded.view("a").stored
        let memories = NeededWindows(over: stored, catalog.registry, catalog.versions).memories()
        let memory = try #require(memories.first)
        var options = ServingOptions.keepingEvents
        options.memoryBytesMax = ResidentMemory(of: catalog).latestBytes + 1_000
        // Nobody's thread runs: a load is under way, and has more than there is room for.
        let serving = Serving(conninfo: store.conninfo, options: options)
        let views = catalog.all.values.map { view in
            view.with(memory: view.memory, events: view.name == "a" ? [memory] : [])
        }
        serving.replaceCatalog(
            Catalog(catalog.registry, views: views, versions: catalog.versions, models: catalog.models)
        )
        memory.beginLoading(floor: .min)
        let view = try serving.catalog.view(named: "a")
        let rows = EventRows(TestStore.viewRows(Self.rows(0..<9_000), stored), of: view, position: 1)
        let (batch, keys) = rows.batch(for: memory)
        #expect(memory.load(batch, keys: keys, positions: rows.positions))
        #expect(memory.figures.bytes > 100_000)
        Follower(serving).evictIfNeeded()
        #expect(try serving.catalog.view(named: "stats").memory?.figures.rows == 2_000)
        // Once it is read it is what goes.
        #expect(memory.loaded(at: 1))
        _ = EventMemory.becomeReady([memory], rowsMax: 0)
        Follower(serving).evictIfNeeded()
        #expect(try serving.catalog.view(named: "stats").memory?.figures.rows == 2_000)
        if case .memory? = memory.absence {} else { Issue.record("\(String(describing: memory.absence))") }
    }
}
