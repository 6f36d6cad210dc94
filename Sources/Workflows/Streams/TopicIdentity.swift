import Kafka
import Store

/// Whether a topic is still the one that a stream was read from, and has what comes next.
struct TopicIdentity<Source: RecordSource> {
    let stream: String
    let source: Source

    func place(_ partition: Int32) -> StreamError.Place {
        StreamError.Place(stream: stream, topic: source.topic, partition: partition)
    }

    /// By names.
    func check(
        _ positions: [Int32: StreamPosition],
        cluster: String,
        partitions: [Int32]
    ) throws(StreamError) {
        let gone = positions.keys.filter { !partitions.contains($0) }.sorted()
        for position in positions.values {
            let known = position.origin
            if known.topic != source.topic {
                throw .anotherTopic(stream: stream, known: known.topic, found: source.topic)
            }
            if !known.cluster.isEmpty, !cluster.isEmpty, known.cluster != cluster {
                throw .anotherCluster(stream: stream, known: known.cluster, found: cluster)
            }
        }
        guard gone.isEmpty else { throw .partitionsGone(stream: stream, topic: source.topic, gone) }
    }

    /// By offsets.
    /// - Parameter last: the newest record that was taken.
    /// - Returns: where to begin to read, and whether the record there is to be compared with `last`: not where the broker
    ///   no longer keeps it, which retention may do once it was read.
    func begin(
        _ partition: Int32,
        next: Int64,
        last: StreamMove.Last?,
        _ bounds: (low: Int64, high: Int64)
    ) throws(StreamError) -> (offset: Int64, isChecked: Bool) {
        guard bounds.low <= next else { throw .retentionLoss(place(partition), next: next, low: bounds.low) }
        guard next <= bounds.high else { throw .truncated(place(partition), next: next, high: bounds.high) }
        guard let last, last.offset >= bounds.low, last.offset < next else { return (next, false) }
        return (last.offset, true)
    }

    /// By the newest record that was taken.
    func check(_ record: KafkaRecord, _ last: StreamMove.Last) throws(StreamError) {
        guard record.digest != last.digest else { return }
        throw .recreated(place(record.partition), offset: record.offset)
    }
}

extension KafkaRecord {
    /// By which it is known again.
    var digest: [UInt8] { StreamIngestion.digest(key: key?.span, value: value?.span, timeUs: timeUs) }
}
