import Features
import Postgres
import Store
import TestSupport
import Testing

@testable import Workflows

/// Whether a run would go on, found out without one.
extension StreamRunTests {
    private func obstacle(_ topic: MemoryTopic) throws -> StreamError? {
        let ingestion = try StreamIngestion(session: store.session, stream: "orders")
        let outlook = StreamOutlook(MemorySource(topic), ingestion)
        let positions = try StreamPosition.all(of: "orders", store.session)
        return try outlook.obstacle(positions, try outlook.ends(positions))
    }

    @Test func `a stream that stopped at a bad record is told by that record, one that is behind is not`() throws {
        let topic = Self.topic(10, partitions: 2)
        try run(topic)
        #expect(try obstacle(topic) == nil)
        topic.append(Self.event(11), to: 0)
        topic.append("no JSON", to: 0)
        // What comes next is good; a run would go on.
        #expect(try obstacle(topic) == nil)
        guard case .badRecord(let place, offset: 6, _) = failure(topic) else {
            Issue.record("the run did not stop")
            return
        }
        guard case .badRecord(place, offset: 6, let reason) = try obstacle(topic) else {
            Issue.record("the bad record is not told")
            return
        }
        #expect(!reason.isEmpty)
        // Looking moved nothing.
        #expect(try numbers() == Array(0..<10) + [11])
        try store.apply(Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)))
        #expect(try obstacle(topic) == nil)
        #expect(try run(topic).rejects == 1)
    }

    @Test func `a value that an expectation stops at is told where bad records are set aside, too`() throws {
        let topic = Self.topic(2)
        let amount = "amount: { type: float64, max: 5, action: stop }"
        try store.apply(
            Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)).replacing("amount: float64", with: amount)
        )
        try run(topic)
        topic.append("{\"user\": 1, \"seq\": 9, \"amount\": 77, \"ts\": 1767225600000}")
        guard case .badRecord(_, offset: 2, let reason) = try obstacle(topic) else {
            Issue.record("it is not told")
            return
        }
        #expect(reason.contains("expected at most 5.0, got 77.0"))
    }

    @Test func `a topic that was made anew with as many records is told`() throws {
        let topic = Self.topic(5)
        try run(topic)
        let other = MemoryTopic()
        for number in 0..<7 { other.append(Self.event(number + 100)) }
        guard case .recreated = #expect(throws: StreamError.self, performing: { _ = try obstacle(other) }) else {
            Issue.record("it is not told")
            return
        }
    }
}
