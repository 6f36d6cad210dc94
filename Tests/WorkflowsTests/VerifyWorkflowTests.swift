import Features
import Operations
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
