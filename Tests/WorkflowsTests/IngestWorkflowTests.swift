import Features
import Foundation
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// Ingesting files, without a command line.
@Suite struct IngestWorkflowTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { n: int64 } }
          other: { entities: [user], features: { x: float64 } }
        """

    private let store: TestStore
    private let scratch: Scratch

    init() throws {
        store = try TestStore(Self.yaml)
        scratch = try Scratch()
    }

    /// - Parameter bad: rows whose feature is no integer.
    private func csv(_ rows: Range<Int>, bad: Set<Int> = []) throws -> String {
        let lines = rows.map { row in
            let time = Timestamp(microseconds: 1_700_000_000_000_000 + Int64(row) * 1_000_000).text
            return "\(row % 7),\(time),\(bad.contains(row) ? "much" : String(row))\n"
        }
        return try scratch.write("stats.csv", "user_id,event_time,n\n" + lines.joined())
    }

    private func request(_ file: String) -> IngestRequest {
        var request = IngestRequest(file: file, content: .table(TableRules(view: "stats")))
        request.options.batchRowsMax = 10
        return request
    }

    private func open(_ control: RunControl = RunControl()) throws -> OpenStore {
        try OpenStore(store.conninfo, forWriting: true, control: control)
    }

    private func stored(_ view: String = "stats") throws -> Int {
        let rows = try store.session.query("SELECT count(*) FROM history.\"\(view)\"")
        return Int(rows.int64(0, 0) ?? -1)
    }

    private static func error(_ body: () throws -> Void) -> WorkflowError? {
        do { try body() } catch { return error as? WorkflowError }
        return nil
    }

    @Test func `a file of one view is stored in batches, and how far it was read is told`() throws {
        var told: [IngestProgress] = []
        let summary = try IngestWorkflow(store: try open()).run(request(try csv(0..<95))) { told.append($0) }
        #expect(summary.rows == 95 && summary.batches == 10 && summary.rowsByView == ["stats": 95])
        #expect(told.map(\.rows) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95])
        #expect(told.last.map { $0.bytes == $0.totalBytes } == true)
        #expect(try stored() == 95)
        #expect(try store.violations() == [])
    }

    @Test func `line protocol of two views is stored at one position`() throws {
        let file = try scratch.write(
            "points.lp",
            "stats,user_id=1 n=1i 1700000000\nother,user_id=2 x=0.5 1700000001\nstats,user_id=3 n=3i 1700000002\n"
        )
        let workflow = try IngestWorkflow(store: try open())
        let summary = try workflow.run(
            IngestRequest(file: file, content: .lineProtocol(view: nil, precision: .s))
        )
        #expect(summary.rowsByView == ["stats": 2, "other": 1])
        #expect(summary.batches == 1)
        #expect(try store.head().position == summary.state?.position)
        #expect(try stored() == 2)
        #expect(try stored("other") == 1)
        // Where one view is named, points may name no other.
        let other = #expect(throws: StoppedShort.self) {
            var request = IngestRequest(file: file, content: .lineProtocol(view: "stats", precision: .s))
            request.source = "again"
            _ = try workflow.run(request)
        }
        #expect(other?.description.contains("there is no view 'other'") == true)
        #expect(try stored() == 2)
    }

    @Test func `no batch has more rows than it may, whatever is read at a time`() throws {
        for limit in [1, 7, 65_536, 65_537, 70_000, 100_000, 250_000] {
            var options = IngestionOptions()
            options.batchRowsMax = limit
            let each = options.rowsAtATime(atMost: 65_536)
            #expect((1...65_536).contains(each) && each <= limit && limit - limit / each * each < each)
            // As large as they may be, but for what does not divide.
            #expect(limit / each * each > limit - limit / each - 1)
        }
        var request = request(try csv(0..<150_000))
        request.options.batchRowsMax = 70_000
        #expect(try IngestWorkflow(store: try open()).run(request).batches == 3)
        let largest = try store.session.query("SELECT max(rows) FROM asof.batches WHERE kind = 'data'")
        #expect(largest.int64(0, 0) == 70_000)
        #expect(try stored() == 150_000)
    }

    @Test func `a file that grew goes on where it ended`() throws {
        let workflow = try IngestWorkflow(store: try open())
        #expect(try workflow.run(request(try csv(0..<35))).rows == 35)
        #expect(try workflow.run(request(try csv(0..<35))).resumedRows == 35)
        let grown = try workflow.run(request(try csv(0..<60)))
        #expect(grown.resumedRows == 35 && grown.rows == 25)
        #expect(try stored() == 60)
    }

    @Test func `bad rows are set aside with their lines and reasons`() throws {
        var request = request(try csv(0..<30, bad: [4, 25]))
        let rejects = scratch.path + "/rejects.csv"
        request.rejects = rejects
        let summary = try IngestWorkflow(store: try open()).run(request)
        #expect(summary.rows == 28 && summary.rejected == 2)
        #expect(try stored() == 28)
        let aside = try String(contentsOfFile: rejects, encoding: .utf8).split(separator: "\n")
        #expect(aside.count == 3 && aside.dropFirst().allSatisfy { $0.hasSuffix(",much") })
        let reasons = try String(contentsOfFile: rejects + ".reasons.csv", encoding: .utf8).split(separator: "\n")
        #expect(reasons.count == 3 && reasons[1].contains(",5,6,n,") && reasons[2].contains(",26,27,n,"))
    }

    @Test func `a bad row ends it: its place is told, and how much is stored`() throws {
        let file = try csv(0..<30, bad: [25])
        let error = #expect(throws: StoppedShort.self) {
            _ = try IngestWorkflow(store: try open()).run(request(file))
        }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("\(file): row 26 (line 27), column 'n': expected int64, got 'much'"), "\(text)")
        #expect(text.contains("20 rows of \(file) are stored (position "), "\(text)")
        #expect(try stored() == 20)
    }

    @Test func `what was committed before it was cancelled stays, and a rerun completes it`() throws {
        let control = RunControl()
        let file = try csv(0..<100)
        let error = Self.error {
            _ = try IngestWorkflow(store: try open(control)).run(request(file)) { progress in
                if progress.rows == 50 { control.cancel() }
            }
        }
        #expect(error == .cancelled)
        // The batch under way may have been committed.
        let before = try stored()
        #expect(before == 40 || before == 50)
        let rerun = try IngestWorkflow(store: try open()).run(request(file))
        #expect(rerun.resumedRows == before && rerun.rows == 100 - before)
        #expect(try stored() == 100)
        #expect(try store.violations() == [])
    }

    @Test func `with a deadline that has passed nothing is stored`() throws {
        let file = try csv(0..<100)
        let deadline = ContinuousClock.now + .milliseconds(300)
        let workflow = try IngestWorkflow(store: try open(RunControl(deadline: deadline)))
        while ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.01) }
        #expect(Self.error { _ = try workflow.run(request(file)) } == .deadlinePassed)
        #expect(try stored() == 0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a deadline that passes while a COMMIT is not answered hides nothing of it`() throws {
        let cluster = try ThrowawayCluster.shared()
        let proxy = try LoopbackProxy(to: cluster, database: store.conninfo)
        let control = RunControl(deadline: .now + .seconds(3))
        let workflow = try IngestWorkflow(
            store: try OpenStore(proxy.conninfo, forWriting: true, control: control)
        )
        proxy.trap(.silentAfter, marker: "INSERT INTO asof.batches")
        let file = try csv(0..<10)
        let error = #expect(throws: StoppedShort.self) { _ = try workflow.run(request(file)) }
        #expect(proxy.hasTrapped)
        guard case .uncertainCommit? = error?.cause as? StoreError else {
            Issue.record("\(error?.description ?? "no error")")
            return
        }
        // It came to PostgreSQL, and a rerun finds it.
        let rerun = try IngestWorkflow(store: try open()).run(request(file))
        #expect(rerun.resumedRows == 10 && rerun.rows == 0)
    }
}
