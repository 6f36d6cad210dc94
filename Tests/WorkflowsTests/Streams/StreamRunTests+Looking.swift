import Features
import Kafka
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// What is told of streams without running them. Where their topics end only a broker knows: the lane `broker` asks one.
extension StreamRunTests {
    /// No library of Kafka's client is there.
    private static let environment = ["ASOF_LIBRDKAFKA": "/no/librdkafka.so"]

    private func open(_ control: RunControl = RunControl()) throws -> OpenStore {
        try OpenStore(store.conninfo, forWriting: false, control: control)
    }

    @Test func `what a stream has read and set aside is told where nothing is known of its topic`() throws {
        try store.apply(Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)))
        let topic = Self.topic(4)
        topic.append("no JSON")
        topic.append("[1]")
        try run(topic)
        let all = try open().streamStatus([], environment: Self.environment)
        let status = try #require(all.first)
        #expect(all.count == 1 && status.definition.name == "orders" && status.rejects == 2)
        #expect(status.state == "stalled" && status.trouble?.contains("/no/librdkafka.so") == true)
        #expect(status.partitions.map(\.partition) == [0] && status.partitions[0].position?.next == 6)
        #expect(status.partitions[0].high == nil && status.partitions[0].lag == nil)
        let rejects = try open().streamRejects("orders", limit: 1)
        #expect(rejects.newest.map(\.record.offset) == [5] && rejects.newest[0].record.value == Array("[1]".utf8))
        #expect(rejects.count == 2)
        #expect(try open().streamRejects("orders", limit: 9).newest.count == 2)
    }

    @Test func `a stream whose topic cannot be opened is found out before it is run, and does not begin`() throws {
        let findings = try open().checkStreams(["orders"], environment: Self.environment)
        #expect(findings.map(\.stream) == ["orders"] && findings.map(\.isGood) == [false])
        #expect(findings[0].text.contains("/no/librdkafka.so"))
        #expect(throws: KafkaError.self) {
            try open().peekStream("orders", count: 1, environment: Self.environment)
        }
        #expect(throws: KafkaError.self) {
            try open().startStreams([], options: StreamRunOptions(), environment: Self.environment) { _ in }
        }
    }

    @Test func `streams that are none, and a run that is over, are errors`() throws {
        for name in ["order", "stats"] {
            #expect(throws: StoreError.self) { try open().streamStatus([name], environment: Self.environment) }
            #expect(throws: StoreError.self) { try open().checkStreams([name], environment: Self.environment) }
            #expect(throws: StoreError.self) { try open().streamRejects(name, limit: 1) }
            #expect(throws: StoreError.self) {
                try open().peekStream(name, count: 1, environment: Self.environment)
            }
            #expect(throws: StoreError.self) {
                try open().startStreams([name], options: StreamRunOptions(), environment: Self.environment) { _ in }
            }
        }
        let control = RunControl()
        let over = try open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) { try over.streamStatus([], environment: Self.environment) }
        #expect(throws: WorkflowError.cancelled) { try over.streamRejects("orders", limit: 1) }
        #expect(throws: WorkflowError.cancelled) {
            try over.startStreams([], options: StreamRunOptions(), environment: Self.environment) { _ in }
        }
        try store.apply("entities: { user: { key: user_id, type: int64 } }")
        let none = #expect(throws: WorkflowError.self) {
            try open().startStreams([], options: StreamRunOptions(), environment: Self.environment) { _ in }
        }
        #expect("\(try #require(none))".hasPrefix("the store has no streams"))
    }
}
