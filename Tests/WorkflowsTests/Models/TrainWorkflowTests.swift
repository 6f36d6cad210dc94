import Features
import Models
import Postgres
import Store
import TestSupport
import Testing
import Training

@testable import Workflows

@Suite struct TrainWorkflowTests {
    @Test func `a model is fitted, judged by what there is and registered, with the set that it was fitted to`() throws
    {
        let fixture = try ModelStore()
        var (splits, exported): ([SplitCounts], Int) = ([], 0)
        let result = try fixture.open().train(fixture.request()) { event in
            switch event {
            case .split(let counts): splits.append(counts)
            case .exporting: exported += 1
            case .round, .run, .warning: break
            }
        }
        #expect(exported > 1 && splits == [result.split])
        let parts = result.split
        #expect(parts.train + parts.valid + parts.test + parts.embargoed == ModelStore.spineRows)
        #expect(parts.train > parts.valid && parts.valid > 0 && parts.test > 0 && parts.unlabelled == 0)
        #expect(result.algorithm == .logistic && result.judged.map(\.name) == ["base", "new"])
        #expect(result.isBetter && result.judged[1].metrics.loss < result.judged[0].metrics.loss)
        #expect(result.importances.map(\.name).sorted() == ["stats__n", "stats__x"])
        #expect(result.importances.first?.name == "stats__n" && result.rounds == nil)
        #expect(try result.version == 1 && result.position == fixture.store.head().position)
        #expect(result.promotedFrom == .some(nil) && result.report == nil)
        #expect(try fixture.count("asof.training_sets") == 1)
        let found = try #require(try fixture.open().models("buys").first)
        #expect(found.versions.map(\.version) == [1] && found.aliases == ["champion": 1])
        #expect(found.versions[0].manifest.contains(result.contentDigest))

        // The same again is no better than it: the champion stays, and is what the new one is judged by.
        var again = fixture.request()
        again.promotion = .ifBetter
        let second = try fixture.open().train(again)
        #expect(second.judged.map(\.name) == ["base", "buys@1", "new"])
        #expect(!second.isBetter && second.version == 2 && second.promotedFrom == nil)
        #expect(try fixture.open().models("buys")[0].aliases == ["champion": 1])
    }

    @Test func `a dry run judges and registers nothing; a report comes where one is asked for`() throws {
        let fixture = try ModelStore()
        let head = try fixture.store.head()
        var request = fixture.request()
        request.isDryRun = true
        request.reportedCommand = "asof train buys"
        let result = try fixture.open().train(request)
        #expect(result.isBetter && result.version == nil && result.position == nil)
        #expect(result.report?.decision == "Better than what there was.")
        #expect(try fixture.open().models("buys")[0].versions.isEmpty)
        #expect(try fixture.store.head() == head)
    }

    @Test(arguments: [
        ("model", "no model 'buy'; did you mean 'buys'?"), ("algorithm", "ridge is for numbers"),
        ("parameter", "logistic has no parameter 'rate'"), ("value", "the parameter penalty is 'much'"),
        ("none", "the parameter rounds is '0'; expected a whole number from 1 to 100000"),
        ("part", "the parameter early_stopping is '2.5'; expected a whole number"),
        ("library", "XGBoost's library is not at"), ("cuts", "--valid-from 2024-01-05T00:00:00Z lies behind"),
        ("label", "the spine has no column 'bought'"), ("alike", "the label 'bought' is the same in all"),
    ])
    func `what cannot be fitted is refused by its reason, and nothing is registered`(
        what: String,
        reason: String
    )
        throws
    {
        let fixture = try ModelStore()
        var request = fixture.request(what == "model" ? "buy" : "buys")
        switch what {
        case "algorithm": request.algorithm = .ridge
        case "parameter": request.parameters = ["rate": "1"]
        case "value": request.parameters = ["penalty": "much"]
        case "none": (request.algorithm, request.parameters) = (.xgboost, ["rounds": "0"])
        case "part": (request.algorithm, request.parameters) = (.xgboost, ["early_stopping": "2.5"])
        // Rounds may be written as other numbers are.
        case "library": (request.algorithm, request.parameters) = (.xgboost, ["rounds": "1e2"])
        case "cuts":
            request.split = .times(
                validFrom: try Timestamp(text: "2024-01-05T00:00:00Z"),
                testFrom: try Timestamp(text: "2024-01-04T00:00:00Z")
            )
        case "label":
            request.spine = .query("SELECT 1::bigint AS user_id, timestamptz '2024-01-05 00:00Z' AS at")
        case "alike":
            request.spine = .query(
                "SELECT 1::bigint AS user_id, timestamptz '2024-01-05 00:00Z' + n * interval '1 day' AS at, 1 AS bought FROM generate_series(1, 9) n"
            )
        default: break
        }
        let error = #expect(throws: (any Error).self) { try fixture.open().train(request) }
        #expect("\(try #require(error))".hasPrefix(reason))
        #expect(what == "model" ? error is ModelsError : error is WorkflowError)
        #expect(try fixture.open().models("buys")[0].versions.isEmpty)
    }

    @Test func `a run that is cancelled, or whose deadline passes while it waits, registers nothing`() throws {
        let fixture = try ModelStore()
        let control = RunControl()
        #expect(throws: WorkflowError.cancelled) {
            try fixture.open(control).train(fixture.request()) { event in
                if case .split = event { control.cancel() }
            }
        }
        let holder = try fixture.holding("history.stats")
        defer { holder.connection.rollBack() }
        let late = RunControl(deadline: .now + .milliseconds(500))
        #expect(throws: WorkflowError.deadlinePassed) { try fixture.open(late).train(fixture.request()) }
        #expect(try fixture.count("asof.model_versions") == 0)
    }
}
