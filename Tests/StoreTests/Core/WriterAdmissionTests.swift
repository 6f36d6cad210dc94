import Features
import Foundation
import Glibc
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// A store that a newer asof has migrated, under this one.
enum NewerStore {
    /// What a newer asof knows beyond this one.
    static func migrations(letsOlder: Bool, sql: String = "SELECT 1") -> [Migration] {
        let line = letsOlder ? Migration.letsOlder : Migration.refusesOlder
        return Migration.all + [Migration(number: Migration.newest + 1, name: "later.sql", sql: "\(line): …\n\(sql);")]
    }

    static func make(_ conninfo: String, letsOlder: Bool) throws {
        _ = try Migrator.migrate(try Session(conninfo: conninfo), migrations(letsOlder: letsOlder))
    }

    /// Whether the store refused this binary; other errors are thrown on.
    static func refuses(_ body: () throws -> Void) throws -> Bool {
        do { try body() } catch let error as StoreError {
            guard case .newerSchema(Migration.newest + 1, Migration.newest) = error else { throw error }
            return true
        }
        return false
    }

    /// All rows of all tables of the store, as text.
    static func contents(_ conninfo: String) throws -> [String] {
        let session = try Session(conninfo: conninfo)
        let tables = try session.query(
            """
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('asof', 'history', 'online') AND c.relkind IN ('r', 'p') ORDER BY 1
            """
        )
        var lines: [String] = []
        for table in (0..<tables.count).compactMap({ tables.text($0, 0) }) {
            let rows = try session.query("SELECT t::text FROM \(table) t ORDER BY 1")
            lines += (0..<rows.count).map { "\(table) \(rows.text($0, 0) ?? "")" }
        }
        return lines
    }
}

@Suite struct WriterAdmissionTests {
    @Test func `every migration from the twelfth on says in its first line whether older binaries may write`() {
        for migration in Migration.all where migration.number >= WriterAdmission.firstSchema {
            let line = migration.sql.prefix { $0 != "\n" }
            #expect(
                line.hasPrefix(Migration.letsOlder) != line.hasPrefix(Migration.refusesOlder),
                "\(migration.name) begins with '\(line)'"
            )
        }
        // Those before were applied without such a line.
        #expect(Migration.all.filter { $0.number < WriterAdmission.firstSchema }.allSatisfy { !$0.letsOlderWrite })
        #expect(NewerStore.migrations(letsOlder: true).last?.letsOlderWrite == true)
        #expect(NewerStore.migrations(letsOlder: false).last?.letsOlderWrite == false)
        #expect(!Migration(number: 99, name: "", sql: "SELECT 1").letsOlderWrite)
    }

    @Test func `a transaction that writes holds the lock that a migration takes`() throws {
        let store = try TestStore(WriterFixture.yaml)
        try store.session.begin(.write)
        let rows = try store.session.query(
            """
            SELECT classid::bigint, objid::bigint, objsubid::bigint, mode FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid()
            """
        )
        store.session.connection.rollBack()
        #expect(rows.count == 1 && rows.int64(0, 0) == Int64(AdvisoryLock.space))
        #expect(rows.int64(0, 1) == Int64(AdvisoryLock.migration) && rows.int64(0, 2) == 2)
        #expect(rows.text(0, 3) == "ShareLock")
    }

    @Test(.timeLimit(.minutes(15)), arguments: Committer.allCases.filter { $0 != .migrate })
    func `whatever writes is refused by a newer schema that does not let it, and leaves nothing`(
        _ what: Committer
    ) throws {
        let fixture = try CommitFixture(what)
        // A session from before the migration, as in a server that was running.
        let session = try Session(conninfo: fixture.conninfo)
        try session.transaction(.write) { () throws(StoreError) in }
        try NewerStore.make(fixture.conninfo, letsOlder: false)
        let before = try NewerStore.contents(fixture.conninfo)
        #expect(try NewerStore.refuses { try fixture.run(session) })
        #expect(!session.connection.isInTransaction)
        #expect(try NewerStore.contents(fixture.conninfo) == before)
        #expect(throws: StoreError.self) { _ = try Session.open(fixture.conninfo, forWriting: true) }
    }

    @Test(.timeLimit(.minutes(15)), arguments: Committer.allCases.filter { $0 != .migrate })
    func `whatever writes goes on where the newer schema lets it`(_ what: Committer) throws {
        let fixture = try CommitFixture(what)
        let before = try fixture.trace()
        try NewerStore.make(fixture.conninfo, letsOlder: true)
        try fixture.run(try Session.open(fixture.conninfo, forWriting: true))
        #expect(try fixture.trace() != before)
    }

    @Test func `a migration that lets older binaries write does not let those back that one before refused`() throws {
        let store = try TestStore(WriterFixture.yaml)
        var later = NewerStore.migrations(letsOlder: false)
        later.append(
            Migration(number: Migration.newest + 2, name: "last.sql", sql: "\(Migration.letsOlder).\nSELECT 1")
        )
        #expect(try Migrator.migrate(store.session, later).count == 2)
        #expect(throws: StoreError.self) { try store.session.begin(.write) }
        #expect(try WriterAdmission.lowestSchema(store.session) == Migration.newest + 1)
    }

    @Test func `a number that is raised by hand, without a lock, is seen by the commit of what had begun`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let view = try store.view("stats")
        let rows = TestStore.viewRows([WriterFixture.row(1, at: 10, 1)], view)
        try KnownPartitions.prepare(view, rows.eventTimeValues, store.session)
        let transaction = try WriteTransaction(session: store.session, views: [view])
        _ = try transaction.write(rows, to: view)
        try Session(conninfo: store.conninfo).execute(
            "INSERT INTO asof.migrations (number, name, checksum) VALUES (\(Migration.newest + 1), 'later.sql', '')"
        )
        #expect(try NewerStore.refuses { _ = try transaction.commit() })
        transaction.rollBack()
        #expect(try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 0)
    }

    @Test func `a migration waits for what is being written, and names who writes where that takes too long`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let view = try store.view("stats")
        let rows = TestStore.viewRows([WriterFixture.row(1, at: 10, 1)], view)
        try KnownPartitions.prepare(view, rows.eventTimeValues, store.session)
        let transaction = try WriteTransaction(session: store.session, views: [view])
        _ = try transaction.write(rows, to: view)
        let pid = try store.session.query("SELECT pg_backend_pid()").int32(0, 0) ?? 0
        let other = try Session(conninfo: store.conninfo)
        let later = NewerStore.migrations(letsOlder: false)
        do {
            _ = try Migrator.migrate(other, later, waitMs: 1_000)
            Issue.record("it did not wait")
        } catch {
            #expect("\(error)".contains("process \(pid), ") && "\(error)".contains("asof migrate"), "\(error)")
        }
        #expect(try Migrator.schema(of: other) == Migration.newest && !other.connection.isInTransaction)

        // It stands in the way of other writers for a moment only, and then waits without them having to.
        let conninfo = store.conninfo
        let isMigrated = Atomic(false)
        let box = Box(transaction: transaction)
        let failures = SideBySide.run(2) { role in
            if role == 0 {
                _ = try Migrator.migrate(try Session(conninfo: conninfo), NewerStore.migrations(letsOlder: false))
                isMigrated.store(true, ordering: .sequentiallyConsistent)
            } else {
                let writer = try Session(conninfo: conninfo)
                let watcher = try Session(conninfo: conninfo)
                let isWaiting = try Patience.wait {
                    let waiting = """
                        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                        """
                    return try watcher.query(waiting).int64(0, 0) == 1
                }
                #expect(isWaiting)
                for _ in 0..<20 { try writer.transaction(.write) { () throws(StoreError) in } }
                let isEarly = isMigrated.load(ordering: .sequentiallyConsistent)
                #expect(!isEarly)
                _ = try box.transaction.commit()
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        #expect(try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 1)
        #expect(try NewerStore.refuses { try store.session.begin(.write) })
    }

    private struct Box: @unchecked Sendable {
        // Sendable: one thread has it at a time.
        let transaction: WriteTransaction
    }

    /// Writers of several kinds against a migration at a random moment; the migration itself writes down what was there.
    @Test(.timeLimit(.minutes(15)), arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `nothing of an older binary lands after the migration`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let letsOlder = seed % 3 == 0
        let store = try TestStore(WriterFixture.yaml)
        let fixture = try WriterFixture(store)
        defer { fixture.writer.stop() }
        let (conninfo, view) = (store.conninfo, try store.view("other"))
        let commits = Atomic(0)
        let isOver = Atomic(false)
        let refused = Atomic(0)
        let startAt = random.int(5...60)
        let mark = "CREATE TABLE public.mark AS SELECT (SELECT max(position) FROM asof.batches) AS position"
        let failures = SideBySide.run(5, seconds: 200) { role in
            if role == 0 {
                #expect(Patience.wait(seconds: 100) { commits.load(ordering: .relaxed) >= startAt })
                _ = try Migrator.migrate(
                    try Session(conninfo: conninfo),
                    NewerStore.migrations(letsOlder: letsOlder, sql: mark)
                )
                let end = commits.load(ordering: .relaxed) + 20
                if letsOlder { #expect(Patience.wait(seconds: 100) { commits.load(ordering: .relaxed) >= end }) }
                isOver.store(true, ordering: .relaxed)
                return
            }
            let session = try Session(conninfo: conninfo)
            for number in 1...10_000 where !(letsOlder && isOver.load(ordering: .relaxed)) {
                let row = WriterFixture.row(Int64(number % 7), at: Int64(role * 100_000 + number), Int64(number))
                let isRefused = try NewerStore.refuses {
                    if role < 3 {
                        let write = fixture.write("stats", [row])
                        switch fixture.put(write, client: Int64(role)) {
                        case .success: break
                        case .failure(.readOnly(let text)):
                            #expect(text.contains("use a newer asof"))
                            throw StoreError.newerSchema(store: Migration.newest + 1, binary: Migration.newest)
                        case .failure(let other): throw StoreError.conflict("\(other)")
                        }
                    } else {
                        let rows = TestStore.viewRows([row], view)
                        let ingestion = try TestStore.ingestion(view, like: rows, session)
                        try ingestion.append(rows)
                        _ = try ingestion.finish()
                    }
                }
                if isRefused {
                    refused.add(1, ordering: .relaxed)
                    return
                }
                commits.add(1, ordering: .relaxed)
            }
        }
        #expect(failures.isEmpty, "seed \(seed): \(failures)")
        let marked = try store.session.query("SELECT position FROM public.mark").int64(0, 0) ?? 0
        let head = try store.head().position
        #expect(letsOlder ? head > marked : head == marked, "seed \(seed): \(head) after \(marked)")
        let refusals = refused.load(ordering: .relaxed)
        #expect(refusals == (letsOlder ? 0 : 4), "seed \(seed)")
        #expect((fixture.writer.refusal != nil) == !letsOlder)
        #expect(try store.violations() == [])
    }

    @Test func `a binary from before cannot write to the ledger, and whoever mends it by hand can`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let sql = """
            INSERT INTO asof.batches (position, batch, view, kind, rows, committed_at, uid, batch_high)
            SELECT position + 1, nextval('asof.batch_numbers'), 0, 'later', 0, now(), gen_random_uuid(), batch_high
            FROM asof.batches ORDER BY position DESC LIMIT 1
            """
        // A session that was admitted before keeps nothing of that.
        try store.session.transaction(.write) { () throws(StoreError) in }
        // As binaries before schema 12 begin.
        try store.session.begin(.write, asksToWrite: false)
        do {
            try store.session.execute(sql)
            Issue.record("it was written")
        } catch {
            #expect("\(error)".contains("this asof is too old"))
        }
        store.session.connection.rollBack()
        let head = try store.head().position
        try store.session.execute(sql)
        #expect(try store.head().position == head + 1)
    }

    @Test func `the comparison costs no message: a server's group takes three`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let proxy = try LoopbackProxy(to: try ThrowawayCluster.shared(), database: store.conninfo)
        defer { proxy.stop() }
        let session = try Session(conninfo: proxy.conninfo)
        let view = try store.view("stats")
        var counts: [Int] = []
        for number in 1...3 {
            let rows = TestStore.viewRows([WriterFixture.row(1, at: 10, Int64(number))], view)
            try KnownPartitions.prepare(view, rows.eventTimeValues, store.session)
            let before = proxy.questionCount
            let transaction = try GroupStatementTests.begun([view], session)
            _ = try transaction.writeGroup(rows, to: view)
            _ = try transaction.commit()
            counts.append(proxy.questionCount - before)
        }
        // The first one on a connection also asks which server it is.
        #expect(counts.dropFirst() == [3, 3], "\(counts)")
    }

    @Test func `a store of an older schema has nobody to ask, and the error says what to do`() throws {
        let store = try TestStore(WriterFixture.yaml)
        try store.session.execute("DROP FUNCTION asof.admit_writer; DELETE FROM asof.migrations WHERE number >= 12")
        do {
            try store.session.begin(.write)
            Issue.record("it began")
        } catch {
            #expect("\(error)".contains("asof migrate"), "\(error)")
        }
        #expect(!store.session.connection.isInTransaction)
    }
}
