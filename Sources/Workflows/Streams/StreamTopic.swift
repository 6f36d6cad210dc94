import Features
import Foundation
import Kafka

/// Opens the topics of streams.
struct StreamTopic {
    private let library: KafkaLibrary
    private let environment: [String: String]

    /// - Parameter environment: with `ASOF_LIBRDKAFKA` and `ASOF_KAFKA_*`.
    init(_ environment: [String: String]) throws(KafkaError) {
        library = try KafkaLibrary(environment)
        self.environment = environment
    }

    /// A file of properties is looked for from the process's folder on.
    func open(_ stream: StreamDefinition) throws(KafkaError) -> KafkaConsumer {
        var properties = KafkaProperties()
        if let file = stream.kafka.properties {
            let text: String
            do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
                throw .properties(
                    "stream '\(stream.name)': its file of properties '\(file)' cannot be read: \(error.localizedDescription)"
                )
            }
            properties = try KafkaProperties(text: text, file: file)
        }
        try properties.add(environment)
        return try KafkaConsumer(
            library,
            brokers: stream.kafka.brokers,
            topic: stream.kafka.topic,
            group: "asof-\(stream.name)",
            properties: properties,
            chunkRecordsMax: WorkflowLimits.streamChunkRecordsMax
        )
    }
}
