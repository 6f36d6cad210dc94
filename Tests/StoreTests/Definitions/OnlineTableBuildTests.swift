import Dispatch
import Features
import Foundation
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Operations
@testable import Store

/// A view gets an online table while it is written into.
@Suite struct OnlineTableBuildTests {
    private static func yaml(online: Bool, _ features: String = "n: int64, s: string") -> String {
        """
        entities: { user: { key: user_id, type: int64 }, place: { key: place, type: string } }
        views:
          stats: { entities: [user, place], online: \(online), features: { \(features) } }
          clicks: { entities: [user], online: \(online), events: { id: id }, features: { id: int64, n: int64 } }
        """
    }

    private static func rows(_ random: inout SeededRandom) -> [HistoryRow] {
        (0..<random.int(1...80)).map { _ in
            let isDeleted = random.oneIn(6)
            return HistoryRow(
                [.int64(Int64(random.int(0...20))), .string(random.pick(["", "a", "ä"]))],
                at: Int64(random.int(0...6)),
                isDeleted: isDeleted,
                isDeleted ? [.null, .null] : [.int64(Int64(random.int(0...99))), .string("s")]
            )
        }
    }

    private static func events(_ random: inout SeededRandom) -> [HistoryRow] {
        (0..<random.int(1...80)).map { _ in
            let isDeleted = random.oneIn(4)
            return HistoryRow(
                [.int64(Int64(random.int(0...9)))],
                at: Int64(random.int(0...3)),
                isDeleted: isDeleted,
                [.int64(Int64(random.int(0...5))), isDeleted ? .null : .int64(Int64(random.int(0...99)))]
            )
        }
    }

    private static func apply(_ yaml: String, _ store: TestStore, _ builds: [OnlineTableBuild]) throws {
        _ = try Registry.apply(
            try Definitions.parse(yaml: yaml, file: "features.yaml"),
            store.session,
            prepared: builds
        )
    }

    private static func names(_ store: TestStore) throws -> String {
        try store.session.query(
            """
            SELECT coalesce(string_agg(c.relname || ' ' || i.relname, ', ' ORDER BY c.relname), '') FROM pg_class c
            JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
            WHERE c.relnamespace = 'online'::regnamespace
            """
        ).text(0, 0) ?? ""
    }

    @Test func `it has what history says, whatever is written between its beginning and its place`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for round in 0..<8 {
            let store = try TestStore(Self.yaml(online: false))
            func write() throws {
                if random.oneIn(3) { return }
                try store.ingest("stats", Self.rows(&random))
                try store.ingest("clicks", Self.events(&random))
            }
            for _ in 0..<4 { try write() }
            var builds: [OnlineTableBuild] = []
            for view in ["stats", "clicks"] {
                builds.append(try OnlineTableBuild(view, store.session))
                try write()
            }
            #expect(try Self.names(store).hasPrefix("_build_"))
            // A feature that comes in the same step has its column, too.
            let features = random.oneIn(2) ? "n: int64, s: string, more: float64" : "n: int64, s: string"
            try Self.apply(Self.yaml(online: true, features), store, builds)
            for build in builds { build.discard() }
            let comment: Comment = "seed \(seed), round \(round)"
            #expect(try store.violations() == [], comment)
            let ids = try ["stats", "clicks"].map { try Registry.load(store.session).view(named: $0).id }
            #expect(try Self.names(store) == "clicks _v\(ids[1])_key, stats _v\(ids[0])_key", comment)
        }
    }

    @Test func `batches that overtake one another while it is built are in it once they are committed`() throws {
        let store = try TestStore(Self.yaml(online: false))
        let view = try store.view("stats")
        func rows(_ n: Int64) -> ViewRows {
            TestStore.viewRows([HistoryRow([.int64(1), .string("a")], at: 5, [.int64(n), .null])], view)
        }
        try store.ingest("stats", [HistoryRow([.int64(2), .string("a")], at: 5, [.int64(0), .null])])
        let slow = try WriteTransaction(session: try Session(conninfo: store.conninfo), views: [view])
        let fast = try WriteTransaction(session: try Session(conninfo: store.conninfo), views: [view])
        _ = try slow.write(rows(1), to: view)
        _ = try fast.write(rows(2), to: view)
        _ = try fast.commit()
        let build = try OnlineTableBuild("stats", store.session)
        _ = try slow.commit()
        try Self.apply(Self.yaml(online: true), store, [build])
        #expect(try store.violations() == [])
        #expect(try store.session.query("SELECT n FROM online.stats WHERE user_id = 1").int64(0, 0) == 1)
    }

    @Test func `an entity that is forgotten meanwhile is not in it`() throws {
        let store = try TestStore(Self.yaml(online: false))
        try store.ingest("stats", (0..<9).map { HistoryRow([.int64($0), .string("a")], at: 5, [.int64($0), .null]) })
        let build = try OnlineTableBuild("stats", store.session)
        _ = try Forgetting(store.session, entity: "user", key: "3", store.registry.definitions).run()
        try Self.apply(Self.yaml(online: true), store, [build])
        #expect(try store.violations() == [])
        #expect(try store.session.query("SELECT count(*) FROM online.stats").int64(0, 0) == 8)
        #expect(try !Self.names(store).contains("_build_"))
    }

    @Test func `one that is not put in place goes, and one that a killed build left, too`() throws {
        let store = try TestStore(Self.yaml(online: false))
        try store.ingest("stats", [HistoryRow([.int64(1), .string("a")], at: 5, [.int64(1), .null])])
        let left = try OnlineTableBuild("stats", store.session)
        try store.ingest("stats", [HistoryRow([.int64(1), .string("a")], at: 6, [.int64(2), .null])])
        let again = try OnlineTableBuild.all(["stats"], planned: store.registry.version, store.session)
        _ = left
        for build in again { build.discard() }
        #expect(try Self.names(store) == "")
        try Self.apply(Self.yaml(online: true), store, [])
        #expect(try store.violations() == [])
    }

    @Test func `what a killed build left is told by the doctor, and removed; one under way is not`() throws {
        let store = try TestStore(Self.yaml(online: false))
        try store.ingest("stats", [HistoryRow([.int64(1), .string("a")], at: 5, [.int64(1), .null])])
        func told() throws -> [String] {
            try Doctor(store.session).run().filter { $0.subject == "builds" && $0.severity == .warning }.map(\.what)
        }
        #expect(try told() == [])
        // Without a turn it is as if whoever made it were gone.
        let left = try OnlineTableBuild("stats", store.session)
        #expect(try told().count == 1 && told()[0].hasPrefix("online.\"_build_"))
        let other = try Session(conninfo: store.conninfo)
        let running = try OnlineTableBuild.all(["clicks"], planned: store.registry.version, other)
        #expect(try OnlineTableBuild.left(store.session).count == 1)
        try OnlineTableBuild.discardLeft(store.session)
        #expect(try told() == [])
        #expect(try Self.names(store).hasPrefix("_build_"))
        for build in running { build.discard() }
        #expect(try Self.names(store) == "")
        _ = left
        // While somebody reads it, it stays, and that is no error.
        _ = try OnlineTableBuild("stats", store.session)
        try other.transaction(.read) { () throws(StoreError) in
            let name = try OnlineTableBuild.left(other).first?.table ?? ""
            _ = try other.query("SELECT count(*) FROM \(name)")
            try OnlineTableBuild.discardLeft(store.session)
        }
        #expect(try told().count == 1)
        try OnlineTableBuild.discardLeft(store.session)
        #expect(try Self.names(store) == "")
    }

    @Test func `two builds of a view at once do not know of one another`() throws {
        let store = try TestStore(Self.yaml(online: false))
        try store.ingest("stats", [HistoryRow([.int64(1), .string("a")], at: 5, [.int64(1), .null])])
        let first = try OnlineTableBuild("stats", store.session)
        let other = try Session(conninfo: store.conninfo)
        let second = try OnlineTableBuild("stats", other)
        try store.ingest("stats", [HistoryRow([.int64(2), .string("a")], at: 6, [.int64(2), .null])])
        second.discard()
        try Self.apply(Self.yaml(online: true), store, [first])
        #expect(try store.violations() == [])
        first.discard()
        #expect(try store.session.query("SELECT count(*) FROM online.stats").int64(0, 0) == 2)
    }

    @Test func `an apply waits for another that makes the same table, and plans anew`() throws {
        let store = try TestStore(Self.yaml(online: false))
        try store.ingest("stats", [HistoryRow([.int64(1), .string("a")], at: 5, [.int64(1), .null])])
        let planned = store.registry.version
        var first = try OnlineTableBuild.all(["clicks", "stats"], planned: planned, store.session)
        let waits = DispatchSemaphore(value: 0)
        let outcome = Mutex<StoreError?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [conninfo = store.conninfo] in
            do throws(StoreError) {
                let session = try Session(conninfo: conninfo)
                _ = try OnlineTableBuild.all(["stats"], planned: planned, session, willWait: { _ = waits.signal() })
            } catch { outcome.withLock { $0 = error } }
            done.signal()
        }
        #expect(waits.wait(timeout: .now() + 60) == .success)
        try Self.apply(Self.yaml(online: true), store, first)
        first = []
        #expect(done.wait(timeout: .now() + 60) == .success)
        let isStale = if case .stalePlan(planned + 1)? = outcome.withLock({ $0 }) { true } else { false }
        #expect(isStale, "\(String(describing: outcome.withLock { $0 }))")
        #expect(try store.violations() == [])
    }

    @Test func `of several tables none lacks more than a little when the last is filled`() throws {
        let store = try TestStore(Self.yaml(online: false))
        let rows = (0..<3_000).map { HistoryRow([.int64($0), .string("a")], at: 5, [.int64($0), .null]) }
        var made: [String] = []
        func madeOne(_ view: String) throws(StoreError) {
            made.append(view)
            if view != "clicks" { return }
            do { try store.ingest("stats", rows) } catch { throw .conflict("\(error)") }
        }
        let builds = try OnlineTableBuild.all(
            ["stats", "clicks"],
            planned: store.registry.version,
            store.session,
            madeOne: madeOne
        )
        #expect(made == ["stats", "clicks"])
        #expect(try builds.map(\.position) == [store.head().position, store.head().position])
        try Self.apply(Self.yaml(online: true), store, builds)
        #expect(try store.violations() == [])
    }

    @Test func `one whose table a forget removed says so`() throws {
        let store = try TestStore(Self.yaml(online: false))
        try store.ingest("stats", (0..<9).map { HistoryRow([.int64($0), .string("a")], at: 5, [.int64($0), .null]) })
        func madeOne(_ view: String) throws(StoreError) {
            if view != "clicks" { return }
            do {
                let other = try Session(conninfo: store.conninfo)
                _ = try Forgetting(other, entity: "user", key: "3", store.registry.definitions).run()
            } catch { throw .conflict("\(error)") }
        }
        let error = #expect(throws: StoreError.self) {
            _ = try OnlineTableBuild.all(
                ["stats", "clicks"],
                planned: store.registry.version,
                store.session,
                madeOne: madeOne
            )
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("the online table of view 'stats'") && text.contains("run the command again"), "\(text)")
        #expect(try Self.names(store) == "")
    }
}
