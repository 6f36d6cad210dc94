import Columnar
import Features
import Foundation
import Operations
import PointInTime
import Postgres
import Store
import TestSupport
import Testing
import TrainingSets

@testable import Workflows

@Suite struct VerifyWorkflowTests {
    private static func exported(_ out: String = "out.csv", features: String = "stats.*") throws -> TrainingSetStore {
        let fixture = try TrainingSetStore()
        var request = try fixture.request(out)
        request.features = features
        try fixture.export(request)
        return fixture
    }

    private static func verify(
        _ fixture: TrainingSetStore,
        _ control: RunControl = RunControl(),
        warning: (String) -> Void = { _ in }
    ) throws -> VerifyResult {
        let request = try VerifyRequest(manifestAt: fixture.path("out.csv.manifest.json"))
        return try fixture.open(control).verify(request, warning: warning)
    }

    private static func edit(_ fixture: TrainingSetStore, _ old: String, _ new: String) throws {
        let text = try fixture.read("out.csv")
        try #require(text.contains(old), "\(text)")
        _ = try fixture.scratch.write("out.csv", text.replacing(old, with: new))
    }

    /// Drops January's history.
    private static func drop(_ fixture: TrainingSetStore) throws {
        let view = try fixture.store.view("stats")
        let before = try Timestamp(text: "2024-02-01T00:00:00Z")
        let (summary, _) = try HistoryDrop(fixture.store.session, view).run(before: before)
        #expect(summary.partitions == 1)
    }

    @Test func `a set stays equal whatever is stored later`() throws {
        let fixture = try Self.exported()
        try fixture.ingest("2024-01-04", 7)
        #expect(try Self.verify(fixture) == VerifyResult(outcome: .equal, removals: []))
    }

    @Test(arguments: ["stats.*", "svc"])
    func `a set stays equal whatever its features are called and typed by now`(features: String) throws {
        let yaml = { (features: String) in
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], features: { \(features) } } }
            services: { svc: [stats.*] }
            """
        }
        let fixture = try TrainingSetStore()
        try fixture.store.applyFile(yaml("n: int64, x: float64, secret: { type: string, pii: true }"))
        var request = try fixture.request()
        request.features = features
        try fixture.export(request)
        try fixture.store.applyFile(yaml("m: { type: float64, was: n }, y: { type: float64, was: x }, secret: string"))
        #expect(try Self.verify(fixture) == VerifyResult(outcome: .equal, removals: []))
        try fixture.store.applyFile(yaml("k: { type: float64, was: m }, y: float64, secret: string"))
        #expect(try Self.verify(fixture) == VerifyResult(outcome: .equal, removals: []))
    }

    /// The edit of a file, and the difference that it makes.
    struct Edit: CustomTestStringConvertible, Sendable {
        let old: String
        let new: String
        let difference: SetDifference

        var testDescription: String { "'\(old)' → '\(new)'" }
    }

    private static let lines = [
        "1,2024-01-05T00:00:00Z,1.50,1,0.5,s11\n", "2,2024-01-12T00:00:00Z,TRUE,2,1.0,s22\n",
        "1,2024-03-01T00:00:00Z,,3,1.5,s13\n",
    ]

    private static let edits: [Edit] = [
        Edit(
            old: ",2,1.0,",
            new: ",2,1.5,",
            difference: .value(row: 1, column: "stats__x", file: .float64(1.5), history: .float64(1))
        ),
        Edit(old: "s22", new: "s23", difference: .hiddenValue(row: 1, column: "stats__secret")),
        Edit(old: "stats__x", new: "x", difference: .missingColumn("stats__x")),
        Edit(
            old: "TRUE,2,",
            new: "TRUE,two,",
            difference: .unreadable(place: "row 2 (line 3), column 'stats__n'", reason: "")
        ),
        Edit(old: "TRUE", new: "FALSE", difference: .spine(.init(rows: 1..<2, line: 3))),
        Edit(old: lines[1], new: "", difference: .missing(1..<2, isExact: true, .init(file: 3, set: 4))),
        Edit(
            old: lines[1],
            new: lines[1] + lines[0],
            difference: .added(.init(rows: 2..<3, line: 4), isExact: true, .init(file: 5, set: 4))
        ),
        Edit(
            old: lines[0] + lines[1] + lines[2],
            new: lines[2] + lines[1] + lines[0],
            difference: .exchanged(.init(rows: 0..<1, line: 2), .init(rows: 2..<3, line: 4))
        ),
    ]

    @Test(arguments: edits)
    func `a file that was changed is different, and the first difference is told`(edit: Edit) throws {
        let fixture = try Self.exported()
        try Self.edit(fixture, edit.old, edit.new)
        let result = try Self.verify(fixture)
        if case .different(.unreadable(let place, let reason)) = result.outcome {
            #expect(edit.difference == .unreadable(place: place, reason: "") && reason.contains("'two'"), "\(result)")
        } else {
            #expect(result == VerifyResult(outcome: .different(edit.difference), removals: []))
        }
    }

    @Test func `a set that needed what was dropped could not be checked, unless its file was changed`() throws {
        let fixture = try Self.exported()
        try Self.drop(fixture)
        let result = try Self.verify(fixture)
        let lost = SetDifference.value(row: 0, column: "stats__n", file: .int64(1), history: .null)
        #expect(result.outcome == .historyLost(lost))
        #expect(result.removals.map(\.kind) == [.drop] && result.removals.map(\.view) == ["stats"])
        try Self.edit(fixture, "TRUE", "FALSE")
        #expect(try Self.verify(fixture).outcome == .different(lost))
    }

    @Test func `a set that did not need what was dropped is equal`() throws {
        let fixture = try TrainingSetStore()
        _ = try fixture.scratch.write("spine.csv", "user_id,at\n1,2024-03-01T00:00:00Z\n")
        try fixture.export(try fixture.request())
        try Self.drop(fixture)
        let result = try Self.verify(fixture)
        #expect(result.outcome == .equal && result.removals.map(\.kind) == [.drop])
    }

    @Test func `what cannot be checked is an error with the reason`() throws {
        let fixture = try Self.exported()
        let other = try TrainingSetStore()
        let none = #expect(throws: WorkflowError.self) { try VerifyRequest(manifestAt: fixture.path("no.json")) }
        #expect(none == .refused("there is no such file, or it cannot be read"))
        #expect(throws: StoreError.self) { try VerifyRequest(manifestAt: fixture.path("spine.csv")) }
        let request = try VerifyRequest(manifestAt: fixture.path("out.csv.manifest.json"))
        #expect(throws: VerificationObstacle.self) { try other.open().verify(request) }
        var format = request
        format.manifest.output.format = "xml"
        let unknown = #expect(throws: WorkflowError.self) { try fixture.open().verify(format) }
        #expect(unknown == .refused("the manifest names an unknown format 'xml'"))
    }

    /// A set of two files, as Spark writes one: rows 1 to 3, and row 4.
    private struct SplitSet {
        let fixture: TrainingSetStore
        var request: VerifyRequest

        init() throws {
            fixture = try TrainingSetStore()
            try fixture.export(try fixture.request("whole.parquet"))
            request = try VerifyRequest(manifestAt: fixture.path("whole.parquet.manifest.json"))
            request.data = fixture.path("set")
            request.manifest.output.file = "set"
            request.manifest.output.parts = ["part-0.parquet", "part-1.parquet"]
            try FileManager.default.createDirectory(atPath: request.data, withIntermediateDirectories: true)
            try write("part-0.parquet", 0..<3)
            try write("part-1.parquet", 3..<4)
            for name in ["_SUCCESS", ".part-0.parquet.crc"] { _ = try fixture.scratch.write("set/" + name, "") }
        }

        func path(_ name: String) -> String { request.data + "/" + name }

        /// - Parameter edit: of the columns and their names.
        func write(_ name: String, _ rows: Range<Int>, _ edit: (inout ColumnBatch) -> Void = { _ in }) throws {
            let reader = try TableReader(path: fixture.path("whole.parquet"), format: .parquet)
            try reader.select(try reader.inferTypes())
            var batch = try #require(try reader.next()).slice(rows)
            edit(&batch)
            let columns = zip(batch.names, batch.columns).map { ($0, $1.type) }
            let writer = try TableWriter(path: path(name), format: .parquet, columns: columns)
            try writer.write(batch)
            try writer.finish()
        }

        func outcome() throws -> VerifyResult.Outcome { try fixture.open().verify(request).outcome }
    }

    @Test func `a set in several files is all of them and nothing else`() throws {
        let set = try SplitSet()
        #expect(try set.outcome() == .equal)
        try set.write("part-2.parquet", 3..<4)
        #expect(try set.outcome() == .different(.extraPart("part-2.parquet")))
        try FileManager.default.removeItem(atPath: set.path("part-2.parquet"))
        try FileManager.default.createDirectory(atPath: set.path("day=1"), withIntermediateDirectories: true)
        #expect(try set.outcome() == .different(.extraPart("day=1")))
        try FileManager.default.removeItem(atPath: set.path("day=1"))
        try FileManager.default.removeItem(atPath: set.path("part-1.parquet"))
        #expect(try set.outcome() == .different(.missingPart("part-1.parquet")))
        try FileManager.default.removeItem(atPath: set.request.data)
        #expect(throws: ColumnarError.noSuchFile(file: set.request.data)) { try set.outcome() }
    }

    @Test func `every file of a set has the set's columns`() throws {
        let set = try SplitSet()
        try set.write("part-1.parquet", 3..<4) { batch in
            batch = ColumnBatch(names: batch.names + ["more"], columns: batch.columns + [batch.columns[0]], rowCount: 1)
        }
        #expect(
            try set.outcome()
                == .different(.part("part-1.parquet", reason: "it has a column 'more' that the set has not"))
        )
        try set.write("part-1.parquet", 3..<4) { batch in
            batch = ColumnBatch(names: batch.names.dropLast(), columns: batch.columns.dropLast(), rowCount: 1)
        }
        #expect(try set.outcome() == .different(.part("part-1.parquet", reason: "it has no column 'stats__x'")))
        try set.write("part-1.parquet", 3..<4) { batch in
            batch = ColumnBatch(
                names: batch.names,
                columns: batch.columns.dropLast() + [Column(type: .string, value: .string("a"))],
                rowCount: 1
            )
        }
        // The row is counted in its file.
        let retyped = try set.outcome()
        let reason = "expected float64, got 'a': it has another form"
        #expect(
            retyped == .different(.unreadable(place: "row 1, column 'stats__x'", reason: reason)),
            "\(retyped)"
        )
    }

    @Test func `a verification ends where it is cancelled or its deadline has passed`() throws {
        let fixture = try Self.exported()
        #expect(throws: WorkflowError.deadlinePassed) { try Self.verify(fixture, RunControl(deadline: .now)) }
        let holder = try Session(conninfo: fixture.store.conninfo)
        try holder.begin(.write)
        try holder.execute("LOCK TABLE history.stats IN ACCESS EXCLUSIVE MODE")
        defer { holder.connection.rollBack() }
        let start = ContinuousClock.now
        #expect(throws: WorkflowError.deadlinePassed) {
            try Self.verify(fixture, RunControl(deadline: .now + .milliseconds(500)))
        }
        #expect(start.duration(to: .now) < .seconds(10))
    }
}
