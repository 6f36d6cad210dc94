import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// The order in which one client's writes, and one source's, are committed, whatever they wait for and whichever fails.
@Suite struct WriteOrderTests {
    private let store: TestStore

    init() throws { store = try TestStore(WriterFixture.yaml) }

    private func fixture(heldWaitMs: Int = 10_000, lockTimeoutMs: Int = 1_000) throws -> WriterFixture {
        var options = GroupWriter.Options()
        options.heldWaitMs = heldWaitMs
        options.lockTimeoutMs = lockTimeoutMs
        return try WriterFixture(store, options: options)
    }

    private func write(
        _ fixture: WriterFixture,
        _ sequence: Int64?,
        _ view: String = "stats",
        user: Int64 = 1,
        source: String = "s"
    ) -> RowWrite {
        let row = WriterFixture.row(user, at: 10 + (sequence ?? 0), sequence ?? -1)
        return fixture.write(view, [row], source: sequence.map { SourceSequence(source: source, sequence: $0) })
    }

    private func empty(_ sequence: Int64) -> RowWrite {
        RowWrite([RowWrite.Item(parts: [], source: SourceSequence(source: "s", sequence: sequence))])
    }

    private func bad(_ fixture: WriterFixture, _ sequence: Int64) -> RowWrite {
        let source = SourceSequence(source: "s", sequence: sequence)
        return fixture.write("wide", [GroupWriterTests.tooWide], source: source)
    }

    private func stored(_ view: String = "stats") throws -> [Int64] {
        let rows = try store.session.query(
            """
            SELECT h.clicks FROM history.\(view) h
            JOIN (SELECT DISTINCT batch, position FROM asof.batches) b ON b.batch = h._batch ORDER BY b.position, h.clicks
            """
        )
        return (0..<rows.count).map { rows.int64($0, 0) ?? -1 }
    }

    private func outOfOrder(_ result: Result<WriteReceipt, WriteFailure>) -> String? {
        guard case .outOfOrder(let text) = result.failure else { return nil }
        return text
    }

    /// Holds a view as `apply` does.
    private func hold(_ view: String) throws -> Session {
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.view(try store.view(view).id))
        return blocker
    }

    @Test func `behind a write that waits for its view the later ones of its client wait, and no other client's`()
        throws
    {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let blocker = try hold("stats")
        let waiting = fixture.start(write(fixture, 1), client: 1)
        let numbered = fixture.start(write(fixture, 2, "other"), client: 1)
        let plain = fixture.start(write(fixture, nil, "other", user: 2), client: 1)
        // Client 3 is on the same thread as client 1.
        #expect(fixture.put(write(fixture, 1, "other", user: 3, source: "t"), client: 3).position == 2)
        #expect(fixture.put(write(fixture, 1, "other", user: 4, source: "u"), client: 2).position == 3)
        #expect(try stored("other").count == 2)
        blocker.connection.rollBack()
        #expect(waiting.wait().isDuplicate == false && numbered.wait().isDuplicate == false)
        #expect(plain.wait().isDuplicate == false)
        let positions = try [waiting, numbered, plain].map { try #require($0.wait().position) }
        #expect(positions == positions.sorted())
        #expect(try stored() == [1] && stored("other").count == 4)
    }

    @Test func `behind a write that waits another client's of the same source wait, too`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let blocker = try hold("stats")
        let waiting = fixture.start(write(fixture, 1), client: 1)
        let other = fixture.start(write(fixture, 2, "other"), client: 3)
        // Comes behind it on the same thread, so that it would have been stored before.
        #expect(fixture.put(write(fixture, nil, "other", user: 9), client: 5).position == 2)
        blocker.connection.rollBack()
        #expect(waiting.wait().isDuplicate == false && other.wait().isDuplicate == false)
        #expect(try stored() == [1])
    }

    @Test func `an older write does not win a tie because it had to wait`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let blocker = try hold("other")
        let both = RowWrite([
            RowWrite.Item(parts: [
                fixture.part("stats", [WriterFixture.row(1, at: 10, 1)]),
                fixture.part("other", [WriterFixture.row(1, at: 10, 1)]),
            ])
        ])
        let older = fixture.start(both, client: 1)
        let newer = fixture.start(fixture.write("stats", [WriterFixture.row(1, at: 10, 2)]), client: 1)
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(7, at: 10, 0)]), client: 3).position == 2)
        blocker.connection.rollBack()
        #expect(older.wait().position != nil && newer.wait().position != nil)
        let latest = try store.session.query("SELECT clicks FROM online.stats WHERE user_id = 1")
        #expect(latest.int64(0, 0) == 2)
    }

    @Test func `a number that fails keeps back the later ones, until it comes again`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let answers = [bad(fixture, 7), write(fixture, 8), write(fixture, 9)].map { fixture.start($0, client: 1) }
        let plain = fixture.start(write(fixture, nil, user: 5), client: 1)
        let elsewhere = fixture.start(write(fixture, 1, "other", source: "t"), client: 1)
        guard case .refused = answers[0].wait().failure else {
            Issue.record("\(answers[0].wait())")
            return
        }
        for (place, answer) in answers.dropFirst().enumerated() {
            #expect(
                outOfOrder(answer.wait())
                    == """
                    source 's': SEQ \(8 + place) comes behind 7, which failed on this connection; send 7 again first, or \
                    give it up by an FS.WRITE of no lines under it
                    """
            )
        }
        #expect(plain.wait().position != nil && elsewhere.wait().position != nil)
        // Also after the answer.
        #expect(outOfOrder(fixture.put(write(fixture, 8), client: 1)) != nil)
        #expect(fixture.put(write(fixture, 7), client: 1).isDuplicate == false)
        // 8 and 9 failed, too: they come before 10.
        #expect(outOfOrder(fixture.put(write(fixture, 10), client: 1))?.contains("comes behind 8") == true)
        let again = [write(fixture, 8), write(fixture, 9), write(fixture, 10)].map { fixture.start($0, client: 1) }
        #expect(again.map { $0.wait().isDuplicate } == [false, false, false])
        #expect(try stored() == [-1, 7, 8, 9, 10])
    }

    @Test func `a number is given up by a write of no rows under it`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        #expect(fixture.put(bad(fixture, 7), client: 1).failure != nil)
        let position = try store.head().position
        let given = fixture.put(empty(7), client: 1)
        #expect(given.isDuplicate == false && given.position == 0)
        #expect(try store.head().position == position)
        #expect(fixture.put(write(fixture, 8), client: 1).isDuplicate == false)
        // It was not stored, and is not said to be.
        #expect(
            outOfOrder(fixture.put(write(fixture, 7), client: 1))?.hasPrefix(
                "source 's': SEQ 7 was not stored and 8 was"
            ) == true
        )
        // Nor does it keep back anything, since it cannot come any more.
        #expect(fixture.put(write(fixture, 9), client: 1).isDuplicate == false)
        #expect(fixture.put(empty(8), client: 1).isDuplicate == true)
        #expect(try stored() == [8, 9])
    }

    @Test func `a number in a gap is refused on every connection and server, and not called a duplicate`() throws {
        let fixture = try fixture()
        let other = try WriterFixture(store)
        defer {
            fixture.writer.stop()
            other.writer.stop()
        }
        #expect(fixture.put(write(fixture, 6), client: 1).isDuplicate == false)
        // 7 fails, the client connects anew, sends 8, and then 7 again.
        #expect(fixture.put(bad(fixture, 7), client: 1).failure != nil)
        #expect(other.put(write(other, 8), client: 1).isDuplicate == false)
        for (fixture, client) in [(fixture, Int64(1)), (fixture, 2), (other, 1)] {
            #expect(
                outOfOrder(fixture.put(write(fixture, 7), client: client))
                    == "source 's': SEQ 7 was not stored and 8 was; send its rows under a new number"
            )
            #expect(fixture.put(write(fixture, 6), client: client).isDuplicate == true)
            #expect(fixture.put(write(fixture, 8), client: client).isDuplicate == true)
        }
        #expect(fixture.put(write(fixture, 9), client: 1).isDuplicate == false)
        #expect(try stored() == [6, 8, 9])
    }

    @Test func `a source with many gaps keeps its newest ranges, and says so of what is older`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let count = Int64(ServingLimits.sourceRangesMax)
        for number in 0..<count + 2 { #expect(fixture.put(write(fixture, number * 10)).isDuplicate == false) }
        #expect(fixture.put(write(fixture, 20)).isDuplicate == true)
        #expect(outOfOrder(fixture.put(write(fixture, 25)))?.contains("SEQ 25 was not stored and 30 was") == true)
        #expect(
            outOfOrder(fixture.put(write(fixture, 10)))?.hasPrefix(
                "source 's': SEQ 10 is older than what is kept, from 20 on; whether it was stored is not known"
            ) == true
        )
        let ranges = try store.session.query("SELECT cardinality(ranges) FROM asof.write_sources")
        #expect(ranges.int32(0, 0) == Int32(2 * count))
        // Below everything, where nothing was dropped.
        #expect(fixture.put(write(fixture, 5, source: "t")).isDuplicate == false)
        let below = outOfOrder(fixture.put(write(fixture, 4, source: "t")))
        #expect(below?.contains("SEQ 4 was not stored and 5 was: it is older than what is kept") == true)
    }

    @Test func `a write that gives up waiting fails, and the numbered ones behind it with it`() throws {
        let fixture = try fixture(heldWaitMs: 50)
        defer { fixture.writer.stop() }
        let blocker = try hold("stats")
        let waiting = fixture.start(write(fixture, 1), client: 1)
        let numbered = fixture.start(write(fixture, 2, "other"), client: 1)
        let plain = fixture.start(write(fixture, nil, "other", user: 2), client: 1)
        guard case .timeout(let text) = waiting.wait().failure else {
            Issue.record("\(waiting.wait())")
            return
        }
        #expect(text.contains("view 'stats' is being changed or rebuilt"))
        #expect(outOfOrder(numbered.wait())?.contains("SEQ 2 comes behind 1") == true)
        #expect(plain.wait().position == 2)
        blocker.connection.rollBack()
        let again = [write(fixture, 1), write(fixture, 2, "other")].map { fixture.start($0, client: 1) }
        #expect(again.map { $0.wait().isDuplicate } == [false, false])
    }

    @Test func `a group whose one write waits for a row is stored without it`() throws {
        let fixture = try fixture(heldWaitMs: 20_000, lockTimeoutMs: 50)
        defer { fixture.writer.stop() }
        for user in 1...20 {
            #expect(fixture.put(fixture.write("stats", [WriterFixture.row(Int64(user), at: 1, 0)])).position != nil)
        }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.execute("UPDATE online.stats SET clicks = 0 WHERE user_id = 7")
        // Even clients share a thread, and so a group.
        let answers = (1...20).map { user in
            let write = fixture.write("stats", [WriterFixture.row(Int64(user), at: 10, Int64(user))])
            return (user, fixture.start(write, client: Int64(user) * 2))
        }
        let behind = fixture.start(write(fixture, nil, "other"), client: 14)
        for (user, answer) in answers where user != 7 { #expect(answer.wait().position != nil) }
        #expect(try stored("other").isEmpty)
        blocker.connection.rollBack()
        let waited = try #require(answers[6].1.wait().position)
        #expect(try #require(behind.wait().position) >= waited)
        #expect(try store.violations() == [])
    }

    @Test func `a group that meets a race is halved until the write that races stands alone, and waits`() throws {
        let fixture = try fixture(heldWaitMs: 30_000)
        defer { fixture.writer.stop() }
        try store.session.execute(
            """
            CREATE TABLE public.races (clicks bigint); INSERT INTO public.races VALUES (13);
            CREATE FUNCTION public.race() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF EXISTS (SELECT FROM public.races r WHERE r.clicks = NEW.clicks) THEN
                    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER race BEFORE INSERT ON history.stats FOR EACH ROW EXECUTE FUNCTION public.race()
            """
        )
        // They gather behind the first, which waits for the ledger; even clients share a thread, and so a group.
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        let first = fixture.start(write(fixture, nil, "other"), client: 100)
        #expect(try store.session.isSomebodyBlocked(by: "advisory"))
        let answers = (1...20).map { n in
            let write = fixture.write("stats", [WriterFixture.row(Int64(n), at: 10, Int64(n))])
            return (n, fixture.start(write, client: Int64(n) * 2))
        }
        let behind = fixture.start(write(fixture, nil, "other"), client: 26)
        blocker.connection.rollBack()
        #expect(first.wait().position != nil)
        let positions = answers.filter { $0.0 != 13 }.compactMap { $0.1.wait().position }
        #expect(positions.count == 19)
        // Not one each: the half without the one that races is stored whole.
        #expect(Set(positions).count <= 10, "\(positions)")
        #expect(try store.session.query("SELECT count(*) FROM history.stats WHERE clicks = 13").int64(0, 0) == 0)
        try store.session.execute("DELETE FROM public.races")
        let raced = try #require(answers[12].1.wait().position)
        #expect(raced > positions.max() ?? 0)
        #expect(try #require(behind.wait().position) >= raced)
        #expect(try store.violations() == [])
    }

    @Test func `however many writes wait for a row, other clients' writes go on, and each is told in time`() throws {
        let fixture = try fixture(heldWaitMs: 4_000, lockTimeoutMs: 50)
        defer { fixture.writer.stop() }
        for user in 1...3 {
            #expect(fixture.put(fixture.write("stats", [WriterFixture.row(Int64(user), at: 1, 0)])).position != nil)
        }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.execute("UPDATE online.stats SET clicks = 0 WHERE user_id = 1")
        let begun = ContinuousClock.now
        // Three hundred of one client, and thirty of as many clients; even clients share a thread.
        let waiting = (1...330).map { n in
            fixture.start(
                fixture.write("stats", [WriterFixture.row(1, at: 10, Int64(n))]),
                client: n <= 300 ? 2 : Int64(n) * 2
            )
        }
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(2, at: 10, 1)]), client: 4_000).position != nil)
        for answer in waiting {
            guard case .timeout = answer.wait().failure else {
                Issue.record("\(answer.wait())")
                break
            }
        }
        // Each by itself would take a minute.
        #expect(ContinuousClock.now - begun < .seconds(20))
        blocker.connection.rollBack()
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(1, at: 10, 7)]), client: 2).position != nil)
    }

    @Test func `a group waits for its place in the ledger as a whole`() throws {
        let fixture = try fixture(lockTimeoutMs: 50)
        defer { fixture.writer.stop() }
        let first = try #require(fixture.put(fixture.write("stats", [WriterFixture.row(0, at: 1, 0)])).position)
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        let answers = (1...40).map { user in
            fixture.start(fixture.write("stats", [WriterFixture.row(Int64(user), at: 1, 0)]), client: Int64(user))
        }
        let isWaiting = Patience.wait {
            let sql =
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = \(AdvisoryLock.ledger)"
            return (try? store.session.query(sql).int64(0, 0)) == 2
        }
        #expect(isWaiting)
        Patience.pass(microseconds: 500_000, "as long as a slow commit, ten times a group's patience with rows")
        blocker.connection.rollBack()
        let positions = Set(answers.compactMap { $0.wait().position })
        #expect(positions.count <= 6 && positions.min() == first + 1)
    }

    @Test func `sources are told apart by their bytes`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        // Gather in one group behind the first.
        let first = fixture.start(write(fixture, 1, source: "x"), client: 2)
        let isWaiting = Patience.wait {
            (try? store.session.query("SELECT count(*) FROM pg_locks WHERE NOT granted").int64(0, 0)) == 1
        }
        #expect(isWaiting)
        let answers = ["\u{E9}", "e\u{301}"].enumerated().map { index, name in
            fixture.start(write(fixture, 5, user: Int64(index) + 10, source: name), client: Int64(index) * 2 + 4)
        }
        blocker.connection.rollBack()
        #expect(first.wait().isDuplicate == false)
        #expect(answers.map { $0.wait().isDuplicate } == [false, false])
        let names = try store.session.query("SELECT count(*) FROM asof.write_sources WHERE ranges = '{5,5}'")
        #expect(names.int64(0, 0) == 2)
        #expect(fixture.put(write(fixture, 5, user: 11, source: "e\u{301}"), client: 9).isDuplicate == true)
    }

    @Test func `a transaction's numbers come one after the other, and fail together`() throws {
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let pair = RowWrite(write(fixture, 1).items + write(fixture, 2, user: 2).items)
        let broken = RowWrite(pair.items + bad(fixture, 3).items)
        #expect(fixture.put(broken, client: 1).failure != nil)
        #expect(outOfOrder(fixture.put(write(fixture, 4), client: 1))?.contains("comes behind 1") == true)
        guard case .success(let receipt) = fixture.put(pair, client: 1) else {
            Issue.record("refused")
            return
        }
        #expect(receipt.items.map(\.isDuplicate) == [false, false])
        #expect(outOfOrder(fixture.put(write(fixture, 4), client: 1))?.contains("comes behind 3") == true)
    }

    @Test func `a write counts until it is answered`() throws {
        let held = HeldApplications()
        let writer = GroupWriter(conninfo: store.conninfo) { _, finish in held.add(finish) }
        writer.start()
        defer {
            held.release()
            writer.stop()
        }
        let fixture = try fixture()
        defer { fixture.writer.stop() }
        let first = WriterFixture.Answer()
        let large = write(fixture, nil)
        writer.submit(
            WriteJob(byteCount: ServingLimits.pendingBytesMax - 10, decode: { .write(large) }) { first.set($0) },
            client: 1
        )
        #expect(Patience.wait { held.count == 1 })
        // It is committed, and its client has not been told.
        let second = WriterFixture.Answer()
        writer.submit(WriteJob(byteCount: 11, decode: { .write(large) }) { second.set($0) }, client: 2)
        guard case .full(let text) = second.wait().failure else {
            Issue.record("\(second.wait())")
            return
        }
        #expect(text.hasPrefix("1 writes of 255 MiB wait for PostgreSQL"))
        // It was taken for one byte, and its rows are more than the ten that are left.
        let third = WriterFixture.Answer()
        writer.submit(WriteJob(byteCount: 1, decode: { .write(large) }) { third.set($0) }, client: 3)
        guard case .full = third.wait().failure else {
            Issue.record("\(third.wait())")
            return
        }
        held.release()
        #expect(first.wait().position != nil)
        #expect(writer.isIdle)
    }

    @Test func `a source from before has stored every number up to its last`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        try session.execute(
            """
            ALTER TABLE asof.write_sources ADD COLUMN seq bigint;
            ALTER TABLE asof.write_sources DROP COLUMN ranges;
            INSERT INTO asof.write_sources (source, seq) VALUES ('old', 41), ('new', NULL)
            """
        )
        let migration = try #require(Migration.all.first { $0.name.hasPrefix("0006") })
        try session.execute(migration.sql)
        let rows = try session.query("SELECT ranges FROM asof.write_sources ORDER BY source")
        #expect(rows.int64Array(0, 0) == [] && rows.int64Array(1, 0) == [0, 41])
    }
}

/// Commits whose application a test holds back.
private final class HeldApplications: @unchecked Sendable {
    // Sendable: `lock` guards the rest.
    private let lock = NSLock()
    private var waiting: [@Sendable () -> Void] = []
    private var isReleased = false

    func add(_ finish: @escaping @Sendable () -> Void) {
        let isFree = lock.withLock {
            if !isReleased { waiting.append(finish) }
            return isReleased
        }
        if isFree { finish() }
    }

    var count: Int { lock.withLock { waiting.count } }

    func release() {
        let all = lock.withLock {
            isReleased = true
            defer { waiting = [] }
            return waiting
        }
        for finish in all { finish() }
    }
}
