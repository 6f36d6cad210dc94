import Columnar
import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Segments
@testable import Store

/// Everything that commits, and what it says when the answer to its COMMIT does not come.
enum Committer: CaseIterable, Sendable {
    case ingest, materialize, watermark, forget, drop, rebuild, mend, apply, prune, migrate, partitions, segments

    /// What the connection has sent before the COMMIT in question.
    var marker: String {
        switch self {
        case .watermark: "INSERT INTO asof.watermarks"
        case .mend, .migrate, .partitions, .segments: "pg_current_xact_id_if_assigned"
        default: "INSERT INTO asof.batches"
        }
    }

    /// What the error names.
    var subject: String {
        switch self {
        case .ingest: "batch "
        case .materialize, .watermark: "the chunk "
        case .forget: "the forgetting of one user"
        case .drop: "the drop of view 'stats' before 2024-02-01"
        case .rebuild: "the rebuild of view 'stats'"
        case .mend: "some rows of the rebuild of view 'stats'"
        case .apply, .prune: "of the definitions"
        case .migrate: "the schema asof"
        case .partitions: "partitions of view 'stats'"
        case .segments: "the removal of "
        }
    }

    /// Whether a position tells that it was committed.
    var hasPosition: Bool {
        switch self {
        case .watermark, .mend, .migrate, .partitions, .segments: false
        default: true
        }
    }
}

/// A store in which each ``Committer`` has something to do.
struct CommitFixture {
    let committer: Committer
    let proxy: LoopbackProxy
    let store: TestStore?
    let conninfo: String
    private let batch: BatchViewStore?
    private let segments: SegmentFixture?

    init(_ committer: Committer) throws {
        self.committer = committer
        let cluster = try ThrowawayCluster.shared()
        var segments: SegmentFixture?
        switch committer {
        case .migrate:
            (store, batch) = (nil, nil)
            conninfo = try cluster.database()
        case .materialize, .watermark:
            let made = try BatchViewStore()
            if committer == .materialize { try made.add(1, 1) }
            (store, batch, conninfo) = (made.store, made, made.store.conninfo)
        default:
            let made = try RemovalFixture(retiresArchive: committer == .prune).store
            if committer == .segments {
                segments = try SegmentFixture(made)
                try segments?.build("stats")
            }
            if committer == .mend { try made.session.execute("DELETE FROM online.stats") }
            (store, batch, conninfo) = (made, nil, made.conninfo)
        }
        self.segments = segments
        proxy = try LoopbackProxy(to: cluster, database: conninfo)
    }

    /// Does it through a session whose COMMIT may get lost.
    func run(_ session: Session) throws {
        func view() throws -> StoredView { try #require(store).view("stats") }
        let month = Timestamp(microseconds: RemovalFixture.february2024)
        switch committer {
        case .ingest:
            try store?.ingest(
                "stats",
                [HistoryRow([.int64(77)], at: RemovalFixture.january2024, [.int64(1), .float64(1)])],
                source: "file",
                session: session
            )
        case .materialize, .watermark:
            try batch?.run(from: BatchViewStore.hour(0), to: BatchViewStore.hour(3), session: session)
        case .forget:
            let definitions = try #require(store).registry.definitions
            _ = try Forgetting(session, entity: "user", key: "1", definitions).run()
        case .drop: _ = try HistoryDrop(session, try view()).run(before: month)
        case .rebuild, .mend: _ = try OnlineRebuild(session).run(try view())
        case .apply:
            let yaml = RemovalFixture.yaml.replacing("n: int64, x", with: "n: int64, y: int64, x")
            _ = try Registry.apply(try Definitions.parse(yaml: yaml, file: "features.yaml"), session)
        case .prune:
            let definitions = try #require(store).registry.definitions
            _ = try Registry.apply(definitions, prunes: true, session)
        case .migrate: _ = try Migrator.migrate(session)
        case .partitions:
            var catalog = KnownPartitions(view: try view())
            let ranges = catalog.partition([1_000_000]).ranges
            try catalog.make(try catalog.missing(ranges, session), session)
        case .segments:
            let directory = try #require(try segments?.directory())
            let files = try #require(try segments?.segments("stats")).map(\.file)
            try SegmentManifest(session, directory: directory.id).remove(files)
        }
    }

    /// Something that is different once it is committed.
    func trace() throws -> String {
        let session = try Session(conninfo: conninfo)
        func text(_ sql: String) throws -> String { try session.execute(sql).last?.text(0, 0) ?? "" }
        switch committer {
        case .watermark: return try text("SELECT count(*) FROM asof.watermarks")
        case .mend: return try text("SELECT count(*) FROM online.stats")
        case .migrate: return try text("SELECT to_regclass('asof.migrations') IS NULL")
        case .partitions: return try text("SELECT count(*) FROM asof.partitions")
        case .segments: return try text("SELECT count(*) FROM asof.segments")
        default: return try text("SELECT max(position) FROM asof.batches")
        }
    }
}

@Suite(.serialized) struct UncertainCommitTests {
    /// The error that says what became of a COMMIT.
    private func uncertain(_ body: () throws -> Void) throws -> UncertainCommit {
        do {
            try body()
        } catch let error as StoreError {
            guard case .uncertainCommit(let commit) = error else { throw error }
            return commit
        }
        throw StoreError.conflict("it succeeded")
    }

    @Test(.timeLimit(.minutes(15)), arguments: Committer.allCases)
    func `a connection cut before COMMIT has come: the error says that nothing was committed`(_ what: Committer) throws
    {
        let fixture = try CommitFixture(what)
        let before = try fixture.trace()
        let session = try Session(conninfo: fixture.proxy.conninfo)
        fixture.proxy.trap(.cutBefore, marker: what.marker)
        let commit = try uncertain { try fixture.run(session) }
        #expect(fixture.proxy.hasTrapped)
        #expect(commit.outcome == .aborted)
        let text = StoreError.uncertainCommit(commit).description
        #expect(text.contains(what.subject) && text.contains("it was not committed"), "\(text)")
        #expect(try fixture.trace() == before)
    }

    @Test(.timeLimit(.minutes(15)), arguments: Committer.allCases)
    func `a connection cut before COMMIT is answered: the error says that it was committed`(_ what: Committer) throws {
        let fixture = try CommitFixture(what)
        let before = try fixture.trace()
        let session = try Session(conninfo: fixture.proxy.conninfo)
        fixture.proxy.trap(.cutAfter, marker: what.marker)
        let commit = try uncertain { try fixture.run(session) }
        guard case .committed(let state) = commit.outcome else {
            Issue.record("\(commit)")
            return
        }
        let text = StoreError.uncertainCommit(commit).description
        #expect(text.contains(what.subject) && text.contains("it was committed"), "\(text)")
        let after = try fixture.trace()
        #expect(after != before)
        #expect(state?.position.description == (what.hasPosition ? after : nil))
    }

    @Test(.timeLimit(.minutes(15)))
    func `a server that hangs within COMMIT leaves it unknown, and a silent network behind COMMIT does not`() throws {
        for fate in [LoopbackProxy.AtCommit.silentBefore, .silentAfter] {
            let fixture = try CommitFixture(.rebuild)
            let session = try Session(conninfo: fixture.proxy.conninfo)
            session.statementTimeoutMs = 1_000
            fixture.proxy.trap(fate, marker: Committer.rebuild.marker)
            let begun = ContinuousClock.now
            let commit = try uncertain { try fixture.run(session) }
            #expect(begun.duration(to: .now) < .seconds(40))
            #expect(commit.cause.kind == .noAnswer)
            if fate == .silentBefore {
                #expect(commit.outcome == .unknown("the server has not ended the transaction yet"))
            } else {
                let head = try #require(fixture.store).head()
                #expect(commit.outcome == .committed(head))
            }
            fixture.proxy.stop()
        }
    }

    private static let notices = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = '%'
        """

    @Test(.timeLimit(.minutes(15)))
    func `a server that ends the connection before COMMIT says so, and nothing was committed`() throws {
        let store = try TestStore(IngestionTests.yaml)
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        let (view, conninfo) = (try store.view("stats"), store.conninfo)
        let work = BackgroundWork { () throws(StoreError) in
            do {
                let rows = TestStore.viewRows([HistoryRow([.int64(1)], at: 1_000_000, [.int64(1), .null])], view)
                let ingestion = try TestStore.ingestion(view, like: rows, try Session(conninfo: conninfo))
                try ingestion.append(rows)
                _ = try ingestion.finish()
            } catch { throw error as? StoreError ?? .conflict("\(error)") }
        }
        let terminate = Self.notices.replacing("%", with: "advisory")
        while try store.session.query(terminate).count == 0 {}
        let commit = try uncertain { try work.wait() }
        #expect(commit.cause.sqlState == "57P01" && commit.outcome == .aborted)
        #expect(try store.head().position == 1)
    }

    /// PostgreSQL commits, then waits for a standby that does not come; a session that is terminated then says 57P01, too.
    @Test(.timeLimit(.minutes(15)))
    func `a server that ends the connection behind COMMIT says the same, and it was committed`() throws {
        let cluster = try ThrowawayCluster.start(
            settings: ["synchronous_standby_names = 'nobody'", "synchronous_commit = local"]
        )
        defer { cluster.stop() }
        let store = try TestStore(IngestionTests.yaml, cluster: cluster)
        let waiting = store.conninfo + " options='-c synchronous_commit=on'"
        let view = try store.view("stats")
        let work = BackgroundWork { () throws(StoreError) in
            _ = try OnlineRebuild(try Session(conninfo: waiting)).run(view)
        }
        let terminate = Self.notices.replacing("%", with: "SyncRep")
        while try store.session.query(terminate).count == 0 {}
        let commit = try uncertain { try work.wait() }
        #expect(commit.cause.sqlState == "57P01" || commit.cause.kind == .connectionLost)
        #expect(commit.outcome == .committed(try store.head()))
    }

    @Test(.timeLimit(.minutes(15)))
    func `a standby is not asked, and what a failover lost is not stored`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try TestStore(IngestionTests.yaml, cluster: cluster)
        let standby = try cluster.standby()
        defer { standby.stop() }
        #expect(try cluster.waitForReplay(by: standby))
        // The standby stops to receive before the commit, so that a failover loses it.
        try standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        try standby.execute("SELECT pg_reload_conf()")
        #expect(try Patience.wait { try cluster.execute("SELECT count(*) FROM pg_stat_replication") == "0" })
        let session = try Session(conninfo: store.conninfo)
        try session.begin(.write)
        let (batch, transactionID) = try Ledger(session).takeBatch()
        let uid = Ledger.newUID()
        let entries = [LedgerEntry(view: 0, kind: .definitions, rows: 0)]
        let state = try Ledger(session).commit(batch: batch, entries, uid: uid)
        let inquiry = CommitInquiry(session, transactionID: transactionID, entry: (batch, uid))
        #expect(inquiry.outcome(waitMs: 1_000) == .committed(state))
        let name = try session.query("SELECT current_database()::text").text(0, 0) ?? ""
        let elsewhere = CommitInquiry(
            session,
            at: standby.conninfo(database: name),
            transactionID: transactionID,
            entry: (batch, uid)
        )
        #expect(elsewhere.outcome(waitMs: 3_000) == .unknown("only a standby answers, which may not know it"))
        cluster.stop()
        try standby.execute("SELECT pg_promote(true, 30)")
        #expect(elsewhere.outcome(waitMs: 20_000) == .aborted)
    }

    @Test(.timeLimit(.minutes(15)))
    func `another cluster is not asked`() throws {
        let store = try TestStore(IngestionTests.yaml)
        let other = try ThrowawayCluster.start()
        defer { other.stop() }
        let there = try TestStore(IngestionTests.yaml, cluster: other)
        try store.session.begin(.write)
        let (batch, transactionID) = try Ledger(store.session).takeBatch()
        store.session.connection.rollBack()
        let inquiry = CommitInquiry(
            store.session,
            at: there.conninfo,
            transactionID: transactionID,
            entry: (batch, Ledger.newUID())
        )
        #expect(
            inquiry.outcome(waitMs: 3_000)
                == .unknown("another server answers than the one that the transaction ran on")
        )
    }

    /// A role that may not read the control file still learns the outcome.
    @Test(.timeLimit(.minutes(15)))
    func `a role without pg_control_system is told, too`() throws {
        let store = try TestStore(IngestionTests.yaml)
        try store.session.execute(
            "REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn), pg_current_wal_lsn() FROM PUBLIC"
        )
        let role = "plain_\(UInt32.random(in: 0..<1 << 30))"
        try store.session.execute(
            "CREATE ROLE \(role) LOGIN; GRANT USAGE ON SCHEMA asof TO \(role); GRANT SELECT ON asof.batches TO \(role)"
        )
        let session = try Session(conninfo: store.conninfo.replacing("user=asof", with: "user=\(role)"))
        try session.begin(.write)
        let server = try #require(session.server)
        #expect(server.systemID == nil && server.timeline == nil && !server.isInRecovery)
        let id = try session.query("SELECT pg_current_xact_id()::text").text(0, 0) ?? ""
        session.connection.rollBack()
        #expect(CommitInquiry(session, transactionID: id).outcome(waitMs: 2_000) == .aborted)
        #expect(
            CommitInquiry(session, transactionID: id, entry: (1, Ledger.newUID())).outcome(waitMs: 2_000) == .aborted
        )
    }
}
