import Features
import Foundation
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Operations
@testable import Serving
@testable import Store

/// PostgreSQL goes away under a server that is being written to.
@Suite(.serialized) struct WriteOutageTests {
    /// What clients were told of each write, which is one row of one user.
    private final class Ledger: Sendable {
        enum Fate: Hashable { case stored, notStored, unknown }
        private let fates = Mutex<[Int64: Fate]>([:])
        func note(_ user: Int64, _ fate: Fate) { fates.withLock { $0[user] = fate } }
        var all: [Int64: Fate] { fates.withLock { $0 } }
        /// Waits until clients have been told so `count` times more.
        func waitForMore(_ count: Int, _ fate: Fate) -> Bool {
            let before = all.values.count { $0 == fate }
            return Patience.wait { all.values.count { $0 == fate } >= before + count }
        }
    }

    /// Writes one row after the other until it is told to stop.
    private final class Client: Sendable {
        private let isStopped = Atomic<Bool>(false)
        private let done = DispatchSemaphore(value: 0)

        init(_ fixture: WriterFixture, _ ledger: Ledger, first: Int64, id: Int64) {
            let thread = Thread { [self] in
                var user = first
                while !isStopped.load(ordering: .relaxed) {
                    switch fixture.put(fixture.write("stats", [WriterFixture.row(user, at: 10, user)]), client: id) {
                    case .success: ledger.note(user, .stored)
                    case .failure(.outcomeUnknown): ledger.note(user, .unknown)
                    case .failure(.unavailable):
                        ledger.note(user, .notStored)
                        Patience.pass(microseconds: 1_000, "the pace of a client that is refused")
                    case .failure(let other): Issue.record("\(other)")
                    }
                    user += 1
                }
                done.signal()
            }
            thread.start()
        }

        func stop() {
            isStopped.store(true, ordering: .relaxed)
            done.wait()
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [false, true])
    func `no write is acknowledged that is not stored, and none stored that was refused`(crashes: Bool) throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try TestStore(WriterFixture.yaml, cluster: cluster)
        let fixture = try WriterFixture(store)
        defer { fixture.writer.stop() }
        let ledger = Ledger()
        let clients = (0..<6).map { Client(fixture, ledger, first: Int64($0) * 1_000_000, id: Int64($0)) }
        for _ in 0..<4 {
            #expect(ledger.waitForMore(50, .stored))
            if crashes { cluster.crash() } else { cluster.stop() }
            #expect(ledger.waitForMore(1, .notStored))
            let refused = ContinuousClock.now
            let answer = fixture.put(fixture.write("stats", [WriterFixture.row(-1, at: 10, 1)]), client: 9)
            #expect(answer.failure != nil)
            #expect(fixture.writer.outage != nil)
            #expect(ContinuousClock.now - refused < .seconds(1))
            try cluster.start()
            let back = ContinuousClock.now
            _ = Patience.wait {
                fixture.put(fixture.write("stats", [WriterFixture.row(-2, at: 10, 1)]), client: 9).position != nil
            }
            #expect(ContinuousClock.now - back < .seconds(5))
        }
        #expect(ledger.waitForMore(50, .stored))
        for client in clients { client.stop() }
        try check(ledger.all, store)
    }

    private func check(_ fates: [Int64: Ledger.Fate], _ store: TestStore) throws {
        let session = try Session(conninfo: store.conninfo)
        let rows = try session.query(
            "SELECT user_id, count(*) FROM \(store.view("stats").historyTable) WHERE user_id >= 0 GROUP BY 1"
        )
        var counts: [Int64: Int64] = [:]
        for row in 0..<rows.count { counts[rows.int64(row, 0) ?? -1] = rows.int64(row, 1) ?? 0 }
        #expect(counts.values.allSatisfy { $0 == 1 })
        var seen: [Ledger.Fate: Int] = [:]
        for (user, fate) in fates {
            seen[fate, default: 0] += 1
            switch fate {
            case .stored: #expect(counts[user] == 1, "user \(user) was acknowledged")
            case .notStored: #expect(counts[user] == nil, "user \(user) was refused")
            case .unknown: break
            }
        }
        #expect((seen[.stored] ?? 0) > 100)
        #expect((seen[.notStored] ?? 0) > 0)
        #expect(Set(counts.keys).isSubset(of: fates.keys))
        let finder = try StoreCheck(session).run(store.registry.views).filter { $0.violations != 0 }
        #expect(finder == [])
    }

    @Test(.timeLimit(.minutes(15)))
    func `writes that waited for a view are all told when PostgreSQL goes away, also where they are several groups`()
        throws
    {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try TestStore(WriterFixture.yaml, cluster: cluster)
        let fixture = try WriterFixture(store, lanes: 1)
        defer { fixture.writer.stop() }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.view(try store.view("stats").id))
        // Two of them are more rows than a group has.
        let rows = (1...Int64(ServingLimits.groupRowsMax) / 2 + 1).map { WriterFixture.row($0, at: 10, 1) }
        let waiting = (1...4).map { fixture.start(fixture.write("stats", rows), client: $0) }
        // What is behind them in the lane is stored once they were set aside.
        #expect(fixture.put(fixture.write("other", [WriterFixture.row(1, at: 10, 1)]), client: 9).position != nil)
        cluster.crash()
        for answer in waiting {
            guard case .unavailable = answer.wait().failure else {
                Issue.record("\(answer.wait())")
                return
            }
        }
        #expect(fixture.writer.isIdle)
    }

    @Test(.timeLimit(.minutes(15)))
    func `a connection that is cut off during COMMIT is asked for on another one`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let fixture = try WriterFixture(store)
        defer { fixture.writer.stop() }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        let answer = fixture.start(fixture.write("stats", [WriterFixture.row(1, at: 10, 1)]))
        let kill = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
            """
        #expect(try Patience.wait { try store.session.query(kill).count > 0 })
        // It was not stored, so it is done again, and waits at the ledger again.
        #expect(try store.session.isSomebodyBlocked(by: "advisory"))
        blocker.connection.rollBack()
        #expect(answer.wait().position == 2)
        #expect(try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 1)
    }

    @Test(.timeLimit(.minutes(15)))
    func `a COMMIT that happened and was not answered is found, and not done again`() throws {
        // A commit is on this server's disk before it waits for a standby that there is not.
        let cluster = try ThrowawayCluster.start(
            settings: ["synchronous_standby_names = 'nobody'", "synchronous_commit = local"]
        )
        defer { cluster.stop() }
        let store = try TestStore(WriterFixture.yaml, cluster: cluster)
        // Makes the partition, whose transaction would wait, too.
        try store.ingest("stats", [WriterFixture.row(9, at: 10, 1)])
        let fixture = try WriterFixture(store, settings: "options='-c synchronous_commit=on'")
        let answer = fixture.start(
            fixture.write("stats", [WriterFixture.row(1, at: 10, 1)], source: SourceSequence(source: "s", sequence: 1))
        )
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        let isCut = try Patience.wait(seconds: 20) { try store.session.query(kill).count > 0 }
        #expect(isCut)
        #expect(answer.wait().position == 3)
        #expect(try store.session.query("SELECT count(*) FROM history.stats WHERE user_id = 1").int64(0, 0) == 1)
        #expect(fixture.log.all.map(\.state.position) == [3])
        try cluster.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        try cluster.execute("SELECT pg_reload_conf()")
        fixture.writer.stop()
    }
}
