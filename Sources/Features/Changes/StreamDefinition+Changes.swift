extension StreamDefinition {
    /// What applying this does to a store that has `old` under the name.
    func changes(from old: StreamDefinition?) -> [DefinitionChange] {
        guard let old else {
            return [
                .init(
                    .stream(name),
                    .added,
                    "topic \(kafka.topic) of \(kafka.brokers) into \(into.joined(separator: ", "))"
                )
            ]
        }
        var parts: [String] = []
        func compare(_ what: String, _ before: String, _ now: String) {
            if !Spelling.isSame(before, now) { parts.append("\(what) \(before) -> \(now)") }
        }
        compare("brokers", old.kafka.brokers, kafka.brokers)
        compare("topic", old.kafka.topic, kafka.topic)
        compare("properties", old.kafka.properties ?? "none", kafka.properties ?? "none")
        compare("into", old.into.joined(separator: ", "), into.joined(separator: ", "))
        compare("start", old.start.text, start.text)
        compare("event_time", old.eventTime.text, eventTime.text)
        compare("deleted", old.deletesTombstones ? "tombstone" : "none", deletesTombstones ? "tombstone" : "none")
        compare("on_error", old.onError.rawValue, onError.rawValue)
        compare("map", old.mapText, mapText)
        if let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags)) {
            parts.append(notes)
        }
        return parts.isEmpty ? [] : [.init(.stream(name), .changed, parts.joined(separator: "; "))]
    }

    private var mapText: String {
        map.isEmpty ? "none" : map.map { "\($0.column): \($0.path.text)" }.joined(separator: ", ")
    }
}
