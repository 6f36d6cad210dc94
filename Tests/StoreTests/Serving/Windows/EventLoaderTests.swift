import Features
import Foundation
import Operations
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// Loads of events while others change what is stored, and loads that fail.
@Suite struct EventLoaderTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          clicks:
            entities: [user]
            partition: day
            events: { id: click }
            features: { click: int64, x: int32 }
          recent: { entities: [user], windows: { of: clicks, features: { n: count over lifetime, s: sum(x) over lifetime } } }
        """

    private static let day: Int64 = 86_400_000_000
    private static let start: Int64 = 1_704_067_200_000_000

    private static func click(_ id: Int64) -> HistoryRow {
        HistoryRow([.int64(1)], at: start + id * day, [.int64(id), .int32(1)])
    }

    /// A server at a store's position, with empty memories of events and no threads: nobody follows.
    private static func still(
        _ fixture: ServingFixture,
        _ options: ServingOptions = .keepingEvents,
        queuedBytesMax: Int = 1 << 20
    ) throws -> (serving: Serving, view: ServedView) {
        let serving = Serving(conninfo: fixture.serving.conninfo, options: options)
        let old = fixture.serving.catalog
        let needed = NeededWindows(over: try fixture.view("clicks").stored, old.registry, old.versions)
        let views = old.all.values.map { view in
            let made = needed.memories().map {
                EventMemory($0.layout, keys: $0.keyLayout.keys, queuedBytesMax: queuedBytesMax)
            }
            return view.with(memory: view.memory, events: view.name == "clicks" ? made : view.events)
        }
        serving.replaceCatalog(Catalog(old.registry, views: views, versions: old.versions, models: old.models))
        serving.loaded.mark = fixture.serving.loaded.mark
        let reached = fixture.serving.state.reached
        serving.applied.withLock { $0.reloaded(at: reached) }
        serving.setReached(reached)
        serving.report { $0.isLoading = false }
        return (serving, try serving.catalog.view(named: "clicks"))
    }

    private static func waiting(_ kind: String, _ session: Session) throws -> Bool {
        let sql = """
            SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = '\(kind)'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """
        return try Patience.wait { try session.query(sql).int64(0, 0) == 1 }
    }

    private static let changes = ["a table that is written anew", "a partition that is dropped"]

    /// Changes the table of events. Its lock is held until `body` has begun what waits for it, in a snapshot of before.
    private static func change(_ what: String, _ store: TestStore, _ body: () -> Void) throws {
        let holder = try Session(conninfo: store.conninfo)
        // Whoever changes the table has it until it may take its position.
        try holder.execute("SELECT pg_advisory_lock(\(AdvisoryLock.space), \(AdvisoryLock.ledger))")
        let changed = DispatchSemaphore(value: 0)
        let conninfo = store.conninfo
        Thread.detachNewThread {
            do {
                let session = try Session(conninfo: conninfo)
                if what == changes[0] {
                    let yaml = Self.yaml.replacingOccurrences(of: "x: int32", with: "x: int64")
                    _ = try Registry.apply(try Definitions.parseWithExpressions(yaml: yaml), session)
                } else {
                    let view = try Registry.load(session).view(named: "clicks")
                    _ = try HistoryDrop(session, view).run(before: Timestamp(microseconds: Self.start + 20 * Self.day))
                }
            } catch {
                Issue.record("\(error)")
            }
            changed.signal()
        }
        #expect(try Self.waiting("advisory", store.session))
        body()
        #expect(try Self.waiting("relation", store.session))
        try holder.execute("SELECT pg_advisory_unlock(\(AdvisoryLock.space), \(AdvisoryLock.ledger))")
        #expect(changed.wait(timeout: .now() + .seconds(60)) == .success)
    }

    @Test(arguments: changes)
    func `events are not loaded from what is not there any more`(what: String) throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<40).map(Self.click))
        let (serving, view) = try Self.still(try ServingFixture(store.conninfo))
        let memory = view.events[0]
        let loader = EventLoader(serving)
        try Self.change(what, store) { loader.start() }
        defer { loader.stop(until: .now + .seconds(3)) }
        // The attempt has ended.
        #expect(Patience.wait { memory.isReady || memory.floor == .max })
        #expect(!memory.isReady, "\(memory.figures.events) of 40 events are read at the position before")
        #expect(memory.absence == .waiting)
    }

    @Test(arguments: changes)
    func `rows that are not there any more are not followed, but what took them away`(what: String) throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<40).map(Self.click))
        let (serving, view) = try Self.still(try ServingFixture(store.conninfo))
        view.events[0].beginLoading(floor: .min)
        try store.ingest("clicks", [HistoryRow([.int64(1)], at: Self.start + 1, [.int64(77), .int32(1)])])
        var followed = DispatchSemaphore(value: 0)
        try Self.change(what, store) { followed = Self.follow(serving) }
        #expect(followed.wait(timeout: .now() + .seconds(60)) == .success)
        // Not the position between, of which something is missing, and not the one before, where it would be read for ever.
        #expect(serving.position == (try store.head().position) && serving.changeCount != nil)
        #expect(try serving.catalog.view(named: "clicks").events.first !== view.events[0])
    }

    /// Applies what the ledger has, on a thread.
    /// - Returns: signalled when that is done.
    private static func follow(_ serving: Serving) -> DispatchSemaphore {
        let followed = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            #expect(throws: Never.self) {
                let session = try Session(conninfo: serving.conninfo)
                let follower = Follower(serving)
                follower.isLoaded = true
                _ = try follower.followLedger(session)
            }
            followed.signal()
        }
        return followed
    }

    @Test func `a load that begins while a step is read takes no rows of that step`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<4).map(Self.click))
        let (serving, view) = try Self.still(try ServingFixture(store.conninfo))
        try store.ingest("clicks", (4..<9).map(Self.click))
        let holder = try Session(conninfo: store.conninfo)
        try holder.execute("BEGIN; LOCK TABLE online.clicks IN ACCESS EXCLUSIVE MODE")
        let followed = Self.follow(serving)
        // How much it reads is settled, and events are read behind what is online.
        #expect(try Self.waiting("relation", store.session))
        view.events[0].beginLoading(floor: .min)
        try holder.execute("COMMIT")
        #expect(followed.wait(timeout: .now() + .seconds(60)) == .success)
        #expect(serving.position == (try store.head().position))
        // They are in its snapshot, which is taken now.
        #expect(view.events[0].loaded(at: serving.position) && view.events[0].takeQueue() == .rows(0))
    }

    @Test func `what comes faster than it is loaded is loaded again, whenever that is seen`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<4).map(Self.click))
        let (serving, view) = try Self.still(try ServingFixture(store.conninfo), queuedBytesMax: 200)
        let memory = view.events[0]
        let loader = EventLoader(serving)
        defer { loader.stop(until: .now + .seconds(3)) }
        serving.applied.withLock { applied in
            loader.start()
            #expect(Patience.wait { memory.figures.position > 0 })
            Patience.pass(microseconds: 100_000, "it takes its empty queue, and waits for who applies")
            let rows = TestStore.viewRows((10..<60).map(Self.click), view.stored)
            let position = applied.reached.position + 1
            EventRows(rows, of: view, position: position).apply(to: position)
            #expect(memory.isOvertaken)
        }
        #expect(Patience.wait { !memory.isOvertaken })
        #expect(memory.absence != .bytes)
        #expect(Patience.wait { memory.isReady && memory.figures.events == 4 })
    }

    @Test func `an apply that leaves a view and its windows alone lets their load go on`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<40).map(Self.click))
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        _ = try fixture.windows("recent")
        let holder = try Session(conninfo: store.conninfo)
        try holder.execute("BEGIN; LOCK TABLE history.clicks IN ACCESS EXCLUSIVE MODE")
        // Other windows have another memory, whose load waits for the table.
        let other = "m: sum(x) over lifetime where x < 1000, n: count"
        let more = Self.yaml.replacingOccurrences(of: "n: count", with: other)
        try store.apply(more)
        try fixture.catchUp(store.session)
        let memory = try fixture.view("clicks").events[0]
        #expect(try Self.waiting("relation", store.session))
        // A load that ends, or begins again, lets go of what was there.
        let endings = Mutex(0)
        memory.isAboutToFree = { endings.withLock { $0 += 1 } }
        try store.apply(more + "\n  stats: { entities: [user], features: { n: int64 } }")
        try fixture.catchUp(store.session)
        #expect(try fixture.view("clicks").events[0] === memory && !memory.isReady)
        try holder.execute("COMMIT")
        #expect(Patience.wait { memory.isReady && memory.figures.events == 40 })
        #expect(endings.withLock { $0 } == 0)
    }

    @Test func `events of a catalog that was replaced are let go, and not made ready any more`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<40).map(Self.click))
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let old = try #require(fixture.windows("recent").resident).events
        #expect(old.figures.events == 40)
        try store.forget("user", "1")
        try fixture.catchUp(store.session)
        let new = try #require(fixture.windows("recent").resident).events
        #expect(new !== old && new.figures.events == 0)
        // Not when the last reader of the old catalog has gone, which may be an event loop.
        #expect(Patience.wait { !old.isReady && old.figures.events == 0 })
    }

    @Test func `loads that fail are tried again later and later, of the same memory`() throws {
        let store = try TestStore(Self.yaml)
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let (view, other) = (try fixture.view("clicks"), try Self.still(fixture).view)
        var pauses = LoadPauses()
        var now: Int64 = 5
        var lengths: [Int64] = []
        for _ in 0..<9 {
            #expect(pauses.isDue(view, at: now))
            pauses.failed(view, at: now)
            let started = now
            #expect(!pauses.isDue(view, at: now) && pauses.isDue(other, at: now))
            while !pauses.isDue(view, at: now) { now += 500_000 }
            lengths.append((now - started) / 1_000_000)
        }
        #expect(lengths == [2, 4, 8, 16, 32, 64, 128, 128, 128])
        pauses.failed(view, at: now)
        pauses.ended(view)
        #expect(pauses.isDue(view, at: now))
        pauses.failed(view, at: now)
        #expect(!pauses.isDue(view, at: now + 1_999_999) && pauses.isDue(view, at: now + 2_000_000))
        // Another memory begins anew, too.
        pauses.failed(other, at: now)
        #expect(!pauses.isDue(other, at: now + 1_999_999) && pauses.isDue(other, at: now + 2_000_000))
    }

    @Test func `a load that failed is tried again`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<40).map(Self.click))
        let (serving, view) = try Self.still(try ServingFixture(store.conninfo))
        try store.session.execute("ALTER TABLE history.clicks RENAME TO gone")
        let loader = EventLoader(serving)
        loader.start()
        defer { loader.stop(until: .now + .seconds(3)) }
        #expect(Patience.wait { view.events[0].floor == .max })
        try store.session.execute("ALTER TABLE history.gone RENAME TO clicks")
        #expect(Patience.wait { view.events[0].isReady && view.events[0].figures.events == 40 })
    }

    @Test func `rows that no memory wants are not read, and are there when one does`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("clicks", (0..<4).map(Self.click))
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        _ = try fixture.windows("recent")
        let (serving, view) = try Self.still(fixture)
        let memory = view.events[0]
        let follower = Follower(serving)
        let session = try Session(conninfo: store.conninfo)
        let head = try Ledger(session).head()
        let entries = try LedgerReader(session).entries(after: 0, upTo: head.position).filter(\.isData)
        memory.leave(.bytes)
        let before = Follower.step(entries[...], serving.catalog)
        #expect(before.entries.count == entries.count)
        #expect(try follower.readEvents(before, serving.catalog, session).rows.isEmpty)
        memory.beginLoading(floor: .min)
        let read = try follower.readEvents(
            Follower.step(entries[...], serving.catalog),
            serving.catalog,
            session
        )
        #expect(read.rows.map(\.rowCount) == [4] && !read.isShort)
        // What was bounded without them is read without them.
        #expect(try follower.readEvents(before, serving.catalog, session).rows.isEmpty)
    }
}
