import Features
import Store
import TestSupport
import Testing
import TrainingSets

@testable import Workflows

@Suite struct GetWorkflowTests {
    /// What a request finds: of each entity its key and its value of `n`.
    private static func get(
        _ fixture: TrainingSetStore,
        _ request: GetRequest,
        _ control: RunControl = RunControl()
    ) throws -> [[Value]] {
        var found: [[Value]] = []
        try fixture.open(control).features(request) { found.append($0.entity + $0.cells.map(\.value)) }
        return found
    }

    @Test func `entities come in order with the latest values, those of a moment, or those of a state`() throws {
        let fixture = try TrainingSetStore()
        var request = GetRequest(features: "stats.n", entities: ["2", "9", "user_id=1"])
        let latest: [[Value]] = [[.int64(2), .int64(3)], [.int64(9), .null], [.int64(1), .int64(3)]]
        #expect(try Self.get(fixture, request) == latest)
        request.moment = .at(try Timestamp(text: "2024-01-05T00:00:00Z"))
        let early: [[Value]] = [[.int64(2), .int64(1)], [.int64(9), .null], [.int64(1), .int64(1)]]
        #expect(try Self.get(fixture, request) == early)
        request.moment = .latest
        request.position = try fixture.store.head().position - 1
        let older: [[Value]] = [[.int64(2), .int64(2)], [.int64(9), .null], [.int64(1), .int64(2)]]
        #expect(try Self.get(fixture, request) == older)
    }

    @Test func `a cell is its column's, whichever order columns are asked in`() throws {
        let fixture = try TrainingSetStore()
        var found: [EntityFeatures] = []
        let request = GetRequest(features: "stats.x,stats.n", entities: ["1"])
        try fixture.open().features(request) { found.append($0) }
        let cells = try #require(found.first).cells
        #expect(cells.map(\.column.outputName) == ["stats__x", "stats__n"])
        #expect(cells.map(\.value) == [.float64(1.5), .int64(3)])
        #expect(cells.map(\.status) == [.present, .present])
        #expect(cells[0].row?.eventTime?.text == "2024-02-20T00:00:00Z")
    }

    @Test func `the entities before one that is none are found`() throws {
        let fixture = try TrainingSetStore()
        var count = 0
        #expect(throws: EntityTextError.self) {
            try fixture.open().features(GetRequest(features: "stats", entities: ["1", "x"])) { _ in
                count += 1
            }
        }
        #expect(count == 1)
    }

    @Test func `nobody named, features that are none, and a run that is over are errors`() throws {
        let fixture = try TrainingSetStore()
        let nobody = #expect(throws: WorkflowError.self) {
            try Self.get(fixture, GetRequest(features: "stats", entities: []))
        }
        #expect(nobody == .usage("name an entity: user_id=…. `asof get --help` has examples"))
        let unknown = #expect(throws: WorkflowError.self) {
            try Self.get(fixture, GetRequest(features: "stat", entities: ["1"]))
        }
        #expect("\(try #require(unknown))".hasPrefix("no service or view 'stat'"))
        let control = RunControl()
        let store = try fixture.open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) {
            try store.features(GetRequest(features: "stats", entities: ["1"])) { _ in }
        }
    }
}
