import Features
import Foundation
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Operations
@testable import Serving
@testable import Store

/// A server whose database is emptied and filled under it.
@Suite struct FilledStoreTests {
    enum Way: String, CaseIterable {
        /// pg_restore into the emptied database, by one connection or four.
        case restored, inParallel
        /// A script, run by psql.
        case script
        /// pg_restore over what is there.
        case cleaned
        /// Rows alone, into tables that have their keys and indexes.
        case rowsOnly
        /// Another database takes the name.
        case copied
    }

    private static let start: Int64 = 1_700_000_000_000_000
    private static let users: Int64 = 4_000

    /// Views in memory and not, over several partitions.
    private static func filled(_ n: Int64, users: Range<Int64> = 0..<users) throws -> TestStore {
        let store = try TestStore(FollowingTests.yaml)
        for month in 0..<3 as Range<Int64> {
            let time = start + month * 40 * 86_400_000_000
            try store.ingest("stats", FollowingTests.rows(users, at: time, n + month))
            let places = (0..<300).map {
                HistoryRow([.string("p"), .int64($0)], at: time, [.float64(Double(n)), .null])
            }
            try store.ingest("weather", places)
        }
        try store.ingest("rates", [HistoryRow([], at: start, [.float32(Float(n))])])
        return store
    }

    private static func options() -> ServingOptions {
        var options = ServingOptions()
        options.resident = .views(["stats"])
        options.pollMs = 20
        return options
    }

    private static func name(_ conninfo: String) throws -> String {
        try #require(conninfo.split(separator: " ").first { $0.hasPrefix("dbname=") }?.dropFirst(7)).description
    }

    /// Reads as clients do, whatever the server says it is: what is answered must be right.
    private final class Reader: Sendable {
        let wrong = Mutex<[String]>([])
        let loading = Atomic<Int>(0)
        let right = Atomic<Int>(0)
        private let isDone = Atomic(false)
        private let end = DispatchSemaphore(value: 0)

        init(_ fixture: ServingFixture, n: Int64) {
            let serving = fixture.serving
            Thread.detachNewThread { [self] in
                var random = SeededRandom(seed: 7)
                while !isDone.load(ordering: .relaxed) {
                    if serving.state.isLoading {
                        loading.add(1, ordering: .relaxed)
                        Patience.pass(microseconds: 500, "the pace of a client that is refused")
                        continue
                    }
                    resident(serving, Int64(random.int(0...Int(FilledStoreTests.users) - 1)), n + 2)
                    fetched(serving, Int64(random.int(0...299)), Double(n))
                }
                end.signal()
            }
        }

        func stop() {
            isDone.store(true, ordering: .relaxed)
            end.wait()
        }

        private func resident(_ serving: Serving, _ key: Int64, _ n: Int64) {
            let view = try? serving.catalog.view(named: "stats")
            let found = view?.memory?.withReader { reader in reader.row(key).map { $0.value(0, reader.layout) } }
            note(found ?? nil, .int64(n), "user \(key)")
        }

        private func fetched(_ serving: Serving, _ key: Int64, _ n: Double) {
            guard let view = try? serving.catalog.view(named: "weather") else {
                return note(nil, .null, "no view")
            }
            let result = Mutex<Result<ViewMemory, ServingError>?>(nil)
            let keys = [
                Column(type: .string, [.string("p")]), Column(type: .int64, values: .int64([key])),
            ]
            serving.fetch(view, keys: keys) { outcome in result.withLock { $0 = outcome } }
            _ = Patience.wait { result.withLock { $0 != nil } }
            switch result.withLock({ $0 }) {
            case .success(let memory):
                note(ServingFixture.rows(memory).values.first?.features[0], .float64(n), "place \(key)")
            case .failure(.store(.filling)), .failure(.store(.conflict)), .failure(.unavailable), .failure(.timeout):
                loading.add(1, ordering: .relaxed)
            case .failure(.store(.database(let cause))) where cause.isRetryable: loading.add(1, ordering: .relaxed)
            case .failure(let error): wrong.withLock { $0.append("\(error)") }
            case nil: wrong.withLock { $0.append("no answer") }
            }
        }

        private func note(_ found: Value?, _ expected: Value, _ what: String) {
            if found == expected {
                right.add(1, ordering: .relaxed)
            } else {
                wrong.withLock { $0.append("\(what): \(found.map { "\($0)" } ?? "nothing") instead of \(expected)") }
            }
        }
    }

    private static func fill(_ way: Way, _ conninfo: String, _ dump: StoreDump, _ cluster: ThrowawayCluster) throws {
        let session = try Session(conninfo: conninfo)
        switch way {
        case .restored, .inParallel:
            try session.dropStore()
            try dump.restore(into: conninfo, way == .inParallel ? ["--jobs=4"] : [])
        case .script:
            try session.dropStore()
            try dump.run(into: conninfo)
        case .cleaned: try dump.restore(into: conninfo, ["--clean", "--if-exists"])
        case .rowsOnly:
            try session.executeBesideReaders(
                """
                DO $$ BEGIN
                    -- asof.audit refuses to be emptied otherwise.
                    PERFORM set_config('session_replication_role', 'replica', true);
                    EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ')
                    FROM pg_tables WHERE schemaname IN ('asof', 'history', 'online')); END $$
                """
            )
            try dump.restore(into: conninfo, ["--data-only", "--disable-triggers", "--jobs=4"])
        case .copied:
            let (name, copy) = (try name(conninfo), "copy_of_\(try name(conninfo))")
            try cluster.execute("CREATE DATABASE \(copy)")
            try dump.restore(into: cluster.conninfo(database: copy))
            try cluster.execute("DROP DATABASE \(name) WITH (FORCE)")
            try cluster.execute("CREATE DATABASE \(name) TEMPLATE \(copy)")
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: Way.allCases)
    func `a server answers LOADING or what is right while its store is filled, and then everything`(way: Way) throws {
        let store = try Self.filled(5)
        let (scratch, cluster) = (try Scratch(), try ThrowawayCluster.shared())
        let dump = try StoreDump(of: store.conninfo, in: scratch.path, cluster.binaries)
        let head = try store.head()
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        var mark = fixture.serving.loaded.mark
        let reader = Reader(fixture, n: 5)
        for round in 1...2 {
            try Self.fill(way, store.conninfo, dump, cluster)
            #expect(
                Patience.wait(seconds: 30) { !fixture.serving.state.isLoading && fixture.serving.loaded.mark != mark },
                "\(round): \(fixture.serving.state) \(fixture.events.all)"
            )
            mark = fixture.serving.loaded.mark
            if way == .copied { break }
        }
        reader.stop()
        #expect(reader.wrong.withLock { $0.prefix(5) } == [], "\(fixture.events.all)")
        #expect(reader.right.load(ordering: .relaxed) > 0)
        let session = try Session(conninfo: store.conninfo)
        #expect(fixture.serving.state.reached == head && fixture.serving.state.lag == 0)
        try fixture.expectOnline(session)
        #expect(try fixture.view("stats").memory?.figures.rows == Int(Self.users))
        #expect(try StoreCheck(session).run(store.registry.views).allSatisfy { $0.violations == 0 })
        // It goes on from there.
        try store.ingest("stats", FollowingTests.rows(0..<10, at: Self.start + 1, 9), session: session)
        try fixture.catchUp(session)
        try fixture.expectOnline(session)
    }

    @Test(.timeLimit(.minutes(15)))
    func `another store's rows are served when all of them are there, piece by piece before it says LOADING`() throws {
        let store = try Self.filled(5)
        let other = try Self.filled(70, users: 100..<2_000)
        let (scratch, cluster) = (try Scratch(), try ThrowawayCluster.shared())
        let dump = try StoreDump(of: other.conninfo, in: scratch.path, cluster.binaries)
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        let serving = fixture.serving
        #expect(Patience.wait { serving.state.connections > 0 })
        try store.session.dropStore()
        #expect(Patience.wait { serving.state.isLoading })
        try dump.restore(into: store.conninfo, ["--section=pre-data"])
        var random = SeededRandom(seed: 3)
        var data = try dump.items().filter(\.isData)
        data.shuffle(using: &random)
        while !data.isEmpty {
            let some = Array(data.prefix(4))
            data.removeFirst(some.count)
            try dump.restore(into: store.conninfo, ["--section=data"], items: some)
            #expect(serving.state.isLoading && !serving.state.loadingReason.isEmpty)
            #expect(serving.lagUs(serving.state) > 0)
        }
        try dump.restore(into: store.conninfo, ["--section=post-data"])
        #expect(Patience.wait { !serving.state.isLoading }, "\(serving.state.loadingReason)")
        #expect(serving.state.reached == (try other.head()) && serving.state.loadingReason.isEmpty)
        let session = try Session(conninfo: store.conninfo)
        try fixture.expectOnline(session)
        let rows = ServingFixture.rows(try #require(try fixture.view("stats").memory))
        #expect(rows.count == 1_900 && rows.values.allSatisfy { $0.features[0] == .int64(72) })
        #expect(fixture.events.all.contains { $0.message.contains("the store is not whole") })
    }

    @Test func `a server that is there before the store serves it once it is whole`() throws {
        let store = try Self.filled(5)
        let (scratch, cluster) = (try Scratch(), try ThrowawayCluster.shared())
        let dump = try StoreDump(of: store.conninfo, in: scratch.path, cluster.binaries)
        let conninfo = try cluster.database()
        let fixture = try ServingFixture(conninfo, options: Self.options(), isLoaded: false)
        #expect(Patience.wait { !fixture.serving.state.loadingReason.isEmpty })
        #expect(fixture.serving.state.isLoading && fixture.serving.state.downSince == nil)
        try dump.restore(into: conninfo, ["--jobs=4"])
        #expect(Patience.wait { !fixture.serving.state.isLoading })
        #expect(fixture.serving.state.reached == (try store.head()))
        try fixture.expectOnline(try Session(conninfo: conninfo))
    }

    @Test func `an empty store that gets its first definitions and rows serves them`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        let fixture = try ServingFixture(conninfo)
        let definitions = try Definitions.parse(yaml: FollowingTests.yaml, file: "features.yaml")
        let registry = try Registry.apply(definitions, session).0
        try fixture.catchUp(session)
        let view = try registry.view(named: "stats")
        let rows = TestStore.viewRows(FollowingTests.rows(0..<10, at: 1, 1), view)
        let ingestion = try TestStore.ingestion(view, like: rows, session)
        try ingestion.append(rows)
        _ = try ingestion.finish()
        try fixture.catchUp(session)
        try fixture.expectOnline(session)
        #expect(try fixture.view("stats").memory?.figures.rows == 10)
        #expect(fixture.serving.state.timelineChanges == 0 && !fixture.serving.state.isLoading)
    }

    @Test(arguments: ["UPDATE asof.store SET id = gen_random_uuid()", "UPDATE asof.batches SET rows = rows"])
    func `a store with another id, or a ledger written anew, is loaded once more and not again`(sql: String) throws {
        let store = try Self.filled(5)
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        let memory = try fixture.view("stats").memory
        try store.session.execute(sql)
        #expect(Patience.wait { fixture.serving.state.timelineChanges == 1 && !fixture.serving.state.isLoading })
        #expect(try fixture.view("stats").memory !== memory)
        try fixture.expectOnline(store.session)
        let reloads = fixture.serving.state.reloads
        for n in 1...20 as ClosedRange<Int64> {
            try store.ingest("stats", FollowingTests.rows(0..<5, at: Self.start + n, n))
            try fixture.catchUp(store.session)
        }
        #expect(fixture.serving.state.reloads == reloads && fixture.serving.state.timelineChanges == 1)
    }

    @Test func `a healthy store is not loaded again however long it is followed`() throws {
        let store = try Self.filled(5)
        let fixture = try ServingFixture(store.conninfo, options: Self.options())
        #expect(Patience.wait { fixture.serving.state.connections > 0 })
        let (state, mark) = (fixture.serving.state, fixture.serving.loaded.mark)
        #expect(Patience.wait { fixture.serving.state.caughtUpAt > state.caughtUpAt + 1_000_000 })
        #expect(fixture.serving.state.reloads == state.reloads && fixture.serving.loaded.mark == mark)
        #expect(!fixture.serving.state.isLoading, "\(fixture.serving.state) \(fixture.events.all)")
    }
}
