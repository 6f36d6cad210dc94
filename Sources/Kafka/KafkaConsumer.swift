import CKafka

/// The library's client, which ends when nothing of what it gave is in use any more.
final class KafkaClient {
    let library: KafkaLibrary
    let handle: OpaquePointer
    let log: OpaquePointer

    var functions: asof_kafka { library.functions }

    init(_ library: KafkaLibrary, _ properties: [KafkaProperties.Property]) throws(KafkaError) {
        self.library = library
        let functions = library.functions
        log = asof_kafka_log_new()
        let conf = functions.conf_new()
        var error = [CChar](repeating: 0, count: 512)
        for property in properties
        where functions.conf_set(conf, property.name, property.value, &error, error.count) != ASOF_KAFKA_CONF_OK {
            functions.conf_destroy(conf)
            asof_kafka_log_free(log)
            throw .configuration("\(property.name): \(KafkaLibrary.text(error))")
        }
        var table = functions
        asof_kafka_keep_log(&table, conf, log)
        guard let handle = functions.create(Int32(ASOF_KAFKA_CONSUMER), conf, &error, error.count) else {
            functions.conf_destroy(conf)
            asof_kafka_log_free(log)
            throw .configuration(KafkaLibrary.text(error))
        }
        self.handle = handle
        _ = functions.poll_set_consumer(handle)
    }

    /// Without leaving a group, in which it never is.
    deinit {
        functions.destroy_flags(handle, 0x8)
        asof_kafka_log_free(log)
    }
}

/// Reads committed records of one topic, at offsets that its caller keeps; it commits none and joins no group.
///
/// To be used by one thread at a time. Every call waits at most for the time that it is given or says.
package final class KafkaConsumer {
    private let client: KafkaClient
    private let brokers: String
    package let topic: String
    private let queue: OpaquePointer
    private var buffer: [UnsafeMutablePointer<asof_kafka_message>?]

    private var functions: asof_kafka { client.library.functions }

    /// Opens a client; nothing is asked of a broker yet.
    /// - Parameters:
    ///   - group: the name that brokers see; a `group.id` of the properties comes before it.
    ///   - chunkRecordsMax: of one poll.
    package init(
        _ library: KafkaLibrary,
        brokers: String,
        topic: String,
        group: String,
        properties: KafkaProperties,
        chunkRecordsMax: Int
    ) throws(KafkaError) {
        self.brokers = brokers
        self.topic = topic
        let defaults = [
            KafkaProperties.Property(name: "client.id", value: "asof"),
            KafkaProperties.Property(name: "group.id", value: group),
            KafkaProperties.Property(name: "queued.max.messages.kbytes", value: "65536"),
        ]
        let given = KafkaProperties.Property(name: "bootstrap.servers", value: brokers)
        client = try KafkaClient(library, defaults + properties.all + KafkaProperties.fixed + [given])
        guard let queue = client.functions.queue_get_consumer(client.handle) else { throw .broker("no queue") }
        self.queue = queue
        buffer = Array(repeating: nil, count: chunkRecordsMax)
    }

    deinit { functions.queue_destroy(queue) }

    private static let answerMs: Int32 = 15_000

    /// The broker's own name of its cluster; empty where it tells none.
    package func clusterID() -> String {
        guard let text = functions.cluster_id(client.handle, Self.answerMs) else { return "" }
        defer { functions.mem_free(client.handle, text) }
        return String(cString: text)
    }

    /// The topic's partitions, ascending.
    package func partitions() throws(KafkaError) -> [Int32] {
        let named = functions.topic_new(client.handle, topic, nil)
        guard let named else { throw .broker("no topic '\(topic)'") }
        defer { functions.topic_destroy(named) }
        var metadata: UnsafePointer<asof_kafka_metadata>?
        let code = functions.metadata(client.handle, 0, named, &metadata, Self.answerMs)
        guard code == 0, let metadata else { throw failure(code) }
        defer { functions.metadata_destroy(metadata) }
        guard metadata.pointee.topic_count == 1 else { throw .unknownTopic(topic, brokers: brokers) }
        let found = metadata.pointee.topics[0]
        guard found.err == 0 else { throw failure(found.err) }
        guard found.partition_count > 0 else { throw .unknownTopic(topic, brokers: brokers) }
        return (0..<Int(found.partition_count)).map { found.partitions[$0].id }.sorted()
    }

    /// Where a partition's records begin, and where those end that are committed.
    package func bounds(_ partition: Int32) throws(KafkaError) -> (low: Int64, high: Int64) {
        var (low, high): (Int64, Int64) = (0, 0)
        let code = functions.query_watermark_offsets(client.handle, topic, partition, &low, &high, Self.answerMs)
        guard code == 0 else { throw failure(code) }
        return (low, high)
    }

    /// The first offset of a partition with this time or a later one; `nil` = there is none.
    /// - Parameter timeMs: since 1970-01-01 UTC.
    package func offset(_ partition: Int32, atMs timeMs: Int64) throws(KafkaError) -> Int64? {
        guard let list = functions.partitions_new(1) else { throw .broker("no memory") }
        defer { functions.partitions_destroy(list) }
        guard let place = functions.partitions_add(list, topic, partition) else { throw .broker("no memory") }
        place.pointee.offset = timeMs
        let code = functions.offsets_for_times(client.handle, list, Self.answerMs)
        guard code == 0 else { throw failure(code) }
        guard place.pointee.err == 0 else { throw failure(place.pointee.err) }
        return place.pointee.offset < 0 ? nil : place.pointee.offset
    }

    /// Reads from these offsets on, and nothing else; what was read ahead is forgotten.
    package func assign(_ offsets: [Int32: Int64]) throws(KafkaError) {
        _ = functions.assign(client.handle, nil)
        guard let list = functions.partitions_new(Int32(offsets.count)) else { throw .broker("no memory") }
        defer { functions.partitions_destroy(list) }
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            functions.partitions_add(list, topic, partition)?.pointee.offset = offset
        }
        let code = functions.assign(client.handle, list)
        guard code == 0 else { throw failure(code) }
    }

    /// What has come: at once where something is there, else once it comes, at the latest after the time.
    package func poll(waitMs: Int) -> KafkaChunk {
        var count = 0
        if let first = functions.consumer_poll(client.handle, Int32(clamping: waitMs)) {
            buffer[0] = first
            count = 1
            let room = buffer.count - 1
            // Safe: the library writes at most `room` pointers behind the first.
            let more = buffer.withUnsafeMutableBufferPointer { buffer in
                functions.consume_batch_queue(queue, 0, buffer.baseAddress.map { $0 + 1 }, room)
            }
            count += max(0, more)
        }
        var messages: [UnsafeMutablePointer<asof_kafka_message>] = []
        messages.reserveCapacity(count)
        var events: [KafkaEvent] = []
        for index in 0..<count {
            guard let message = buffer[index] else { continue }
            buffer[index] = nil
            guard message.pointee.err != 0 else {
                messages.append(message)
                continue
            }
            if let event = event(message.pointee) { events.append(event) }
            functions.message_destroy(message)
        }
        return KafkaChunk(client, messages, events: events)
    }

    /// - Returns: `nil` where the library goes on by itself, as it does while a broker is away.
    private func event(_ message: asof_kafka_message) -> KafkaEvent? {
        switch message.err {
        case Int32(ASOF_KAFKA_PARTITION_EOF): return .end(partition: message.partition, offset: message.offset)
        case Int32(ASOF_KAFKA_AUTO_OFFSET_RESET): return .outOfRange(partition: message.partition)
        case Int32(ASOF_KAFKA_TRANSPORT), Int32(ASOF_KAFKA_ALL_BROKERS_DOWN), Int32(ASOF_KAFKA_TIMED_OUT):
            return nil
        default:
            // Safe: the library keeps so many bytes until the message is destroyed.
            let text = message.payload.map {
                String(decoding: UnsafeRawBufferPointer(start: $0, count: message.len), as: UTF8.self)
            }
            return .failed("\(client.library.text(ofError: message.err))\(text.map { " (\($0))" } ?? "")")
        }
    }

    private func failure(_ code: Int32) -> KafkaError {
        switch code {
        case Int32(ASOF_KAFKA_TIMED_OUT), Int32(ASOF_KAFKA_ALL_BROKERS_DOWN), Int32(ASOF_KAFKA_TRANSPORT):
            return .unreachable(brokers: brokers, seconds: Int(Self.answerMs / 1_000), reason: logged)
        // 3 = UNKNOWN_TOPIC_OR_PARTITION, 29 = TOPIC_AUTHORIZATION_FAILED: by the protocol.
        case Int32(ASOF_KAFKA_UNKNOWN_TOPIC), Int32(ASOF_KAFKA_UNKNOWN_PARTITION), 3, 29:
            return .unknownTopic(topic, brokers: brokers)
        default: return .broker(client.library.text(ofError: code))
        }
    }

    /// The newest error that the library logged.
    package var logged: String {
        var text = [CChar](repeating: 0, count: 512)
        asof_kafka_log_text(client.log, &text, text.count)
        return KafkaLibrary.text(text)
    }
}
