import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store

/// What a writer says whose connection ends while it commits.
@Suite struct UncertainCommitTests {
    @Test(.timeLimit(.minutes(1)))
    func `a commit that the server cuts off is looked up`() throws {
        let store = try TestStore(IngestionTests.yaml)
        let view = try store.view("stats")
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        let nothing = SourceCheckpoint(source: "", rows: 0, digest: [], options: "")
        let writer = BatchWriter(
            session: try Session(conninfo: store.conninfo),
            sources: SourceTable(view: view.id),
            identity: nil,
            checkpoint: nothing,
            options: IngestionOptions()
        )
        let row = HistoryRow([.int64(1)], at: 1_000_000, [.int64(1), .null])
        let work = writer.start([ViewPart(view: view, rows: TestStore.viewRows([row], view))], nothing)
        let kill = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
            """
        while try store.session.query(kill).count == 0 {}
        let error = #expect(throws: StoreError.self) { try work.wait() }
        #expect("\(try #require(error))".contains("it is not stored"))
        #expect(try store.head().position == 1)
    }
}
