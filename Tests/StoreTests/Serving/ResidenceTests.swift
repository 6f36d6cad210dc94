import Features
import Foundation
import Glibc
import PointInTime
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// Which views are in memory, and how the others are read.
@Suite struct ResidenceTests {
    private static func fetched(
        _ fixture: ServingFixture,
        _ view: ServedView,
        _ keys: [Column]
    ) throws -> Result<ViewMemory, ServingError> {
        let result = Mutex<Result<ViewMemory, ServingError>?>(nil)
        fixture.serving.fetch(view, keys: keys) { outcome in result.withLock { $0 = outcome } }
        #expect(Patience.wait { result.withLock { $0 != nil } })
        return try #require(result.withLock { $0 })
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `rows fetched from PostgreSQL are those that memory would hold`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 30)
        let resident = try ServingFixture(history.store.conninfo)
        var options = ServingOptions()
        options.resident = .none
        let fixture = try ServingFixture(history.store.conninfo, options: options)
        var random = SeededRandom(seed: seed)
        for served in fixture.serving.catalog.views where served.isOnline {
            #expect(served.memory == nil)
            let held = ServingFixture.rows(try #require(try resident.view(served.name).memory))
            // Every key that there is, some that are not, some twice.
            var keys = held.keys.map(\.values) + held.keys.prefix(3).map(\.values)
            if !served.definition.isGlobal {
                for _ in 0..<5 { keys.append(history.keys(of: served.definition)) }
            }
            keys.shuffle(using: &random)
            let columns = served.definition.keys.enumerated().map { index, key in
                Column(type: key.type.featureType, keys.map { $0[index] })
            }
            let memory = try Self.fetched(fixture, served, columns).get()
            let got = ServingFixture.rows(memory)
            #expect(got.count == held.count)
            for (keys, row) in held {
                let found = got[keys]
                #expect(found?.eventTime == row.eventTime && found?.isDeleted == row.isDeleted)
                #expect(
                    found?.features.map(\.identity) == row.features.map(\.identity),
                    "\(served.name) \(keys.values)"
                )
            }
        }
    }

    @Test func `views chosen by name are resident, the others not`() throws {
        let store = try TestStore(FollowingTests.yaml)
        var options = ServingOptions()
        options.resident = .views(["stats"])
        let fixture = try ServingFixture(store.conninfo, options: options)
        #expect(try fixture.view("stats").memory != nil && fixture.view("weather").memory == nil)
        try store.ingest("rates", [HistoryRow([], at: 1, [.float32(2)])])
        try fixture.catchUp(store.session)
        let memory = try Self.fetched(fixture, try fixture.view("rates"), []).get()
        #expect(ServingFixture.rows(memory)[ViewMemoryTests.Keys([.int64(0)])]?.features == [.float32(2)])
    }

    @Test func `the largest views give way when memory is short, at the start and later`() throws {
        let store = try TestStore(FollowingTests.yaml)
        let rows = "SELECT i, to_timestamp(1), false, i FROM generate_series(0, 19999) i"
        try store.session.execute("INSERT INTO online.stats (user_id, _event_time, _deleted, n) \(rows)")
        try store.ingest("rates", [HistoryRow([], at: 1, [.float32(2)])])
        var options = ServingOptions()
        options.memoryBytesMax = 512 << 10
        let fixture = try ServingFixture(store.conninfo, options: options)
        #expect(try fixture.view("stats").memory == nil)
        #expect(try fixture.view("rates").memory?.figures.rows == 1)
        #expect(try fixture.view("weather").memory != nil)
        #expect(fixture.events.all.contains { $0.level == .warning && $0.message.contains("'stats'") })
        let keys = Column(type: .int64, values: .int64([5, 19_999, 20_000]))
        #expect(ServingFixture.rows(try Self.fetched(fixture, try fixture.view("stats"), [keys]).get()).count == 2)

        let places = (0..<20_000).map {
            HistoryRow([.string("p"), .int64($0)], at: 1, [.float64(1), .listString([])])
        }
        try store.ingest("weather", places)
        try fixture.catchUp(store.session)
        // It gives way after the position was reached that made it too large.
        #expect(try Patience.wait { try fixture.view("weather").memory == nil })
        #expect(try fixture.view("rates").memory != nil)
        try fixture.expectOnline(store.session)
    }

    @Test func `a large table is loaded by two sessions at one snapshot`() throws {
        let store = try TestStore(FollowingTests.yaml)
        // Wide enough for several ranges of blocks.
        try store.session.execute(
            """
            INSERT INTO online.stats (user_id, _event_time, _deleted, n, note)
            SELECT i, to_timestamp(1), i % 10 = 0, i * 3, repeat('n', 900) FROM generate_series(1, 45000) i
            """
        )
        let fixture = try ServingFixture(store.conninfo)
        #expect(fixture.serving.state.loadedRows == 45_000)
        let memory = try #require(try fixture.view("stats").memory)
        let wrong = memory.withReader { reader -> Int in
            (1...45_000).count { key in
                guard let row = reader.row(Int64(key)) else { return true }
                return row.load(reader.layout.columns[0].offset, as: Int64.self) != Int64(key) * 3
                    || row.bytes(reader.layout.columns[1].offset).count != 900 || row.isDeleted != (key % 10 == 0)
            }
        }
        #expect(wrong == 0)
        #expect(memory.figures.rows == 45_000 && memory.figures.tombstones == 4_500)
    }

    @Test func `while PostgreSQL is away memory answers, and it comes back by itself`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let conninfo = try cluster.database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        let definitions = try Definitions.parse(yaml: FollowingTests.yaml, file: "features.yaml")
        let registry = try Registry.apply(definitions, session).0
        var options = ServingOptions()
        options.resident = .views(["stats"])
        let fixture = try ServingFixture(conninfo, options: options)
        let view = try registry.view(named: "stats")
        func ingest(_ number: Int64) throws {
            let session = try Session(conninfo: conninfo)
            let rows = TestStore.viewRows(FollowingTests.rows(0..<10, at: number, number), view)
            let ingestion = try TestStore.ingestion(view, like: rows, session)
            try ingestion.append(rows)
            _ = try ingestion.finish()
        }
        try ingest(1)
        try fixture.catchUp(session)
        for round in 1...2 {
            if round == 1 { cluster.stop() } else { cluster.crash() }
            #expect(Patience.wait { fixture.serving.state.downSince != nil })
            let memory = try #require(try fixture.view("stats").memory)
            #expect(ServingFixture.rows(memory).count == 10)
            switch try Self.fetched(fixture, try fixture.view("rates"), []) {
            case .failure(.unavailable): break
            case let other: Issue.record("\(other)")
            }
            try cluster.start()
            try ingest(Int64(round + 1))
            let again = try Session(conninfo: conninfo)
            try fixture.catchUp(again)
            #expect(Patience.wait { fixture.serving.state.downSince == nil })
            try fixture.expectOnline(again)
            #expect(Patience.wait { (try? Self.fetched(fixture, fixture.view("rates"), []).get()) != nil })
        }
        #expect(fixture.serving.state.timelineChanges == 0 && fixture.serving.state.connections == 3)
    }
}
