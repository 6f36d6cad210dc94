import Columnar
import Features
import Foundation
import Postgres
import Segments
import Store
import TestSupport
import Testing
import TrainingSets

@testable import Workflows

@Suite struct ExportWorkflowTests {
    private static let made = """
        user_id,at,label,stats__n,stats__x
        1,2024-01-05T00:00:00Z,1.50,1,0.5
        2,2024-01-12T00:00:00Z,TRUE,2,1.0
        1,2024-03-01T00:00:00Z,,3,1.5
        9,2024-03-01T00:00:00Z,x,,

        """

    @Test func `a file's rows leave with their features, and the manifest beside them and in the store says how`()
        throws
    {
        let fixture = try TrainingSetStore()
        var events: [ExportEvent] = []
        let result = try fixture.open().export(try fixture.request()) { events.append($0) }
        #expect(try fixture.read("out.csv") == Self.made)
        #expect(try fixture.files() == ["out.csv", "out.csv.manifest.json", "spine.csv"])
        #expect(result.manifestPath == fixture.path("out.csv.manifest.json"))
        let manifest = result.manifest
        #expect(try fixture.read("out.csv.manifest.json") == (try manifest.json))
        #expect(manifest.store.position == (try fixture.store.head().position))
        #expect(manifest.rows == 4 && manifest.output.file == "out.csv")
        #expect(manifest.spine.source == fixture.path("spine.csv") && manifest.features == "stats.n,stats.x")
        #expect(manifest.roles.map { [$0.matched, $0.missing, $0.expired] } == [[3, 1, 0]])
        let recorded = try fixture.store.session.query("SELECT manifest::text FROM asof.training_sets")
        #expect(result.isRecorded && recorded.count == 1)
        #expect(result.warnings == [] && result.notes == [] && result.finerLabels == 0 && result.scan == nil)
        #expect(result.stages.map(\.stage).contains(.probe))
        guard case .planned(let plan) = events.first, case .progress(let last) = events.last else {
            Issue.record("\(events)")
            return
        }
        #expect(plan.join.engine == .probe && plan.spineRows == 4 && plan.blockRows > 0)
        #expect(last == ExportProgress(spine: fixture.path("spine.csv"), rows: 4, done: 1))
    }

    @Test func `a query's rows leave with their features, types and without what is dropped`() throws {
        let fixture = try TrainingSetStore()
        let sql = """
            SELECT 1::bigint AS user_id, '2024-01-05 00:00:00.000000+00'::timestamptz AS at, 1.50::numeric(4,2) AS price, 7 AS k
            """
        var request = try fixture.request("out.parquet", spine: .query(sql))
        request.dropped = ["k"]
        request.witness = true
        let result = try fixture.export(request)
        #expect(result.manifest.spine.source == sql)
        #expect(result.manifest.spine.columns.map(\.type) == ["int64", "timestamp", "decimal128(4,2)"])
        let reader = try TableReader(path: fixture.path("out.parquet"), format: .parquet)
        #expect(
            reader.sourceColumns.map(\.name) == [
                "user_id", "at", "price", "stats__n", "stats__x", "stats__event_time", "stats__position",
            ]
        )
        #expect(result.manifest.rows == 1 && result.manifest.roles[0].matched == 1)
    }

    @Test func `the state that was asked for is read`() throws {
        let fixture = try TrainingSetStore()
        let before = try fixture.store.head()
        try fixture.ingest("2024-01-04", 7)
        let committed = try #require(before.committedAt.map { Timestamp(microseconds: $0) })
        for state in [.position(before.position), .committed(by: committed), LedgerStateChoice.newest] {
            var request = try fixture.request()
            request.state = state
            let result = try fixture.export(request)
            let isNewest = state == .newest
            #expect(result.manifest.store.position == before.position + (isNewest ? 1 : 0))
            let newest = Self.made.replacing("1.50,1,0.5", with: "1.50,7,3.5")
            #expect(try fixture.read("out.csv") == (isNewest ? newest : Self.made), "\(state)")
        }
    }

    @Test func `a cancelled export leaves what was there before, and no file of its own`() throws {
        let fixture = try TrainingSetStore()
        _ = try fixture.scratch.write("out.csv", "older")
        let control = RunControl()
        var hasBegun = false
        #expect(throws: WorkflowError.cancelled) {
            try fixture.open(control).export(try fixture.request()) { event in
                guard case .progress = event else { return }
                hasBegun = true
                control.cancel()
            }
        }
        #expect(hasBegun)
        #expect(try fixture.files() == ["out.csv", "spine.csv"])
        #expect(try fixture.read("out.csv") == "older")
        #expect(try fixture.store.session.query("SELECT 1 FROM asof.training_sets").count == 0)
    }

    @Test(arguments: [false, true])
    func `a deadline ends an export that waits for PostgreSQL`(isQuery: Bool) throws {
        let fixture = try TrainingSetStore()
        let holder = try Session(conninfo: fixture.store.conninfo)
        try holder.begin(.write)
        try holder.execute("LOCK TABLE history.stats IN ACCESS EXCLUSIVE MODE")
        defer { holder.connection.rollBack() }
        let sql = "SELECT user_id, now() AS at FROM history.stats"
        let request = try fixture.request(spine: isQuery ? .query(sql) : fixture.spineFile)
        let control = RunControl(deadline: .now + .milliseconds(500))
        let start = ContinuousClock.now
        #expect(throws: WorkflowError.deadlinePassed) {
            try fixture.open(control).export(request)
        }
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(try fixture.files() == ["spine.csv"])
    }

    @Test func `a deadline that has passed before lets nothing begin`() throws {
        let fixture = try TrainingSetStore()
        // It is opened no more; and opened before, nothing of it begins.
        #expect(throws: WorkflowError.deadlinePassed) { _ = try fixture.open(RunControl(deadline: .now)) }
        let control = RunControl()
        let open = try fixture.open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) { try open.export(try fixture.request()) }
        #expect(try fixture.files() == ["spine.csv"])
    }

    @Test func `a target that no file can take the place of is refused`() throws {
        let fixture = try TrainingSetStore()
        try FileManager.default.createDirectory(atPath: fixture.path("d.csv"), withIntermediateDirectories: false)
        for (out, reason) in [
            ("spine.csv", "is the spine itself"), ("d.csv", "it is a directory"), ("no/x.csv", "the folder"),
        ] {
            let error = #expect(throws: WorkflowError.self) { try fixture.request(out) }
            #expect("\(try #require(error))".contains(reason))
        }
        #expect(throws: ColumnarError.self) { try fixture.request("out.xyz") }
    }

    @Test func `segments that were asked for must be there; those at the usual place may be of no use`() throws {
        let fixture = try TrainingSetStore()
        let folder = fixture.path("segments")
        var request = try fixture.request()
        request.lookup = LookupOptions(engine: .scan, segments: SegmentLocation(named: folder))
        let error = #expect(throws: WorkflowError.self) { try fixture.export(request) }
        #expect("\(try #require(error))".hasPrefix("\(folder) is no directory of segments"))
        #expect(try fixture.files() == ["spine.csv"])

        _ = try SegmentDirectory.make(folder, storeID: UUID().uuidString.lowercased())
        request.lookup.segments = SegmentLocation(usual: folder)
        var warnings: [String] = []
        let result = try fixture.open().export(request) { event in
            if case .warning(let text) = event { warnings.append(text) }
        }
        #expect(warnings.count == 1 && warnings[0].hasPrefix("segments are not read: \(folder): these are segments of"))
        #expect(result.scan?.tailRows == 6)
        #expect(try fixture.read("out.csv") == Self.made)
    }
}
