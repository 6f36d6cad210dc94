import Features
import Foundation
import Operations
import PointInTime
import Postgres
import Store
import TestSupport
import Testing

@Suite struct OnlineRebuildTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          place: { key: place, type: string }
        views:
          stats: { entities: [user, place], partition: day, features: { a: int64, b: string } }
          all: { entities: [], features: { a: int64 } }
          offline: { entities: [user], online: false, features: { a: int64 } }
        """

    private static func rows(_ count: Int, users: Int, seed: UInt64) -> [HistoryRow] {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        return (0..<count).map { _ in
            let isDeleted = random(10) == 0
            return HistoryRow(
                [.int64(Int64(random(users)) - 3), .string(["", "a", "ä", "B"][random(4)])],
                at: 1_735_689_600_000_000 + Int64(random(5)) * 86_400_000_000 + Int64(random(3)),
                isDeleted: isDeleted,
                isDeleted ? [.null, .null] : [.int64(Int64(random(100))), random(5) == 0 ? .null : .string("s")]
            )
        }
    }

    @Test(arguments: [3, 200])
    func `a damaged online table becomes what history says`(_ users: Int) throws {
        let store = try TestStore(Self.yaml)
        let other = try Session(conninfo: store.conninfo)
        for batch in 0..<20 { try store.ingest("stats", Self.rows(200, users: users, seed: UInt64(batch + 1))) }
        let before = try other.query("SELECT count(*) FROM online.stats").int64(0, 0)
        try other.execute(
            """
            DELETE FROM online.stats WHERE user_id % 3 = 0; UPDATE online.stats SET a = -1 WHERE user_id % 3 = 1;
            INSERT INTO online.stats VALUES (999, 'x', now(), false, 1, 'x')
            """
        )
        #expect(try store.violations().map(\.property) == ["online is the latest of history"])
        let outcome = try OnlineRebuild(store.session).run(try store.view("stats"))
        #expect(outcome.removed == 1 && outcome.written > 0 && Int64(outcome.entities) == before)
        #expect(try store.violations() == [])
        #expect(try Ledger(other).lines(view: nil, limit: 1).first?.kind == "rebuild")
        let again = try OnlineRebuild(store.session).run(try store.view("stats"))
        #expect(again.written == 0 && again.removed == 0)
    }

    @Test func `ties of batches that overtook one another go by position`() throws {
        let store = try TestStore(Self.yaml)
        let other = try Session(conninfo: store.conninfo)
        let view = try store.view("stats")
        func rows(_ a: Int64) -> ViewRows {
            TestStore.viewRows(
                [HistoryRow([.int64(1), .string("a")], at: 1_735_689_600_000_000, [.int64(a), .null])],
                view
            )
        }
        try store.ingest("stats", Self.rows(50, users: 5, seed: 7))
        let slow = try WriteTransaction(session: store.session, views: [view])
        let fast = try WriteTransaction(session: other, views: [view])
        #expect(slow.batch < fast.batch)
        _ = try fast.write(rows(2), to: view)
        _ = try fast.commit()
        _ = try slow.write(rows(1), to: view)
        _ = try slow.commit()
        try other.execute("DELETE FROM online.stats")
        _ = try OnlineRebuild(store.session).run(view)
        #expect(try store.violations() == [])
    }

    @Test func `a global view and an empty one are rebuilt, one without an online table is refused`() throws {
        let store = try TestStore(Self.yaml)
        #expect(try OnlineRebuild(store.session).run(try store.view("all")).entities == 0)
        for time in 1...3 { try store.ingest("all", [HistoryRow([], at: Int64(time), [.int64(Int64(time))])]) }
        try store.session.execute("DELETE FROM online.all")
        #expect(try OnlineRebuild(store.session).run(try store.view("all")).written == 1)
        #expect(try store.violations() == [])
        #expect(throws: StoreError.self) { try OnlineRebuild(store.session).run(try store.view("offline")) }
    }

    private static func sizes(_ random: inout SeededRandom) -> OnlineRebuild.Sizes {
        var sizes = OnlineRebuild.Sizes()
        sizes.rangeRows = random.pick([15, 40, 1_000])
        sizes.chunkEntities = random.pick([20, 500])
        return sizes
    }

    @Test func `whatever is wrong, and however the work is cut, just that is put right`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let view = try store.view("stats")
        let damages = [
            "DELETE FROM online.stats WHERE random() < 0.1", "UPDATE online.stats SET a = a + 1 WHERE random() < 0.1",
            "UPDATE online.stats SET b = NULL WHERE random() < 0.1", "DELETE FROM online.stats", "SELECT 1",
            "UPDATE online.stats SET _event_time = now() WHERE random() < 0.1",
            "UPDATE online.stats SET _deleted = NOT _deleted WHERE random() < 0.1",
            "INSERT INTO online.stats SELECT -n, 'x' || n, now(), false, n, 'x' FROM generate_series(1, 30) n ON CONFLICT DO NOTHING",
            "INSERT INTO online.stats SELECT n, '', now(), false, n, 'x' FROM generate_series(500, 530) n ON CONFLICT DO NOTHING",
        ]
        let values = "user_id, place, _event_time, _deleted, a, b"
        for round in 0..<10 {
            try store.ingest(
                "stats",
                Self.rows(random.int(1...200), users: random.pick([2, 20, 60]), seed: random.next())
            )
            for _ in 0..<random.int(1...3) { try store.session.execute(random.pick(damages)) }
            let latest = "SELECT \(values) FROM (\(view.latestQuery)) l"
            let expected = try store.session.query(
                """
                SELECT (SELECT count(*) FROM (\(latest)) x), (SELECT count(*) FROM (\(latest) EXCEPT SELECT \(values) FROM online.stats) x),
                    (SELECT count(*) FROM online.stats o WHERE NOT EXISTS (
                        SELECT FROM history.stats h WHERE \(view.keysEqual("h", "o"))))
                """
            )
            let outcome = try OnlineRebuild(store.session, sizes: Self.sizes(&random)).run(view)
            let comment: Comment = "seed \(seed), round \(round)"
            #expect(Int64(outcome.entities) == expected.int64(0, 0), comment)
            #expect(Int64(outcome.written) == expected.int64(0, 1), comment)
            #expect(Int64(outcome.removed) == expected.int64(0, 2), comment)
            #expect(try store.violations() == [], comment)
            #expect(try store.head() == outcome.state, comment)
        }
    }

    @Test func `a table that is right needs no lock, and one that is not leaves writers their turn`() throws {
        let store = try TestStore(Self.yaml)
        let view = try store.view("stats")
        try store.ingest("stats", Self.rows(50, users: 5, seed: 7))
        let other = try Session(conninfo: store.conninfo)
        // Users of their own: what they wait for is the view.
        func begun(_ session: Session, user: Int64) throws -> WriteTransaction {
            let transaction = try WriteTransaction(session: session, views: [view])
            let rows = [HistoryRow([.int64(user), .string("a")], at: 1_735_689_600_000_000, [.int64(1), .null])]
            _ = try transaction.write(TestStore.viewRows(rows, view), to: view)
            return transaction
        }
        let slow = try begun(other, user: 1_000)
        // With a writer under way in the view.
        #expect(try OnlineRebuild(store.session).run(view).written == 0)
        try store.session.execute(
            "DELETE FROM online.stats WHERE user_id = 100; UPDATE online.stats SET a = -7 WHERE user_id < 0"
        )
        let conninfo = store.conninfo
        let rebuild = BackgroundWork { () throws(StoreError) in
            try OnlineRebuild(try Session(conninfo: conninfo)).run(view).written
        }
        #expect(try store.session.isSomebodyBlocked(by: "advisory"))
        // It waits for the first one, and the second one does not wait until it has been.
        let third = try begun(try Session(conninfo: conninfo), user: 1_001)
        _ = try third.commit()
        _ = try slow.commit()
        #expect(try rebuild.wait() > 0)
        #expect(try store.violations() == [])
    }

    @Test func `a rebuild that is cut off at any moment is ended by the next`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let view = try store.view("stats")
        try store.ingest("stats", Self.rows(2_000, users: 300, seed: random.next()))
        let conninfo = store.conninfo
        for round in 0..<6 {
            try store.session.execute("UPDATE online.stats SET a = -1; DELETE FROM online.stats WHERE random() < 0.3")
            let started = Flag()
            let rebuild = BackgroundWork { () throws(StoreError) in
                let session = try Session(conninfo: conninfo)
                try session.execute("SET application_name = 'to be cut off'")
                started.set()
                var sizes = OnlineRebuild.Sizes()
                sizes.chunkEntities = 5
                return try OnlineRebuild(session, sizes: sizes).run(view).written
            }
            #expect(Patience.wait { started.isSet })
            Patience.pass(microseconds: random.int(0...700_000), "a moment of the rebuild")
            try store.session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be cut off'"
            )
            _ = try? rebuild.wait()
            try store.ingest("stats", Self.rows(20, users: 300, seed: random.next()))
            _ = try OnlineRebuild(store.session).run(view)
            #expect(try store.violations() == [], "seed \(seed), round \(round)")
        }
    }

    @Test func `events are put right by which of them are in force`() throws {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              clicks: { entities: [user], events: { id: id }, features: { id: int64, n: int64 } }
            """
        )
        let view = try store.view("clicks")
        for batch in 0..<6 {
            try store.ingest(
                "clicks",
                (0..<40).map { row in
                    let isDeleted = (row + batch) % 5 == 0
                    return HistoryRow(
                        [.int64(Int64(row % 9))],
                        at: Int64(row % 4),
                        isDeleted: isDeleted,
                        [.int64(Int64(row)), isDeleted ? .null : .int64(Int64(batch))]
                    )
                }
            )
        }
        #expect(try store.violations() == [])
        try store.session.execute(
            "UPDATE online.clicks SET n = -1 WHERE user_id < 4; DELETE FROM online.clicks WHERE user_id > 6"
        )
        var sizes = OnlineRebuild.Sizes()
        sizes.rangeRows = 20
        #expect(try OnlineRebuild(store.session, sizes: sizes).run(view).written > 4)
        #expect(try store.violations() == [])
    }

    @Test func `readers see a whole table and writers lose nothing while it is rebuilt`() throws {
        let store = try TestStore(Self.yaml)
        let view = try store.view("stats")
        try store.ingest("stats", Self.rows(2_000, users: 50, seed: 3))
        let conninfo = store.conninfo
        let registry = store.registry
        let entities = try store.session.query("SELECT count(*) FROM online.stats").int64(0, 0) ?? 0
        let isDone = Flag()
        let threads = DispatchGroup()
        let short = Flag()
        for _ in 0..<2 {
            DispatchQueue.global().async(group: threads) {
                guard let session = try? Session(conninfo: conninfo) else { return short.set() }
                while !isDone.isSet {
                    let count = try? session.query("SELECT count(*) FROM online.stats").int64(0, 0)
                    if (count ?? 0) < entities { short.set() }
                }
            }
        }
        for writer in 0..<2 {
            DispatchQueue.global().async(group: threads) {
                guard let session = try? Session(conninfo: conninfo), let view = try? registry.view(named: "stats")
                else {
                    return short.set()
                }
                var seed = UInt64(writer * 1_000 + 10)
                while !isDone.isSet {
                    seed += 1
                    let rows = TestStore.viewRows(Self.rows(20, users: 50, seed: seed), view)
                    do {
                        let transaction = try WriteTransaction(session: session, views: [view])
                        _ = try transaction.write(rows, to: view)
                        _ = try transaction.commit()
                    } catch {
                        short.set()
                    }
                }
            }
        }
        for round in 0..<20 {
            if round % 2 == 0 { try store.session.execute("UPDATE online.stats SET a = -1 WHERE user_id % 2 = 0") }
            _ = try OnlineRebuild(store.session).run(view)
        }
        isDone.set()
        threads.wait()
        #expect(!short.isSet)
        #expect(try store.violations() == [])
    }
}

/// A bool that threads share and that only becomes true.
final class Flag: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = NSLock()
    private var value = false
    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
}
