import Features
import Foundation
import Models
import Postgres
import Store
import TestSupport
import Testing
import Training

@testable import Workflows

/// Several fits on one training set.
@Suite struct ExperimentTests {
    @Test func `a grid has every combination once, in order`() throws {
        #expect(try ExperimentGrid([:]).runs == [[:]])
        #expect(try ExperimentGrid(["a": "1"]).runs == [["a": "1"]])
        let grid = try ExperimentGrid(["b": "5,6,7", "a": "1,2"])
        #expect(
            grid.runs == ["1", "2"].flatMap { a in ["5", "6", "7"].map { ["a": a, "b": $0] } }
        )
        let twenty = (1...20).map(String.init).joined(separator: ",")
        #expect(try ExperimentGrid(["a": twenty]).runs.count == 20)
    }

    @Test(arguments: [
        (["a": "1,"], "one is empty"), (["a": ",1"], "one is empty"), (["a": "1,2,1"], "1 stands there twice"),
        (["a": "1,2,3,4,5", "b": "1,2,3,4,5"], "more than 20 combinations"),
        (["a": (1...21).map(String.init).joined(separator: ",")], "more than 20 combinations"),
    ])
    func `a grid that is none is refused`(settings: [String: String], reason: String) throws {
        let error = #expect(throws: WorkflowError.self) { try ExperimentGrid(settings) }
        #expect("\(try #require(error))".contains(reason))
    }

    @Test func `the best on the valid rows is kept, as if it had been fitted alone`() throws {
        let fixture = try ModelStore()
        var request = fixture.request()
        request.parameters = ["penalty": "1000000,10,100000"]
        request.reportedCommand = "asof train buys"
        var told: [ExperimentRun] = []
        let result = try fixture.open().train(request) { event in
            if case .run(let run, of: 3) = event { told.append(run) }
        }
        let runs = result.runs
        #expect(
            told.map(\.text) == ["penalty=1000000", "penalty=10", "penalty=100000"]
                && runs.map(\.text) == told.map(\.text)
        )
        #expect(runs.map(\.isChosen) == [false, true, false], "\(runs)")
        #expect(runs[1].validLoss < runs[2].validLoss && runs[2].validLoss < runs[0].validLoss)
        #expect(
            result.report?.facts.contains { $0.name == "run 2, chosen" && $0.value.contains("penalty=10: ") } == true
        )

        // Each alone: the same file, and the valid rows' loss by its definition.
        for (place, penalty) in ["1000000", "10", "100000"].enumerated() {
            let alone = try fixture.train(penalty: Int(penalty))
            #expect(alone.runs.isEmpty)
            let version = try #require(alone.version)
            let same = try fixture.store.session.query(
                "SELECT count(DISTINCT artifact) FROM asof.model_versions WHERE version IN (1, $1)",
                [.int32(Int32(version))]
            ).int64(0, 0)
            #expect(same == (penalty == "10" ? 1 : 2), "\(penalty)")
            #expect(abs(try Self.validLoss(fixture, version) - runs[place].validLoss) < 1e-9, "\(penalty)")
        }
        #expect(
            try fixture.open().compareModels("buys@1", "buys@3").items.filter { !$0.isSame }.map(\.name) == ["position"]
        )
        #expect(try fixture.count("asof.training_sets") == 4)
    }

    /// The mean of -log of what a version says of the valid rows' labels: the 15 of 100 behind the first 70, by time.
    private static func validLoss(_ fixture: ModelStore, _ version: Int) throws -> Double {
        let text = try String(contentsOfFile: fixture.path("spine.csv"), encoding: .utf8)
        let rows = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",").map(String.init) }
        let scores = try fixture.predict("buys@\(version)", ModelStore.users.map { "user_id=\($0)" })
        var (sum, count) = (0.0, 0.0)
        for row in rows[700..<850] {
            guard let user = Int(row[0]), let score = scores[user - 1].answers.values[0] else { continue }
            sum -= row[2] == "1" ? log(Double(score)) : log(1 - Double(score))
            count += 1
        }
        return sum / count
    }

    @Test func `a value that is none is refused before anything is fitted`() throws {
        let fixture = try ModelStore()
        var request = fixture.request()
        request.parameters = ["penalty": "1,much"]
        let error = #expect(throws: WorkflowError.self) { try fixture.open().train(request) }
        #expect("\(try #require(error))" == "the parameter penalty is 'much'; expected a number")
        #expect(try fixture.count("asof.training_sets") == 0)
    }
}
