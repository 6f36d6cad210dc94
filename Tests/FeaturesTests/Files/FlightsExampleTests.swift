import Features
import Foundation
import TestSupport
import Testing

@Suite struct FlightsExampleTests {
    private static let repository = Cases.repository

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: repository.appending(path: path), encoding: .utf8)
    }

    @Test func `the flights example is read and its service has the columns of the committed training set`() throws {
        let definitions = try Definitions.parseWithExpressions(yaml: Self.text("examples/flights/features.yaml"))
        let views = ["aircraft", "aircraft_delays", "arrivals", "flights", "route_delays", "weather"]
        #expect(definitions.views.map(\.name).sorted() == views)

        func columns(_ file: String) throws -> [String] {
            let header = try Self.text("Tests/Fixtures/flights/\(file)").prefix { $0 != "\n" }
            return header.split(separator: ",").map(String.init)
        }
        let service = try #require(definitions.service(named: "delay_model"))
        let prediction = try #require(definitions.service(named: "delay_prediction"))
        #expect(definitions.models.map(\.service) == [prediction.name])
        #expect(prediction.derived.map(\.name).contains("headwind"))
        #expect(try columns("spine.csv") + service.columns.map(\.outputName) == columns("expected.csv"))
        for view in definitions.views where view.name != "arrivals" {
            let expected = view.keys.map(\.name) + ["event_time"] + view.features.map(\.name)
            #expect(try columns("\(view.name).csv") == expected)
        }
    }
}
