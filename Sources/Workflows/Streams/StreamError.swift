import Features

/// Why a stream is not read any further.
package enum StreamError: Error, Sendable, Hashable {
    /// Records before `low` are no longer kept, and `next` is older.
    case retentionLoss(Place, next: Int64, low: Int64)
    /// The record by which the topic is known is another one.
    case recreated(Place, offset: Int64)
    /// The partition ends before what was read of it.
    case truncated(Place, next: Int64, high: Int64)
    /// Partitions that were read are not there.
    case partitionsGone(stream: String, topic: String, [Int32])
    case anotherCluster(stream: String, known: String, found: String)
    case anotherTopic(stream: String, known: String, found: String)
    case badRecord(Place, offset: Int64, reason: String)
    case tooManyRejects(stream: String, rejects: Int, last: Place, offset: Int64, reason: String)
    /// Another process was faster time and again.
    case outrun(stream: String, writer: String)
    case broker(stream: String, String)

    package struct Place: Sendable, Hashable {
        package var stream: String
        package var topic: String
        package var partition: Int32

        package init(stream: String, topic: String, partition: Int32) {
            self.stream = stream
            self.topic = topic
            self.partition = partition
        }

        var text: String { "stream '\(stream)': partition \(partition) of topic '\(topic)'" }
    }
}

extension StreamError: CustomStringConvertible {
    private static let startOver = "nothing was stored. To read it from its start, give the stream another name"

    package var description: String {
        switch self {
        case .retentionLoss(let place, let next, let low):
            "\(place.text): records \(next) to \(low - 1) are lost: the broker no longer keeps them (retention), and they were "
                + "not read yet; \(Self.startOver), and see to it that the broker keeps records longer than the stream is down"
        case .recreated(let place, let offset):
            "\(place.text): the record at offset \(offset) is not the one that was read there: another topic stands under this "
                + "name; \(Self.startOver)"
        case .truncated(let place, let next, let high):
            "\(place.text): it ends at offset \(high) and was read up to \(next): its end was cut off (an unclean election, a "
                + "restored broker), or the topic was made anew; \(Self.startOver)"
        case .partitionsGone(let stream, let topic, let partitions):
            "stream '\(stream)': topic '\(topic)' no longer has partition "
                + "\(partitions.map(String.init).joined(separator: ", ")), which was read: it was made anew with fewer; "
                + Self.startOver
        case .anotherCluster(let stream, let known, let found):
            "stream '\(stream)': it was read from the cluster '\(known)', and its brokers are now of '\(found)'; offsets of one "
                + "mean nothing in the other; \(Self.startOver)"
        case .anotherTopic(let stream, let known, let found):
            "stream '\(stream)': it was read from the topic '\(known)' and is now of '\(found)'; \(Self.startOver)"
        case .badRecord(let place, let offset, let reason):
            "\(place.text), offset \(offset): \(reason). Records before it are stored, and the stream goes on with it; mend the "
                + "definition, or set such records aside by on_error: reject"
        case .tooManyRejects(let stream, let rejects, let last, let offset, let reason):
            "stream '\(stream)': \(rejects) of its last records could not be stored, more than 1 % of "
                + "\(WorkflowLimits.streamRejectWindowRecords): that is no bad record, but a wrong definition. The last one: "
                + "partition \(last.partition), offset \(offset): \(reason). Nothing of this batch is stored"
        case .outrun(let stream, let writer):
            "stream '\(stream)': \(writer.isEmpty ? "another process" : writer) stored its records first "
                + "\(WorkflowLimits.streamLostBatchesMax) times in a row; it goes on, this one has stopped"
        case .broker(let stream, let text): "stream '\(stream)': the broker says: \(text)"
        }
    }
}
