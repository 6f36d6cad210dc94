/// What went wrong with a broker of Kafka's protocol, or with the library that speaks it.
package enum KafkaError: Error, Sendable, Hashable {
    /// There is no library, or it cannot be opened.
    case missingLibrary(String)
    /// A property that is not the user's to set.
    case refusedProperty(name: String, place: String, reason: String)
    /// A file of properties, or a line of it, that says nothing.
    case properties(String)
    /// What the library says of a property.
    case configuration(String)
    /// No broker answered in time; with the newest reason that the library gave.
    case unreachable(brokers: String, seconds: Int, reason: String)
    case unknownTopic(String, brokers: String)
    /// The broker's answer to a question about the topic, or to a read of it.
    case broker(String)
}

extension KafkaError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missingLibrary(let reason):
            "Kafka streams need librdkafka, which cannot be opened: \(reason); install it (apt install librdkafka1), or name "
                + "one in ASOF_LIBRDKAFKA"
        case .refusedProperty(let name, let place, let reason): "\(place): '\(name)' is not to be set: \(reason)"
        case .properties(let text): text
        case .configuration(let text): "librdkafka refuses a property: \(text)"
        case .unreachable(let brokers, let seconds, let reason):
            "no broker of \(brokers) answered within \(seconds) s\(reason.isEmpty ? "" : ": \(reason)"); check the address, that "
                + "the broker runs, and its TLS and SASL properties"
        case .unknownTopic(let topic, let brokers):
            "\(brokers) has no topic '\(topic)', or this user may not see it; check its name and rights to DESCRIBE and READ it"
        case .broker(let text): "the broker says: \(text)"
        }
    }
}
