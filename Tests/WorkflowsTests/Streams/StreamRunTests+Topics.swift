import Testing
import Workflows

/// A topic that is no longer the one that was read.
extension StreamRunTests {
    @Test func `records that retention took before they were read are named, and nothing is stored`() throws {
        let topic = Self.topic(20)
        try run(topic)
        for number in 20..<40 { topic.append(Self.event(number)) }
        topic.change { partitions in
            partitions[0].records.removeAll { $0.offset < 25 }
            partitions[0].low = 25
        }
        let place = StreamError.Place(stream: "orders", topic: "orders", partition: 0)
        #expect(failure(topic) == .retentionLoss(place, next: 20, low: 25))
        #expect(try numbers() == Array(0..<20))
        #expect("\(StreamError.retentionLoss(place, next: 20, low: 25))".contains("records 20 to 24 are lost"))
    }

    @Test func `records that retention took once they were read are no loss`() throws {
        let topic = Self.topic(20)
        try run(topic)
        topic.change { partitions in
            partitions[0].records.removeAll()
            partitions[0].low = 20
        }
        topic.append(Self.event(20))
        try run(topic)
        #expect(try numbers() == Array(0...20))
    }

    @Test func `a topic made anew under its name is told by its last record, also where it is as long`() throws {
        try run(Self.topic(20))
        let other = MemoryTopic()
        for number in 100..<120 { other.append(Self.event(number)) }
        let place = StreamError.Place(stream: "orders", topic: "orders", partition: 0)
        #expect(failure(other) == .recreated(place, offset: 19))
        // Also by a run that has nothing to read.
        let once = worker(other, StreamRunOptions(end: .once)).run()
        #expect(once.failure as? StreamError == .recreated(place, offset: 19))
        #expect(try numbers() == Array(0..<20))
    }

    @Test func `a partition that ends before what was read is told`() throws {
        try run(Self.topic(20))
        let place = StreamError.Place(stream: "orders", topic: "orders", partition: 0)
        #expect(failure(Self.topic(10)) == .truncated(place, next: 20, high: 10))
        #expect(try numbers() == Array(0..<20))
    }

    @Test func `fewer partitions, another cluster and another topic are told`() throws {
        try run(Self.topic(20, partitions: 3))
        #expect(failure(Self.topic(20)) == .partitionsGone(stream: "orders", topic: "orders", [1, 2]))
        let moved = Self.topic(20, partitions: 3)
        moved.setCluster("c2")
        #expect(failure(moved) == .anotherCluster(stream: "orders", known: "c1", found: "c2"))
        let renamed = MemoryTopic("purchases", partitions: 3)
        #expect(failure(renamed) == .anotherTopic(stream: "orders", known: "orders", found: "purchases"))
        #expect(try numbers() == Array(0..<20))
    }
}
