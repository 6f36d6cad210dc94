import Features
import Foundation
import Glibc
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Operations
@testable import Serving
@testable import Store

/// A server's memories against the online tables, while others write.
@Suite struct FollowingTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          place: { key: origin, type: string }
        views:
          stats: { entities: [user], features: { n: int64, note: string } }
          weather: { entities: [place, user], features: { temp: float64, tags: list(string) } }
          rates: { entities: [], features: { rate: float32 } }
        services:
          model: [stats.n, stats.note, weather.temp, rates.rate]
        """

    static func rows(_ keys: Range<Int64>, at time: Int64, _ n: Int64) -> [HistoryRow] {
        keys.map { HistoryRow([.int64($0)], at: time, [.int64(n), .string("note \(n) of user \($0)")]) }
    }

    private static func value(_ fixture: ServingFixture, _ key: Int64) throws -> Value? {
        let view = try fixture.view("stats")
        return view.memory?.withReader { reader in reader.row(key).map { $0.value(0, reader.layout) } }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `a random history is loaded and followed as the online tables have it`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 25)
        let fixture = try ServingFixture(history.store.conninfo)
        try fixture.expectOnline(history.store.session, "loaded")
        for _ in 0..<6 {
            try history.extend(batches: 5)
            try fixture.catchUp(history.store.session)
            try fixture.expectOnline(history.store.session, "followed")
        }
        let state = fixture.serving.state
        #expect(state.reached == (try history.store.head()) && state.lag == 0 && state.followedRows > 0)
        #expect(state.timelineChanges == 0 && state.downSince == nil)
    }

    @Test func `own commits are there at once, and are not read again`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", Self.rows(0..<1, at: 0, 0))
        let fixture = try ServingFixture(store.conninfo)
        let view = try store.view("stats")
        for number in 1...50 as ClosedRange<Int64> {
            let rows = TestStore.viewRows(Self.rows(0..<20, at: number, number), view)
            let transaction = try WriteTransaction(session: store.session, views: [view])
            _ = try transaction.write(rows, to: view)
            let state = try transaction.commit()
            fixture.serving.apply([(view, rows)], state: state)
            #expect(try Self.value(fixture, 7) == .int64(number))
            #expect(fixture.serving.state.reached.position >= state.position)
        }
        try fixture.expectOnline(store.session)
        // A few may have been seen in the ledger before they were applied here.
        #expect(fixture.serving.state.followedRows < 1_000)
    }

    @Test func `two servers and two ingests at a time end with the same rows`() throws {
        let store = try TestStore(Self.yaml)
        let fixtures = [try ServingFixture(store.conninfo), try ServingFixture(store.conninfo)]
        let (conninfo, views) = (store.conninfo, store.registry.views)
        let writers = (0..<4).map { number in
            let serving = fixtures[number % 2].serving
            return BackgroundWork { () throws(StoreError) in
                var random = SeededRandom(seed: UInt64(number))
                let session = try Session(conninfo: conninfo)
                for _ in 0..<40 {
                    let view = random.pick(views)
                    let rows = (0..<random.int(1...30)).map { _ in
                        HistoryRow(
                            view.definition.keys.map {
                                $0.type == .int64
                                    ? .int64(Int64(random.int(0...15))) : .string(random.pick(["a", "b"]))
                            },
                            at: Int64(random.int(0...30)),
                            isDeleted: random.oneIn(10),
                            view.definition.features.map { random.value($0.type) }
                        )
                    }
                    do {
                        try KnownPartitions.prepare(view, rows.map(\.eventTime), session)
                    } catch { throw StoreError.request("\(error)") }
                    let columns = TestStore.viewRows(rows, view)
                    let transaction = try WriteTransaction(session: session, views: [view])
                    _ = try transaction.write(columns, to: view)
                    let state = try transaction.commit()
                    // Half of the writers are servers' own.
                    if number < 2 { serving.apply([(view, columns)], state: state) }
                }
            }
        }
        for writer in writers { try writer.wait() }
        for fixture in fixtures {
            try fixture.catchUp(store.session)
            try fixture.expectOnline(store.session)
        }
    }

    @Test func `a rebuilt table, a forgotten entity and dropped history are taken over`() throws {
        let store = try TestStore(Self.yaml)
        let day: Int64 = 86_400_000_000
        try store.ingest("stats", Self.rows(0..<50, at: 40 * day, 1))
        try store.ingest("stats", Self.rows(50..<60, at: 1_000 * day, 2))
        let fixture = try ServingFixture(store.conninfo)
        let session = store.session
        let forgetting = try Forgetting(session, entity: "user", key: "55", store.registry.definitions)
        _ = try forgetting.run()
        try fixture.catchUp(session)
        #expect(try Self.value(fixture, 55) == nil && Self.value(fixture, 54) == .int64(2))
        try fixture.expectOnline(session, "forgotten")

        let view = try store.view("stats")
        try session.execute("UPDATE online.stats SET n = 77 WHERE user_id = 3")
        _ = try OnlineRebuild(session).run(view)
        try fixture.catchUp(session)
        try fixture.expectOnline(session, "rebuilt")

        _ = try HistoryDrop(session, view).run(before: Timestamp(microseconds: 500 * day))
        try fixture.catchUp(session)
        #expect(try Self.value(fixture, 3) == nil && Self.value(fixture, 54) == .int64(2))
        try fixture.expectOnline(session, "dropped")

        // A kind that a later version may write.
        try session.execute(
            """
            UPDATE online.stats SET n = 5 WHERE user_id = 54;
            INSERT INTO asof.batches (position, batch, view, kind, rows, committed_at, uid, batch_high)
            SELECT position + 1, nextval('asof.batch_numbers'), \(view.id), 'new_kind', 0, now(), gen_random_uuid(), batch_high
            FROM asof.batches ORDER BY position DESC LIMIT 1
            """
        )
        try fixture.catchUp(session)
        #expect(try Self.value(fixture, 54) == .int64(5))
        #expect(fixture.serving.state.timelineChanges == 0)
    }

    /// The forgotten row was the newest, so that it would hide what comes after it.
    @Test func `an entity that is forgotten and comes back with an older event has that`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", Self.rows(0..<500, at: 90, 1))
        try store.ingest("weather", [HistoryRow([.string("a"), .int64(7)], at: 80, [.float64(1), .null])])
        let fixture = try ServingFixture(store.conninfo)
        let memory = try fixture.view("stats").memory
        for key in ["7", "8"] {
            _ = try Forgetting(store.session, entity: "user", key: key, store.registry.definitions).run()
        }
        try store.ingest("stats", Self.rows(7..<8, at: 50, 2))
        try fixture.catchUp(store.session)
        #expect(try Self.value(fixture, 7) == .int64(2) && Self.value(fixture, 8) == nil)
        try fixture.expectOnline(store.session)
        #expect(try fixture.view("stats").memory === memory)
        // Its place is taken by another one.
        try store.ingest("stats", Self.rows(1_000..<1_003, at: 1, 3))
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session)
    }

    /// What a restore to an earlier moment does: the newest commits are gone, others take their positions.
    @Test func `another timeline is noticed, and everything loaded again`() throws {
        let store = try TestStore(Self.yaml)
        for number in 1...5 as ClosedRange<Int64> {
            // One user is there from the fourth commit on only.
            try store.ingest("stats", Self.rows(0..<(number > 3 ? 11 : 10), at: number, number))
        }
        let fixture = try ServingFixture(store.conninfo)
        #expect(try Self.value(fixture, 3) == .int64(5) && Self.value(fixture, 10) == .int64(5))
        let head = try store.head()
        try store.session.execute(
            """
            DELETE FROM asof.batches WHERE position > \(head.position - 2);
            DELETE FROM history.stats WHERE n > 3;
            DELETE FROM online.stats;
            INSERT INTO online.stats (user_id, _event_time, _deleted, n, note)
                SELECT user_id, _event_time, false, n, note FROM history.stats WHERE n = 3
            """
        )
        // As many commits as were lost, so that only their uids differ.
        try store.ingest("stats", Self.rows(20..<22, at: 9, 9))
        try store.ingest("stats", Self.rows(3..<4, at: 4, 44))
        #expect(try store.head().position == head.position)
        try fixture.catchUp(store.session)
        #expect(try Self.value(fixture, 3) == .int64(44) && Self.value(fixture, 5) == .int64(3))
        #expect(try Self.value(fixture, 10) == nil)
        try fixture.expectOnline(store.session)
        // It goes on from there.
        try store.ingest("stats", Self.rows(0..<30, at: 100, 7))
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session)
        #expect(fixture.serving.state.timelineChanges == 1)
    }

    @Test func `without notifications the ledger is polled`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", Self.rows(0..<1, at: 0, 0))
        var options = ServingOptions()
        options.pollMs = 50
        let fixture = try ServingFixture(store.conninfo, options: options)
        // Commits that nobody tells of.
        for number in 1...8 as ClosedRange<Int64> {
            try store.session.execute(
                """
                BEGIN;
                INSERT INTO history.stats (user_id, _event_time, _batch, n) VALUES (1, to_timestamp(\(number)), 1000 + \(number), \(number));
                INSERT INTO asof.batches (position, batch, view, kind, rows, committed_at, uid, batch_high)
                SELECT position + 1, 1000 + \(number), \(try store.view("stats").id), 'data', 1, now(), gen_random_uuid(), 1000 + \(number)
                FROM asof.batches ORDER BY position DESC LIMIT 1;
                COMMIT
                """
            )
            try fixture.catchUp(store.session)
            #expect(try Self.value(fixture, 1) == .int64(number))
        }
        #expect(Patience.wait { !fixture.serving.state.isNotified })
    }

    @Test func `positions are waited for`() throws {
        let store = try TestStore(Self.yaml)
        let fixture = try ServingFixture(store.conninfo)
        let next = try store.head().position + 1
        let outcomes = Mutex<[String]>([])
        fixture.serving.whenReached(next - 1, timeoutMs: 0) { outcome in
            outcomes.withLock { $0.append("past \(outcome)") }
        }
        #expect(outcomes.withLock { $0 } == ["past reached"])
        fixture.serving.whenReached(next + 5, timeoutMs: 20) { outcome in
            outcomes.withLock { $0.append("far \(outcome)") }
        }
        #expect(Patience.wait { outcomes.withLock { $0.contains("far timedOut") } })
        fixture.serving.whenReached(next, timeoutMs: 30_000) { outcome in
            outcomes.withLock { $0.append("next \(outcome)") }
        }
        try store.ingest("stats", Self.rows(0..<1, at: 1, 1))
        #expect(Patience.wait { outcomes.withLock { $0.contains("next reached") } })
        let id = fixture.serving.whenReached(next + 5, timeoutMs: 30_000) { outcome in
            outcomes.withLock { $0.append("cancelled \(outcome)") }
        }
        fixture.serving.cancelWait(id)
        #expect(outcomes.withLock { $0.last } == "cancelled stopped")
        fixture.serving.whenReached(next + 6, timeoutMs: 30_000) { outcome in
            outcomes.withLock { $0.append("stop \(outcome)") }
        }
        fixture.serving.stop()
        #expect(outcomes.withLock { $0.last } == "stop stopped")
    }

    @Test func `the clock is PostgreSQL's`() throws {
        let store = try TestStore(Self.yaml)
        let fixture = try ServingFixture(store.conninfo)
        let before = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let now = fixture.serving.now()
        let after = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let error = fixture.serving.state.clockRoundTripUs
        #expect(error > 0 && now > before - error && now < after + error)
    }

    @Test(.enabled(if: PgBouncer.path != nil, "\(PgBouncer.notice)"))
    func `a proxy that pools transactions is followed through`() throws {
        let store = try TestStore(Self.yaml)
        let proxy = try PgBouncer(try #require(PgBouncer.path), before: try ThrowawayCluster.shared())
        let database = try #require(store.conninfo.split(separator: " ").first { $0.hasPrefix("dbname=") }).dropFirst(7)
        try store.ingest("stats", Self.rows(0..<9, at: 0, 0))
        let fixture = try ServingFixture(proxy.conninfo(database: String(database)))
        for number in 1...5 as ClosedRange<Int64> {
            try store.ingest("stats", Self.rows(0..<20, at: number, number))
            try fixture.catchUp(store.session)
            try fixture.expectOnline(store.session)
        }
    }

    @Test func `a hot standby is followed`() throws {
        let primary = try ThrowawayCluster.start()
        defer { primary.stop() }
        let conninfo = try primary.database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        let definitions = try Definitions.parse(yaml: Self.yaml, file: "features.yaml")
        let view = try Registry.apply(definitions, session).0.view(named: "stats")
        let standby = try primary.standby()
        defer { standby.stop() }
        let fixture = try ServingFixture(standby.conninfo(database: "test1"))
        for number in 1...3 as ClosedRange<Int64> {
            let rows = TestStore.viewRows(Self.rows(0..<20, at: number, number), view)
            let ingestion = try TestStore.ingestion(view, like: rows, session)
            try ingestion.append(rows)
            _ = try ingestion.finish()
            try fixture.catchUp(session)
            try fixture.expectOnline(session)
        }
        #expect(!fixture.serving.state.isNotified)
    }
}
