/// A stream: where records come from, and how they become rows of views.
package struct StreamDefinition: Hashable, Sendable, Codable {
    /// A topic of a broker that speaks Kafka's protocol.
    package struct Kafka: Hashable, Sendable, Codable {
        /// `host:port`, several with commas.
        package var brokers: String
        package var topic: String
        /// A file of the client's properties, `name=value` a line, from the folder on in which the stream is run: the place
        /// of secrets, which are in no definition.
        package var properties: String?

        package init(brokers: String, topic: String, properties: String? = nil) {
            self.brokers = brokers
            self.topic = topic
            self.properties = properties
        }
    }

    package enum Format: String, Hashable, Sendable, Codable, CaseIterable {
        /// One JSON object a record.
        case json
    }

    /// Where a stream begins whose topic was never read.
    package enum Start: Hashable, Sendable {
        case earliest
        case latest
        /// The first record with this time or a later one.
        case time(Timestamp)
    }

    package enum EventTime: Hashable, Sendable {
        /// The record's own: the producer's or the broker's, as the topic is set.
        case record
        /// A value; integers are of the unit.
        case path(StreamPath, unit: TimeUnit?)
    }

    package enum ErrorAction: String, Hashable, Sendable, Codable, CaseIterable {
        /// The stream stops at a record that cannot be stored, and names it.
        case stop
        /// Such a record is set aside with its reason, in the commit of its neighbours.
        case reject
    }

    /// Where a key or a feature comes from.
    package struct Mapping: Hashable, Sendable, Codable {
        /// A key or a feature of the views.
        package var column: String
        package var path: StreamPath

        package init(column: String, path: StreamPath) {
            self.column = column
            self.path = path
        }
    }

    package var name: String
    package var kafka: Kafka
    /// The views that each record is a row of, all in one commit; at least one, each once.
    package var into: [String]
    package var format: Format
    package var start: Start
    /// Of what is not named here, the path is `value.NAME`.
    package var map: [Mapping]
    package var eventTime: EventTime
    /// Whether a record without a value (a tombstone) deletes its key.
    package var deletesTombstones: Bool
    package var onError: ErrorAction
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package init(
        name: String,
        kafka: Kafka,
        into: [String],
        format: Format = .json,
        start: Start = .earliest,
        map: [Mapping] = [],
        eventTime: EventTime = .record,
        deletesTombstones: Bool = false,
        onError: ErrorAction = .stop,
        description: String? = nil,
        owner: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.kafka = kafka
        self.into = into
        self.format = format
        self.start = start
        self.map = map
        self.eventTime = eventTime
        self.deletesTombstones = deletesTombstones
        self.onError = onError
        self.description = description
        self.owner = owner
        self.tags = tags
    }

    /// Where a key or a feature of the views comes from.
    /// - Complexity: O(mappings).
    package func path(of column: String) -> StreamPath {
        map.first { $0.column == column }?.path ?? StreamPath(.value, [.member(column)])
    }
}

extension StreamDefinition.Start: Codable {
    package init?(text: String) {
        switch text {
        case "earliest": self = .earliest
        case "latest": self = .latest
        default:
            guard let time = try? Timestamp(text: text) else { return nil }
            self = .time(time)
        }
    }

    package var text: String {
        switch self {
        case .earliest: "earliest"
        case .latest: "latest"
        case .time(let time): time.text
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let start = Self(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no start of a stream")
        }
        self = start
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension StreamDefinition.EventTime: Codable {
    /// `timestamp`, or a path, behind which `unit ms` may stand.
    package init?(text: String) {
        if text == "timestamp" {
            self = .record
            return
        }
        var (path, unit) = (text[...], TimeUnit?.none)
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        if words.count >= 3, words[words.count - 2] == "unit" {
            guard let known = TimeUnit(rawValue: String(words[words.count - 1])) else { return nil }
            unit = known
            path = text[..<words[words.count - 3].endIndex]
        }
        guard let path = StreamPath(text: String(path)) else { return nil }
        self = .path(path, unit: unit)
    }

    package static let expected =
        "timestamp (the record's own) or a path with the unit of integers, as in value.ts unit ms"

    package var text: String {
        switch self {
        case .record: "timestamp"
        case .path(let path, let unit): path.text + (unit.map { " unit \($0.rawValue)" } ?? "")
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = Self(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no event time of a stream")
        }
        self = time
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
