import Features
import Models
import Postgres
import Store
import TestSupport
import Testing

@testable import Workflows

@Suite struct LearnWorkflowTests {
    private let fixture: ModelStore
    /// Of the commits of labels.
    private let positions: [Int64]

    /// Three commits of twenty labels.
    init() throws {
        fixture = try ModelStore()
        try fixture.train("delay")
        var positions: [Int64] = []
        for commit in 0..<3 {
            let rows = (0..<20).map { row in
                let (order, user) = (commit * 20 + row, (commit * 20 + row) * 7 % ModelStore.users.count + 1)
                let at = Timestamp(microseconds: ModelStore.start + Int64(order + 1) * ModelStore.hour)
                return HistoryRow(
                    [.int64(Int64(order))],
                    at: at.microseconds + 60_000_000,
                    [.bool(user > 20), .timestamp(at), .int64(Int64(user))]
                )
            }
            try fixture.store.ingest("outcomes", rows)
            positions.append(try fixture.store.head().position)
        }
        self.positions = positions
    }

    @Test func `labels are learned commit by commit and published; what was learned is not learned again`() throws {
        var request = LearnRequest(model: "delay")
        request.commitRows = 20
        request.until = .position(positions[0])
        var events: [String] = []
        let first = try fixture.open().learn(request) { event in
            switch event {
            case .began(_, let record): events.append("began \(record.sums.examples)")
            case .committed(let record): events.append("committed \(record.sums.examples)")
            case .published(let number, _, _): events.append("published \(number)")
            case .caughtUp: events.append("caught up")
            }
        }
        #expect(events == ["began 0", "committed 20", "published 1"])
        #expect(first.learned == 20 && first.publishes == [1] && first.record.state.position == positions[0])
        request.until = .now
        let second = try fixture.open().learn(request)
        #expect(second.learned == 40 && second.publishes == [2, 3] && second.version.version == 1)
        let third = try fixture.open().learn(request)
        #expect(third.learned == 0 && third.publishes == [])
        let (version, record, publishes) = try fixture.open().learner("delay")
        #expect(version.version == 1 && record?.sums.examples == 60 && publishes.map(\.number) == [3, 2, 1])
        #expect(record?.state.position == positions[2])
        #expect(try fixture.open().learner("delay", publishes: 1).publishes.map(\.number) == [3])
    }

    @Test func `what is published can be learned again, and another state is told`() throws {
        _ = try fixture.open().learn(LearnRequest(model: "delay"))
        let publish = try #require(try fixture.open().learner("delay").publishes.first)
        let (found, outcome) = try fixture.open().verifyLearned(publish.name)
        guard case .equal = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(found == publish)
        try fixture.store.session.execute("UPDATE asof.model_publishes SET digest = '\\x00'")
        guard case .different(found: _, expected: "00") = try fixture.open().verifyLearned(publish.name).1 else {
            Issue.record("another digest was taken for the same")
            return
        }
        let none = #expect(throws: WorkflowError.self) { try fixture.open().verifyLearned("delay") }
        #expect("\(try #require(none))" == "'delay' names no publish of a model, as in delay@3.1842")
        let unknown = #expect(throws: ModelsError.self) { try fixture.open().verifyLearned("delay@1.99") }
        #expect("\(try #require(unknown))" == "delay@1 has no publish 99")
    }

    @Test func `a label of a prediction ahead of its own commit is counted and not learned`() throws {
        let now = try #require(try fixture.store.session.query("SELECT clock_timestamp()").timestamp(0, 0))
        for (order, ahead) in [(900, 60_000_000), (901, 3_600_000_000), (902, 10_000_000_000_000)] as [(Int64, Int64)] {
            let at = Timestamp(microseconds: now + ahead)
            let values: [Value] = [.bool(true), .timestamp(at), .int64(3)]
            try fixture.store.ingest("outcomes", [HistoryRow([.int64(order)], at: now, values)])
        }
        let result = try fixture.open().learn(LearnRequest(model: "delay"))
        // What lies less than clocks differ ahead is learned.
        #expect(result.record.sums.ahead == 2 && result.record.sums.examples == 61 && result.learned == 61)
        #expect(result.record.sums.badLabels == 0)
        let kept = try #require(try fixture.open().learner("delay").record)
        #expect(kept.sums == result.record.sums)
        let publish = try #require(try fixture.open().learner("delay").publishes.first)
        guard case .equal = try fixture.open().verifyLearned(publish.name).1 else {
            Issue.record("\(publish.name) is not what is learned again")
            return
        }
    }

    @Test func `a model that has no labels, and one that is none, are refused`() throws {
        try fixture.train("buys")
        let error = #expect(throws: WorkflowError.self) { try fixture.open().learn(LearnRequest(model: "buys")) }
        #expect("\(try #require(error))".hasPrefix("the model buys has no labels to learn from"))
        #expect(throws: ModelsError.self) { try fixture.open().learn(LearnRequest(model: "delays")) }
        #expect(throws: ModelsError.self) { try fixture.open().learner("delay@7") }
        #expect(try fixture.open().learner("delay").record == nil)
    }

    @Test func `what was committed before a run was cancelled stays, and the next ends in the same state`() throws {
        var request = LearnRequest(model: "delay")
        request.commitRows = 20
        let control = RunControl()
        #expect(throws: WorkflowError.cancelled) {
            try fixture.open(control).learn(request) { event in
                if case .committed = event { control.cancel() }
            }
        }
        #expect(try fixture.open().learner("delay").record?.sums.examples == 20)
        let rest = try fixture.open().learn(request)
        #expect(rest.learned == 40)
        let publish = try #require(try fixture.open().learner("delay").publishes.first)
        guard case .equal = try fixture.open().verifyLearned(publish.name).1 else {
            Issue.record("\(publish.name) is not what one run would have learned")
            return
        }
    }

    @Test func `a run without an end learns what is committed meanwhile, until it is cancelled`() throws {
        var request = LearnRequest(model: "delay")
        request.until = .ever
        let control = RunControl()
        var learned: [Int] = []
        #expect(throws: WorkflowError.cancelled) {
            try fixture.open(control).learn(request) { event in
                guard case .caughtUp(let record) = event else { return }
                if learned.last != record.sums.examples { learned.append(record.sums.examples) }
                if learned.count == 2 { return control.cancel() }
                let at = Timestamp(microseconds: ModelStore.start + 100 * ModelStore.hour)
                _ = try? fixture.store.ingest(
                    "outcomes",
                    [HistoryRow([.int64(1_000)], at: at.microseconds + 1, [.bool(true), .timestamp(at), .int64(3)])]
                )
            }
        }
        #expect(learned == [60, 61])
    }
}
