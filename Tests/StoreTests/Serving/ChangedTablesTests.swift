import Features
import Foundation
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// Changed definitions drop tables and columns under reads that are on their way: no other store, and no reason to load.
@Suite struct ChangedTablesTests {
    private static let yaml = FollowingTests.yaml

    /// Looks all the time whether a server says LOADING.
    private final class Watch: Sendable {
        let isSeen = Atomic(false)
        private let isDone = Atomic(false)
        private let end = DispatchSemaphore(value: 0)

        init(_ serving: Serving) {
            Thread.detachNewThread { [self] in
                while !isDone.load(ordering: .relaxed) {
                    if serving.state.isLoading { isSeen.store(true, ordering: .relaxed) }
                }
                end.signal()
            }
        }

        /// - Returns: whether it ever did.
        func stop() -> Bool {
            isDone.store(true, ordering: .relaxed)
            end.wait()
            return isSeen.load(ordering: .relaxed)
        }
    }

    private static func filled() throws -> TestStore {
        let store = try TestStore(yaml)
        try store.ingest("stats", FollowingTests.rows(0..<200, at: 1, 1))
        try store.ingest("weather", [HistoryRow([.string("p"), .int64(1)], at: 1, [.float64(5), .null])])
        return store
    }

    private static func options() -> ServingOptions {
        var options = ServingOptions()
        options.resident = .views(["stats"])
        options.pollMs = 20
        // As long as the test's own waits, whatever else the machine does.
        options.fetchTimeoutMs = 60_000
        return options
    }

    private static func waiting(_ count: Int64, _ session: Session) throws -> Bool {
        let sql = """
            SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """
        return try Patience.wait { try session.query(sql).int64(0, 0) == count }
    }

    /// How the definitions change: the view loses its online table, a column, or is deleted.
    private static let changes: [(String, Bool)] = [
        (yaml.replacingOccurrences(of: "weather: { ", with: "weather: { online: false, "), false),
        (yaml.replacingOccurrences(of: ", tags: list(string)", with: ""), true),
        (
            yaml.replacingOccurrences(of: ", weather.temp", with: "").split(separator: "\n")
                .filter { !$0.contains("weather:") }.joined(separator: "\n"), true
        ),
    ]

    @Test(arguments: 0..<3)
    func `a read that waits behind a change of its view does not make the store LOADING`(change: Int) throws {
        let store = try Self.filled()
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        let serving = fixture.serving
        #expect(Patience.wait { serving.state.connections > 0 })
        let (memory, reached) = (try fixture.view("stats").memory, serving.state.reached)
        let watch = Watch(serving)
        // First this one has the table, then the change waits for it, and the read for the change.
        let holder = try Session(conninfo: store.conninfo)
        try holder.execute("BEGIN; SELECT FROM online.weather LIMIT 1")
        let (yaml, prunes) = Self.changes[change]
        let (conninfo, definitions) = (store.conninfo, try Definitions.parse(yaml: yaml, file: "features.yaml"))
        let work = BackgroundWork { () throws(StoreError) in
            _ = try Registry.apply(definitions, prunes: prunes, try Session(conninfo: conninfo))
        }
        #expect(try Self.waiting(1, store.session))
        let result = Mutex<Result<ViewMemory, ServingError>?>(nil)
        let keys = [Column(type: .string, [.string("p")]), Column(type: .int64, values: .int64([1]))]
        serving.fetch(try fixture.view("weather"), keys: keys) { outcome in result.withLock { $0 = outcome } }
        #expect(try Self.waiting(2, store.session))
        try holder.execute("ROLLBACK")
        _ = try work.wait()
        #expect(Patience.wait { result.withLock { $0 != nil } })
        guard case .failure(.store(.conflict)) = result.withLock({ $0 }) else {
            Issue.record("\(String(describing: result.withLock { $0 }))")
            return
        }
        // What the read has left behind would be found by now.
        for n in 2...4 as ClosedRange<Int64> {
            try store.ingest("stats", FollowingTests.rows(0..<3, at: n, n))
            try fixture.catchUp(store.session)
        }
        #expect(!watch.stop(), "\(fixture.events.all)")
        #expect(serving.state.reached.position > reached.position && serving.state.timelineChanges == 0)
        #expect(try fixture.view("stats").memory === memory)
        try fixture.expectOnline(store.session)
    }

    @Test func `a follower that waits behind a change of a view does not make the store LOADING`() throws {
        let store = try Self.filled()
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        #expect(Patience.wait { fixture.serving.state.connections > 0 })
        let watch = Watch(fixture.serving)
        let view = try store.view("stats")
        let transaction = try WriteTransaction(session: store.session, views: [view])
        _ = try transaction.write(TestStore.viewRows(FollowingTests.rows(0..<50, at: 2, 2), view), to: view)
        // Has the table once that is committed, and before the follower, who finds no such column behind it.
        let (conninfo, isRenamed) = (store.conninfo, DispatchSemaphore(value: 0))
        let work = BackgroundWork { () throws(StoreError) in
            let session = try Session(conninfo: conninfo)
            try session.execute("BEGIN; LOCK TABLE history.stats IN ACCESS EXCLUSIVE MODE")
            isRenamed.wait()
            try session.execute("ALTER TABLE history.stats RENAME note TO gone; COMMIT")
            try session.execute("ALTER TABLE history.stats RENAME gone TO note")
        }
        let session = try Session(conninfo: store.conninfo)
        #expect(try Self.waiting(1, session))
        _ = try transaction.commit()
        // The follower, behind it.
        #expect(
            try Patience.wait {
                try session.query(
                    """
                    SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'
                        AND relation = 'history.stats'::regclass)
                    """
                ).bool(0, 0) == true
            }
        )
        isRenamed.signal()
        _ = try work.wait()
        try fixture.catchUp(session)
        #expect(!watch.stop(), "\(fixture.events.all)")
        #expect(fixture.serving.state.timelineChanges == 0)
        try fixture.expectOnline(session)
    }

    /// Once without a pause, 800 looks a second, and nobody was told.
    @Test func `what the ledger's news find not to agree is logged, and loaded once it does`() throws {
        let store = try Self.filled()
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        #expect(Patience.wait { fixture.serving.state.connections > 0 })
        try store.session.execute("ALTER TABLE asof.watermarks DROP CONSTRAINT watermarks_pkey")
        let ledger = Ledger(store.session)
        try store.session.begin(Connection.TransactionOptions(isReadOnly: false))
        let (batch, _) = try ledger.takeBatch()
        // Of the whole store: everything is loaded again.
        _ = try ledger.commit(batch: batch, [LedgerEntry(view: 0, kind: .rebuild, rows: 0)])
        let isTold = Patience.wait {
            fixture.events.all.contains { $0.message.contains("the table asof.watermarks has no primary key") }
        }
        #expect(isTold, "\(fixture.events.all)")
        #expect(Patience.wait { fixture.serving.state.loadingReason.contains("asof.watermarks") })
        try store.session.execute(
            "ALTER TABLE asof.watermarks ADD CONSTRAINT watermarks_pkey PRIMARY KEY (view)"
        )
        try fixture.catchUp(store.session)
        #expect(Patience.wait { !fixture.serving.state.isLoading })
        try fixture.expectOnline(store.session)
    }

    @Test func `a doubt of a store that is not the loaded one any more is forgotten`() throws {
        let store = try Self.filled()
        let loaded = LoadedStore()
        loaded.mark = try store.session.transaction(.load) { () throws(StoreError) in
            try LedgerMark.read(try Ledger(store.session).head(), store.session)
        }
        let mark = try #require(loaded.mark)
        func doubted() {
            loaded.mark = LedgerMark(position: mark.position, text: "another store's")
            #expect {
                try loaded.confirming(store.session) { (session) throws(StoreError) in try session.query("SELECT 1") }
            } throws: { error in
                if case StoreError.filling = error { true } else { false }
            }
        }
        doubted()
        #expect(loaded.takeDoubt() && !loaded.takeDoubt())
        doubted()
        loaded.mark = mark
        #expect(!loaded.takeDoubt())
    }

    @Test func `a first look that meets a lock goes on looking, and does not count rows for that`() throws {
        let store = try Self.filled()
        let holder = try Session(conninfo: store.conninfo)
        try holder.execute("BEGIN; LOCK TABLE online.stats IN ACCESS EXCLUSIVE MODE")
        let fixture = try ServingFixture(store.conninfo, options: Self.options(), isLoaded: false)
        #expect(Patience.wait { fixture.serving.state.loadingReason == "somebody changes its tables" })
        #expect(fixture.serving.state.downSince == nil)
        // Rows that only counting would miss: nobody counts at a start.
        try store.session.execute("DELETE FROM history.stats WHERE user_id = 3")
        try store.session.execute("UPDATE asof.batches SET rows = rows")
        try holder.execute("ROLLBACK")
        #expect(Patience.wait { !fixture.serving.state.isLoading }, "\(fixture.serving.state)")
        try fixture.expectOnline(store.session)
    }
}
