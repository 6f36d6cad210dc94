import Columnar
import Features
import Foundation
import PointInTime
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

    @Test func `batches are small where single writes wait for them`() throws {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              latest: { entities: [user], features: { n: int64 } }
              past: { entities: [user], online: false, features: { n: int64 } }
            """
        )
        let workflow = try IngestWorkflow(store: OpenStore(store.conninfo, forWriting: true))
        #expect(workflow.batchRowsMax(of: .table(TableRules(view: "latest"))) == Limits.onlineBatchRowsMax)
        #expect(workflow.batchRowsMax(of: .table(TableRules(view: "past"))) == Limits.batchRowsMax)
        #expect(workflow.batchRowsMax(of: .lineProtocol(view: nil, precision: .s)) == Limits.onlineBatchRowsMax)
        #expect(workflow.batchRowsMax(of: .lineProtocol(view: "past", precision: .s)) == Limits.batchRowsMax)
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
        let error = #expect(throws: StoppedShort.self) {
            _ = try IngestWorkflow(store: try open(control)).run(request(file)) { progress in
                if progress.rows == 50 { control.cancel() }
            }
        }
        // The batch under way may have been committed: then that is what the error is about.
        let before = try stored()
        #expect(before == 40 || before == 50)
        #expect(error?.cause as? WorkflowError == .cancelled || error?.cause is StoreError)
        let text = error?.description ?? ""
        #expect(text.contains("0 rows of \(file) are stored (position "), "\(text)")
        #expect(text.hasSuffix("the same command goes on after them"), "\(text)")
        let rerun = try IngestWorkflow(store: try open()).run(request(file))
        #expect(rerun.resumedRows == before && rerun.rows == 100 - before)
        #expect(try stored() == 100)
        #expect(try store.violations() == [])
    }

    @Test func `the columns of row labels that pandas writes are named, and left out where extra ones are`() throws {
        let rows = ",user_id,event_time,n\n0,1,2024-01-01T00:00:00Z,7\n1,2,2024-01-01T00:00:00Z,8\n"
        let file = try scratch.write("labels.csv", rows)
        let workflow = try IngestWorkflow(store: try open())
        let refused = #expect(throws: (any Error).self) { _ = try workflow.run(request(file)) }
        #expect(
            "\(refused!)".contains("row labels that pandas writes; leave them out with --ignore-extra"),
            "\(refused!)"
        )
        var rules = TableRules(view: "stats")
        rules.ignoresExtra = true
        let summary = try workflow.run(IngestRequest(file: file, content: .table(rules)))
        #expect(summary.rows == 2)
        let values = try store.session.query(
            "SELECT string_agg(user_id || ':' || n, ' ' ORDER BY n) FROM history.stats"
        )
        #expect(values.text(0, 0) == "1:7 2:8")

        let time = Value.timestamp(Timestamp(microseconds: 1_700_000_000_000_000))
        let path = scratch.path + "/labels.parquet"
        let writer = try TableWriter(
            path: path,
            format: .parquet,
            columns: [
                ("user_id", .int64), ("at", .timestamp), ("n", .int64), ("__index_level_0__", .timestamp),
            ]
        )
        let columns = [
            Column(type: .int64, [.int64(3)]), Column(type: .timestamp, [time]), Column(type: .int64, [.int64(9)]),
            Column(type: .timestamp, [time]),
        ]
        try writer.write(
            ColumnBatch(names: ["user_id", "at", "n", "__index_level_0__"], columns: columns, rowCount: 1)
        )
        try writer.finish()
        let named = #expect(throws: WorkflowError.self) { _ = try workflow.run(request(path)) }
        #expect("\(named!)".contains("row labels of pandas"), "\(named!)")
        #expect(try workflow.run(IngestRequest(file: path, content: .table(rules))).rows == 1)
    }

    @Test func `a retired view is called so, with the way back`() throws {
        let yaml = Self.yaml.replacing("  other: { entities: [user], features: { x: float64 } }", with: "")
        _ = try Registry.apply(try Definitions.parse(yaml: yaml, file: "features.yaml"), store.session)
        let file = try csv(0..<1)
        let error = #expect(throws: StoreError.self) {
            _ = try IngestWorkflow(store: try open()).run(
                IngestRequest(file: file, content: .table(TableRules(view: "other")))
            )
        }
        let text = "\(error!)"
        #expect(text.hasPrefix("no view 'other' in force: it is retired since 20"), "\(text)")
        #expect(text.hasSuffix("put it back into the definitions and `asof apply` them"), "\(text)")
        let points = try scratch.write("points.lp", "other,user_id=1 x=1 1700000000000000000\n")
        let refused = #expect(throws: (any Error).self) {
            _ = try IngestWorkflow(store: try open()).run(
                IngestRequest(file: points, content: .lineProtocol(view: nil, precision: .ns))
            )
        }
        #expect("\(refused!)".contains("there is no view 'other' in force: it is retired since 20"), "\(refused!)")
    }

    @Test func `a column event_time that a feature has taken is told, with the option for another one`() throws {
        // As stores have it in which the feature was defined before its name was refused.
        let document = #"replace(document::text, '"name": "x"', '"name": "event_time"')::jsonb"#
        try store.session.execute("UPDATE asof.definitions SET document = \(document)")
        for sql in [
            "UPDATE asof.views SET definition = replace(definition::text, '\"name\": \"x\"', '\"name\": \"event_time\"')::jsonb",
            "UPDATE asof.features SET name = 'event_time' WHERE name = 'x'",
            "ALTER TABLE history.other RENAME x TO event_time", "ALTER TABLE online.other RENAME x TO event_time",
        ] { try store.session.execute(sql) }
        let file = try scratch.write("other.csv", "user_id,event_time\n1,0.5\n")
        let error = Self.error {
            _ = try IngestWorkflow(store: try open()).run(
                IngestRequest(file: file, content: .table(TableRules(view: "other")))
            )
        }
        #expect(
            "\(error!)".hasSuffix(
                "its column event_time is the key or feature of that name, and no column is left for event times: give them a "
                    + "column of their own and say --event-time COLUMN"
            ),
            "\(error!)"
        )
    }

    @Test func `what an earlier run set aside is counted by a rerun`() throws {
        var request = request(try csv(0..<30, bad: [4, 25]))
        request.rejects = scratch.path + "/rejects.csv"
        let workflow = try IngestWorkflow(store: try open())
        #expect(try workflow.run(request).rejectedBefore == 0)
        let rerun = try workflow.run(request)
        #expect(rerun.rejected == 0 && rerun.rejectedBefore == 2 && rerun.rows == 0)
    }

    @Test func `with a deadline that has passed nothing is stored`() throws {
        let file = try csv(0..<100)
        let workflow = try IngestWorkflow(store: try open(RunControl(deadline: .now + .milliseconds(300))))
        Patience.pass(microseconds: 300_000, "the deadline has passed then")
        #expect(Self.error { _ = try workflow.run(request(file)) } == .deadlinePassed)
        #expect(try stored() == 0)
    }

    @Test(.timeLimit(.minutes(15)))
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
        guard case .uncertainCommit(let commit)? = error?.cause as? StoreError else {
            Issue.record("\(error?.description ?? "no error")")
            return
        }
        // PostgreSQL was asked although the run was over.
        #expect(commit.outcome == .committed(try store.head()), "\(commit)")
        // It came to PostgreSQL, and a rerun finds it.
        let rerun = try IngestWorkflow(store: try open()).run(request(file))
        #expect(rerun.resumedRows == 10 && rerun.rows == 0)
    }
}
