import Columnar
import Features
import Foundation
import Segments
import Store
import TestSupport
import Testing
import TrainingSets

@testable import Workflows

/// What other engines are to join, by a call.
@Suite struct SpecifyWorkflowTests {
    private static func specify(
        _ fixture: TrainingSetStore,
        _ features: String = "stats.n",
        _ control: RunControl = RunControl()
    ) throws -> String {
        let specification = try fixture.open(control).specify(
            features,
            labelTime: "at",
            state: .newest,
            segments: SegmentLocation(named: fixture.path("segments"))
        )
        return String(decoding: try JSONEncoder().encode(specification), as: UTF8.self)
    }

    private static func build(_ fixture: TrainingSetStore) throws {
        let directory = try SegmentDirectory.make(
            fixture.path("segments"),
            storeID: try fixture.store.session.storeID()
        )
        let open = try OpenStore(fixture.store.conninfo, forWriting: true)
        _ = try open.buildSegments(SegmentBuildRequest(), in: { directory }, format: ParquetSegments())
    }

    @Test func `the view, its rules, the label time and the files of the state are told`() throws {
        let fixture = try TrainingSetStore()
        try Self.build(fixture)
        let text = try Self.specify(fixture)
        for part in ["asof-spec", "\"labelTime\":\"at\"", "\"view\":\"stats\"", "\"features\":\"stats.n\""] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
        #expect(text.contains("\"position\":\(try fixture.store.head().position)"))
    }

    @Test func `segments that are missing or do not reach the state, and features that are none, are errors`() throws {
        let fixture = try TrainingSetStore()
        let missing = #expect(throws: WorkflowError.self) { try Self.specify(fixture) }
        #expect("\(try #require(missing))".contains("no directory of segments"))
        try Self.build(fixture)
        #expect(throws: WorkflowError.self) { try Self.specify(fixture, "stat") }
        try fixture.ingest("2024-03-01", 9)
        #expect(throws: StoreError.self) { try Self.specify(fixture) }
        let control = RunControl()
        let open = try fixture.open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) {
            try open.specify(
                "stats.n",
                labelTime: "at",
                state: .newest,
                segments: SegmentLocation(named: fixture.path("segments"))
            )
        }
    }
}
