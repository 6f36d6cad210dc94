import Features
import Foundation
import Models
import Postgres
import Store
import TestSupport
import Testing
import Training

@testable import Workflows

@Suite struct EncodeWorkflowTests {
    private static func request(_ fixture: ModelStore, _ model: String = "buys") throws -> EncodeRequest {
        EncodeRequest(
            model: model,
            spine: fixture.spine,
            labelTime: "at",
            target: try ExportTarget(fixture.path("matrix.csv"), format: nil, spine: fixture.path("spine.csv"))
        )
    }

    @Test func `a spine's rows leave as the numbers that a version reads, with label time, label and a description`()
        throws
    {
        let fixture = try ModelStore()
        try fixture.train()
        let result = try fixture.open().encode(try Self.request(fixture))
        #expect(result.version.version == 1 && result.rows == ModelStore.spineRows && result.unseen.isEmpty)
        #expect(result.names == result.version.signature.featureNames)
        #expect(try result.fingerprint == result.version.signature.fingerprint)
        #expect(try fixture.files() == ["matrix.csv", "matrix.csv.encoding.json", "spine.csv"])
        let lines = try String(contentsOfFile: fixture.path("matrix.csv"), encoding: .utf8).split(separator: "\n")
        let spine = try String(contentsOfFile: fixture.path("spine.csv"), encoding: .utf8).split(separator: "\n")
        #expect(lines.count == spine.count && lines[0] == "at,bought," + result.names.joined(separator: ","))
        let n = try #require(result.names.firstIndex(of: "stats__n"))
        for (line, row) in zip(lines, spine).dropFirst() {
            let (cells, given) = (line.split(separator: ","), row.split(separator: ","))
            #expect(Array(cells[0...1]) == Array(given[1...2]) && Double(cells[2 + n]) == Double(given[0]))
        }
        let description = try String(contentsOfFile: result.descriptionPath, encoding: .utf8)
        #expect(description.contains("\"asof-matrix/1\"") && description.contains(result.fingerprint))
    }

    @Test func `a version that is none, a target that is the spine and a run that is over leave what was there`() throws
    {
        let fixture = try ModelStore()
        try fixture.train()
        _ = try fixture.scratch.write("matrix.csv", "older")
        #expect(throws: ModelsError.self) { try fixture.open().encode(try Self.request(fixture, "buys@next")) }
        #expect(throws: WorkflowError.self) {
            try ExportTarget(fixture.path("spine.csv"), format: nil, spine: fixture.path("spine.csv"))
        }
        let holder = try fixture.holding("history.stats")
        let late = RunControl(deadline: .now + .milliseconds(500))
        #expect(throws: WorkflowError.deadlinePassed) { try fixture.open(late).encode(try Self.request(fixture)) }
        holder.connection.rollBack()
        let control = RunControl()
        let store = try fixture.open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) { try store.encode(try Self.request(fixture)) }
        #expect(try fixture.files() == ["matrix.csv", "spine.csv"])
        #expect(try String(contentsOfFile: fixture.path("matrix.csv"), encoding: .utf8) == "older")
    }
}
