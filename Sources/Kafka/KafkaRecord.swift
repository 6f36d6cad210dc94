import CKafka

/// A record of a topic, in memory of others: valid as long as the chunk that it is from.
package struct KafkaRecord {
    package var partition: Int32
    package var offset: Int64
    /// µs since 1970-01-01 UTC; `nil` = the record has none.
    package var timeUs: Int64?
    /// `nil` = none, which differs from an empty one.
    package var key: UnsafeBufferPointer<UInt8>?
    /// `nil` = a tombstone.
    package var value: UnsafeBufferPointer<UInt8>?

    package init(
        partition: Int32,
        offset: Int64,
        timeUs: Int64?,
        key: UnsafeBufferPointer<UInt8>?,
        value: UnsafeBufferPointer<UInt8>?
    ) {
        self.partition = partition
        self.offset = offset
        self.timeUs = timeUs
        self.key = key
        self.value = value
    }
}

/// What came of a partition beside records.
package enum KafkaEvent: Sendable, Hashable {
    /// There are no committed records behind this offset now.
    case end(partition: Int32, offset: Int64)
    /// The offset asked for is not there: older than what is kept, or behind the end.
    case outOfRange(partition: Int32)
    /// What the library cannot mend by itself.
    case failed(String)
}

/// Records that came together; they stay in the library's memory until it is freed.
package final class KafkaChunk {
    private let client: KafkaClient
    private let messages: [UnsafeMutablePointer<asof_kafka_message>]
    package let events: [KafkaEvent]

    init(
        _ client: KafkaClient,
        _ messages: [UnsafeMutablePointer<asof_kafka_message>],
        events: [KafkaEvent]
    ) {
        self.client = client
        self.messages = messages
        self.events = events
    }

    deinit { for message in messages { client.functions.message_destroy(message) } }

    package var count: Int { messages.count }

    /// Of one partition ascending by offset.
    package func record(_ index: Int) -> KafkaRecord {
        let message = messages[index]
        var type: Int32 = 0
        let time = client.functions.message_timestamp(message, &type)
        return KafkaRecord(
            partition: message.pointee.partition,
            offset: message.pointee.offset,
            // Times beyond what µs hold count as outside of what can be stored.
            timeUs: type == 0 || time < 0
                ? nil : time.multipliedReportingOverflow(by: 1_000).overflow ? .max : time * 1_000,
            key: Self.bytes(message.pointee.key, message.pointee.key_len),
            value: Self.bytes(message.pointee.payload, message.pointee.len)
        )
    }

    /// Safe: the library keeps so many bytes until the message is destroyed.
    private static func bytes(_ pointer: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeBufferPointer<UInt8>? {
        pointer.map { UnsafeBufferPointer(start: UnsafePointer($0.assumingMemoryBound(to: UInt8.self)), count: count) }
    }
}
