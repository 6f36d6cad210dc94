import Foundation
import TestSupport
import Testing

@Suite struct FlightsTests {
    @Test func `the flights' training set is what an independent join gives`() throws {
        let scratch = try Scratch()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let fixture = root + "/Tests/Fixtures/flights"
        let database = ["-d", try ThrowawayCluster.shared().database()]
        func asof(_ arguments: [String]) throws -> AsofBinary.Output {
            let output = try AsofBinary.run(arguments + database, in: scratch.path)
            #expect(output.status == 0, "\(arguments): \(output.error)")
            return output
        }
        _ = try asof(["init"])
        _ = try asof(["apply", root + "/examples/flights/features.yaml", "--yes"])
        for view in ["weather", "aircraft", "aircraft_delays", "route_delays"] {
            _ = try asof(["ingest", view, "\(fixture)/\(view).csv"])
        }
        _ = try asof([
            "export", "--spine", "\(fixture)/spine.csv", "--features", "delay_model", "--label-time", "label_time",
            "--out", "training.csv",
        ])
        let made = try String(contentsOfFile: scratch.path + "/training.csv", encoding: .utf8)
        let expected = try String(contentsOfFile: fixture + "/expected.csv", encoding: .utf8)
        #expect(made == expected)
        _ = try asof(["verify", "training.csv.manifest.json"])
        _ = try asof(["check"])
    }
}
