extension ModelDefinition {
    /// What applying this does to a store that has `old` under the name: its versions stay as they are.
    func changes(from old: ModelDefinition?) -> [DefinitionChange] {
        guard let old else {
            return [.init(.model(name), .added, "\(task.rawValue) \(label) from \(service), \(algorithm.rawValue)")]
        }
        if task != old.task {
            return [
                .init(
                    .model(name),
                    .changed,
                    .refused,
                    "task \(old.task.rawValue) -> \(task.rawValue)",
                    wayOut: "its versions answer another question: choose another name"
                )
            ]
        }
        var parts: [String] = []
        func compare(_ what: String, _ before: String, _ now: String) {
            if !Spelling.isSame(before, now) { parts.append("\(what) \(before) -> \(now)") }
        }
        compare("service", old.service, service)
        compare("label", old.label, label)
        compare("label_delay", old.labelDelay.text, labelDelay.text)
        compare("fallback", old.fallback.text, fallback.text)
        compare("algorithm", old.algorithmText, algorithmText)
        compare("log", old.logText, logText)
        compare("encode", old.encodeText, encodeText)
        compare("collisions", "\(old.collisions)%", "\(collisions)%")
        compare("labels", old.labelsText, labelsText)
        compare("publish", old.publishText, publishText)
        if let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags)) {
            parts.append(notes)
        }
        return parts.isEmpty ? [] : [.init(.model(name), .changed, parts.joined(separator: "; "))]
    }

    private var algorithmText: String {
        let settings = parameters.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
        return algorithm.rawValue + settings.joined()
    }

    private var labelsText: String {
        labels.map { "\($0.view).\($0.value) at \($0.at ?? "the event time")" } ?? "none"
    }

    private var publishText: String { "every \(publish.every.text), kept \(publish.keep.text)" }

    private var encodeText: String {
        if encode.isEmpty { return "none" }
        return encode.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.text)" }.joined(separator: ", ")
    }
}
