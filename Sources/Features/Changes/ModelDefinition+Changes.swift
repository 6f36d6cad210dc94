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
        compare("algorithm", old.algorithm.rawValue, algorithm.rawValue)
        compare("encode", old.encodeText, encodeText)
        if let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags)) {
            parts.append(notes)
        }
        return parts.isEmpty ? [] : [.init(.model(name), .changed, parts.joined(separator: "; "))]
    }

    private var encodeText: String {
        if encode.isEmpty { return "none" }
        return encode.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.text)" }.joined(separator: ", ")
    }
}
