import Features
import Models
import Postgres
import Store
import TestSupport
import Testing

@testable import Workflows

@Suite struct ReplayWorkflowTests {
    private static let time = ModelStore.start + 5 * ModelStore.hour

    @Test func `logged predictions are made again to the bit, also after history went on`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        try fixture.log([1, 5, 39, 999], at: Self.time)
        #expect(try fixture.open().replay(ReplayRequest(model: "buys")).compared == 4)
        // What came later, and late, is in no state that was answered from.
        try fixture.store.ingest(
            "stats",
            [HistoryRow([.int64(5)], at: Self.time - 1, [.int64(40), .float64(0)])]
        )
        try fixture.train(penalty: 1_000)
        let result = try fixture.open().replay(ReplayRequest(model: "buys"))
        #expect(result.compared == 4 && result.different == 0 && result.outcome == .equal)
        #expect(result.differences.isEmpty && result.notCompared.isEmpty && result.removals.isEmpty)
        // A training set of now has user 5's other row.
        #expect(result.stale == 1 && result.staleByColumn.keys.contains("stats__n"))
        #expect(try fixture.open().replay(ReplayRequest(model: "buys@2")).outcome == .notChecked)
    }

    @Test func `another score, another column and a position of another store are told apart`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        try fixture.log([1, 5, 39], at: Self.time)
        func replayed(_ change: String) throws -> ReplayResult {
            try fixture.store.session.execute("UPDATE asof.predictions SET \(change)")
            return try fixture.open().replay(ReplayRequest(model: "buys"))
        }
        let score = try replayed("score = ARRAY[0.25::real] WHERE keys->>'user_id' = '5'")
        #expect(score.different == 1 && score.outcome == .different && score.byColumn == ["score": 1])
        let difference = try #require(score.differences.first)
        #expect(difference.keys == "user_id=5" && difference.score == [0.25] && difference.version == 1)
        #expect(difference.text.contains("its score was 0.25 and is "))
        let column = try replayed("keys = jsonb_set(keys, '{user_id}', '\"7\"') WHERE keys->>'user_id' = '39'")
        #expect(column.different == 2 && column.byColumn["stats__n"] == 1)
        let elsewhere = try replayed("position = 1000000")
        #expect(elsewhere.compared == 0 && elsewhere.outcome == .notChecked)
        #expect(elsewhere.notCompared.values.map { $0 } == [3])
    }

    @Test func `a sample of no rows, a model that is none and a run that is over are errors`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        try fixture.log([1], at: Self.time)
        var request = ReplayRequest(model: "buys")
        request.sample = 0
        let none = #expect(throws: WorkflowError.self) { try fixture.open().replay(request) }
        #expect("\(try #require(none))".hasPrefix("--sample 0: expected 1 to "))
        #expect(throws: ModelsError.self) { try fixture.open().replay(ReplayRequest(model: "buy")) }
        #expect(throws: ModelsError.self) { try fixture.open().replay(ReplayRequest(model: "buys@4")) }
        let holder = try fixture.holding("history.stats")
        defer { holder.connection.rollBack() }
        let late = RunControl(deadline: .now + .milliseconds(500))
        #expect(throws: WorkflowError.deadlinePassed) {
            try fixture.open(late).replay(ReplayRequest(model: "buys"))
        }
    }
}
