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

    /// Few entities are found by leaps, many by reading all.
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
