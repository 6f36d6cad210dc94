import Features
import Models
import Postgres
import Store
import TestSupport
import Testing

@testable import Workflows

@Suite struct ScoreWorkflowTests {
    @Test func `every entity that the model's views know is scored, at one position and time, once`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        let head = try fixture.store.head().position
        var (began, rows): ([Int?], [Int]) = ([], [])
        var request = ScoreRequest(model: "buys", into: "scores")
        let result = try fixture.open().score(request) { event in
            switch event {
            case .began(_, _, _, _, let entities): began.append(entities)
            case .progress(let count): rows.append(count)
            }
        }
        let users = ModelStore.users.count
        #expect(began == [users] && rows.last == users)
        #expect(result.version == 1 && result.position == head && result.rows == users)
        #expect(result.fallbacks == 0 && result.resumedAt == 0)
        #expect(try result.state == fixture.store.head())
        let stored = try fixture.store.session.query(
            "SELECT user_id, score::float8, model_version, model_position FROM history.scores ORDER BY user_id"
        )
        let expected = try fixture.predict("buys", ModelStore.users.map(String.init)).flatMap(\.answers.values)
        try #require(stored.count == users)
        for row in 0..<users {
            #expect(stored.int64(row, 0) == Int64(ModelStore.users.lowerBound + row))
            #expect(stored.double(row, 1).map { Float($0) } == expected[row])
            #expect(stored.int64(row, 2) == 1 && stored.int64(row, 3) == head)
        }
        // What was stored is not stored again.
        request.time = result.time
        request.position = result.position
        let again = try fixture.open().score(request)
        #expect(again.resumedAt == users && again.rows == users)
        #expect(try fixture.count("history.scores") == Int64(users))
    }

    @Test func `the rows of a file are scored, those that nobody knows by the fallback`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        var request = ScoreRequest(model: "buys@1", into: "scores")
        request.spine = try fixture.scratch.write("some.csv", "note,user_id\na,3\nb,999\n")
        request.time = Timestamp(microseconds: ModelStore.start + ModelStore.hour)
        let result = try fixture.open().score(request)
        #expect(result.rows == 2 && result.fallbacks == 1 && result.time == request.time)
        let stored = try fixture.store.session.query(
            "SELECT string_agg(user_id::text, ' ' ORDER BY user_id), max(_event_time) FROM history.scores"
        )
        #expect(stored.text(0, 0) == "3 999" && stored.timestamp(0, 1) == request.time?.microseconds)
    }

    @Test func `a view that keeps no scores of the model is refused, and a run that is over stores nothing`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        let other = #expect(throws: WorkflowError.self) {
            try fixture.open().score(ScoreRequest(model: "buys", into: "stats"))
        }
        #expect("\(try #require(other))".hasPrefix("view 'stats' has no score float32"))
        try fixture.train("delay")
        #expect(throws: WorkflowError.refused("view 'scores' keeps the scores of buys, not of delay")) {
            try fixture.open().score(ScoreRequest(model: "delay", into: "scores"))
        }
        #expect(throws: StoreError.self) { try fixture.open().score(ScoreRequest(model: "buys", into: "score")) }
        #expect(throws: ModelsError.self) { try fixture.open().score(ScoreRequest(model: "buys@9", into: "scores")) }
        let control = RunControl()
        #expect(throws: WorkflowError.cancelled) {
            try fixture.open(control).score(ScoreRequest(model: "buys", into: "scores")) { _ in control.cancel() }
        }
        #expect(try fixture.count("history.scores") == 0)
    }
}
