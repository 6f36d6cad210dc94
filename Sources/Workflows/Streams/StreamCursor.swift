import Kafka
import Store

/// How far one partition is read.
struct StreamCursor {
    /// Where the store stands.
    var next: Int64
    /// Where this process stands: what lies between is in the batch that is not stored yet.
    var read: Int64
    /// The record by which the topic is known again, until it has come.
    var unchecked: StreamMove.Last?
    /// Where a run with an end ends; `nil` = it does not.
    var limit: Int64?
    /// Whether nothing is behind ``read``, as far as is known.
    var isAtEnd = false

    init(next: Int64) {
        self.next = next
        read = next
    }

    /// Whether a run up to ``limit`` is done with the partition.
    var hasReachedLimit: Bool {
        guard let limit else { return isAtEnd }
        return read >= limit || isAtEnd
    }
}

/// Records that are read and not stored yet, in the library's memory.
struct StreamBatch<Chunk: RecordChunk> {
    private var chunks: [Chunk] = []
    private var places: [Int32: [(chunk: Int32, index: Int32)]] = [:]
    private(set) var count = 0
    private(set) var byteCount = 0
    private(set) var begun: ContinuousClock.Instant?

    mutating func begin(_ chunk: Chunk) { chunks.append(chunk) }

    /// Takes a record of the chunk that was begun last.
    mutating func append(_ index: Int, _ record: KafkaRecord) {
        if begun == nil { begun = .now }
        places[record.partition, default: []].append((Int32(chunks.count - 1), Int32(index)))
        count += 1
        byteCount += (record.key?.count ?? 0) + (record.value?.count ?? 0)
    }

    /// By partition, then offset: so ties of one batch are decided alike however records came.
    var records: [KafkaRecord] {
        places.sorted { $0.key < $1.key }.flatMap { _, places in
            places.map { chunks[Int($0.chunk)].record(Int($0.index)) }
        }
    }

    func last(of partition: Int32) -> KafkaRecord? {
        places[partition]?.last.map { chunks[Int($0.chunk)].record(Int($0.index)) }
    }

    /// Forgets a partition's records from an offset on.
    mutating func cut(_ partition: Int32, from offset: Int64) {
        let kept = (places[partition] ?? []).prefix { chunks[Int($0.chunk)].record(Int($0.index)).offset < offset }
        count -= (places[partition] ?? []).count - kept.count
        places[partition] = Array(kept)
    }
}
