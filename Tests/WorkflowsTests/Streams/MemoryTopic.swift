import Foundation
import Kafka
import Synchronization
import Workflows

/// A topic in memory, which several sources read: what a broker's does, without a broker.
final class MemoryTopic: Sendable {
    struct Record: Sendable {
        var offset: Int64
        var timeUs: Int64?
        var key: String?
        var value: String?
    }

    struct Partition: Sendable {
        var records: [Record] = []
        var low: Int64 = 0
        /// Where committed records end; more than the last record where a transaction ended behind it.
        var high: Int64 = 0
    }

    let name: String
    private let partitions: Mutex<[Partition]>
    private let clusterName: Mutex<String>

    init(_ name: String = "orders", partitions: Int = 1, cluster: String = "c1") {
        self.name = name
        self.partitions = Mutex(Array(repeating: Partition(), count: partitions))
        clusterName = Mutex(cluster)
    }

    var cluster: String { clusterName.withLock { $0 } }

    func setCluster(_ name: String) { clusterName.withLock { $0 = name } }

    func change(_ body: (inout [Partition]) -> Void) { partitions.withLock { body(&$0) } }

    func read(_ partition: Int32) -> Partition? {
        partitions.withLock { $0.indices.contains(Int(partition)) ? $0[Int(partition)] : nil }
    }

    var count: Int { partitions.withLock { $0.count } }

    func append(_ value: String?, key: String? = nil, timeUs: Int64? = MemoryTopic.time, to partition: Int = 0) {
        partitions.withLock { partitions in
            let offset = partitions[partition].high
            partitions[partition].records.append(Record(offset: offset, timeUs: timeUs, key: key, value: value))
            partitions[partition].high = offset + 1
        }
    }

    static let time: Int64 = 1_767_225_600_000_000
}

/// One reader of it; at most `chunk` records a poll.
final class MemorySource: RecordSource {
    final class Chunk: RecordChunk {
        private let records: [(partition: Int32, record: MemoryTopic.Record)]
        let events: [KafkaEvent]
        private var memory: [UnsafeMutableBufferPointer<UInt8>] = []

        init(_ records: [(Int32, MemoryTopic.Record)], _ events: [KafkaEvent]) {
            self.records = records
            self.events = events
        }

        deinit { for bytes in memory { bytes.deallocate() } }

        var count: Int { records.count }

        func record(_ index: Int) -> KafkaRecord {
            let (partition, record) = records[index]
            return KafkaRecord(
                partition: partition,
                offset: record.offset,
                timeUs: record.timeUs,
                key: record.key.map(bytes),
                value: record.value.map(bytes)
            )
        }

        private func bytes(_ text: String) -> UnsafeBufferPointer<UInt8> {
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
            _ = copy.initialize(from: text.utf8)
            memory.append(copy)
            return UnsafeBufferPointer(copy)
        }
    }

    private let memory: MemoryTopic
    private let chunk: Int
    private var places: [Int32: Int64] = [:]
    private var ended: Set<Int32> = []

    init(_ memory: MemoryTopic, chunk: Int = 7) {
        self.memory = memory
        self.chunk = chunk
    }

    var topic: String { memory.name }
    func clusterID() -> String { memory.cluster }
    func partitions() throws(KafkaError) -> [Int32] { (0..<Int32(memory.count)).map { $0 } }

    func bounds(_ partition: Int32) throws(KafkaError) -> (low: Int64, high: Int64) {
        guard let found = memory.read(partition) else { throw .unknownTopic(topic, brokers: "memory") }
        return (found.low, found.high)
    }

    func offset(_ partition: Int32, atMs timeMs: Int64) throws(KafkaError) -> Int64? {
        memory.read(partition)?.records.first { ($0.timeUs ?? 0) >= timeMs * 1_000 }?.offset
    }

    func assign(_ offsets: [Int32: Int64]) throws(KafkaError) {
        places = offsets
        ended = []
    }

    func poll(waitMs: Int) -> Chunk {
        var taken: [(Int32, MemoryTopic.Record)] = []
        var events: [KafkaEvent] = []
        for (partition, place) in places.sorted(by: { $0.key < $1.key }) {
            guard let found = memory.read(partition) else { continue }
            if place < found.low || place > found.high {
                events.append(.outOfRange(partition: partition))
                continue
            }
            let records = found.records.filter { $0.offset >= place }.prefix(chunk)
            taken += records.map { (partition, $0) }
            if let last = records.last {
                places[partition] = last.offset + 1
                ended.remove(partition)
            }
            guard records.count < chunk, !ended.contains(partition) else { continue }
            places[partition] = found.high
            ended.insert(partition)
            events.append(.end(partition: partition, offset: found.high))
        }
        if taken.isEmpty, events.isEmpty, waitMs > 0 { Thread.sleep(forTimeInterval: Double(min(waitMs, 5)) / 1_000) }
        return Chunk(taken, events)
    }
}
