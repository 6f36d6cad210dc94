import Features
import Models
import Store
import TestSupport
import Testing
import TrainingSets

@testable import Workflows

@Suite struct PredictWorkflowTests {
    @Test func `entities are answered in order, by the champion of now or of a position, or by a version`()
        throws
    {
        let fixture = try ModelStore()
        let first = try fixture.train()
        #expect(try fixture.train(penalty: 1_000).version == 2)
        func scores(_ model: String, position: Int64? = nil) throws -> [Float?] {
            try fixture.predict(model, ["39", "user_id=3"], position: position).flatMap(\.answers.values)
        }
        let found = try fixture.predict("buys", ["39", "user_id=3"])
        #expect(found.map(\.features.entity) == [[.int64(39)], [.int64(3)]])
        #expect(found.map(\.version.version) == [2, 2])
        #expect(found.flatMap(\.answers.statuses) == [.known, .known])
        // Who has the greater number buys more often.
        let now = try scores("buys").compactMap { $0 }
        #expect(now.count == 2 && now[0] > now[1])
        #expect(try scores("buys@2") == now)
        let before = try scores("buys@1")
        #expect(before != now)
        #expect(try scores("buys", position: first.position) == before)
    }

    @Test func `of whom nobody knows anything the fallback answers`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        let found = try #require(try fixture.predict("buys", ["999"]).first)
        #expect(found.answers.statuses == [.fallback])
        #expect(found.answers.values == [Float(found.version.base[0])])
    }

    @Test func `a model, a version or a champion that is none, and a run that is over are errors`() throws {
        let fixture = try ModelStore()
        let before = try fixture.store.head().position
        func refusal(_ model: String, _ entities: [String] = ["1"], position: Int64? = nil) -> String {
            let error = #expect(throws: ModelsError.self) {
                try fixture.predict(model, entities, position: position)
            }
            return error.map { "\($0)" } ?? ""
        }
        #expect(refusal("buys").hasPrefix("buys has no versions yet"))
        try fixture.train()
        #expect(refusal("buy") == "no model 'buy'; did you mean 'buys'?")
        #expect(refusal("buys@7").contains("not 7"))
        #expect(refusal("buys", position: before) == "buys had no champion at position \(before)")
        #expect(throws: EntityTextError.self) { try fixture.predict("buys", ["somebody"]) }
        let control = RunControl()
        let store = try fixture.open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) {
            try store.predict(PredictRequest(model: "buys", entities: ["1"])) { _ in }
        }
    }
}
