/// The client's properties, as librdkafka names them: of a file, and of variables whose names begin with `ASOF_KAFKA_`.
///
/// Secrets stand there and nowhere else. What exactly-once reading hangs on is not for them to set.
package struct KafkaProperties: Sendable, Hashable {
    package struct Property: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    /// In the order given; of one name the last counts.
    package private(set) var all: [Property] = []

    package init() {}

    /// `name=value` a line, as librdkafka's and Java's clients have it; `#` and `!` begin comments.
    /// - Parameter file: its name, for messages, which never show values.
    package init(text: String, file: String) throws(KafkaError) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = Self.trimmed(line)
            guard let first = line.first, first != "#", first != "!" else { continue }
            guard let sign = line.firstIndex(of: "="), sign > line.startIndex else {
                throw .properties("\(file):\(index + 1): expected name=value, got '\(Self.shown(line))'")
            }
            let name = String(Self.trimmed(line[..<sign]))
            let value = String(Self.trimmed(line[line.index(after: sign)...]))
            try add(name, value, "\(file):\(index + 1)")
        }
    }

    /// Adds `ASOF_KAFKA_SASL_PASSWORD` as `sasl.password` and its like; they count more than what was said before.
    package mutating func add(_ environment: [String: String]) throws(KafkaError) {
        for (variable, value) in environment.sorted(by: { $0.key < $1.key }) where variable.hasPrefix(Self.prefix) {
            let name = variable.dropFirst(Self.prefix.count).lowercased().replacing("_", with: ".")
            try add(name, value, variable)
        }
    }

    private static let prefix = "ASOF_KAFKA_"

    private mutating func add(_ name: String, _ value: String, _ place: String) throws(KafkaError) {
        if let reason = Self.refused[name] { throw .refusedProperty(name: name, place: place, reason: reason) }
        all.removeAll { $0.name == name }
        all.append(Property(name: name, value: value))
    }

    private static let offsets = "offsets are kept by the store, in the transaction of the rows"
    private static let definition = "it is in the stream's definition"

    private static let refused = [
        "auto.offset.reset": "a missing offset is an error here, never a reason to skip records; see `start`",
        "bootstrap.servers": definition,
        "enable.auto.commit": offsets,
        "enable.auto.offset.store": offsets,
        "enable.partition.eof": "where a partition ends is what 'caught up' is told by",
        "isolation.level": "records of transactions that were aborted are never read",
        "metadata.broker.list": definition,
        "plugin.library.paths": "no code is loaded that properties name",
    ]

    /// What exactly-once reading is set to, whatever else is said.
    static let fixed = [
        Property(name: "auto.offset.reset", value: "error"),
        Property(name: "enable.auto.commit", value: "false"),
        Property(name: "enable.auto.offset.store", value: "false"),
        Property(name: "enable.partition.eof", value: "true"),
        Property(name: "isolation.level", value: "read_committed"),
        Property(name: "allow.auto.create.topics", value: "false"),
    ]

    /// Without what may be a secret: at most the part before a blank.
    private static func shown(_ line: Substring) -> Substring { line.prefix { !$0.isWhitespace }.prefix(40) }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
