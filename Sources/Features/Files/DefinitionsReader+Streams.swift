import Yams

/// The section `streams`.
extension DefinitionsReader {
    /// What descriptions of streams elsewhere have, and this version does not.
    private static let absentKeys = [
        (name: "postgres", way: "read a database by `asof materialize`, or its changes from a topic of Kafka"),
        (
            name: "kinesis",
            way: "copy the stream to a topic of Kafka, or write its records by FS.WRITE with SOURCE and SEQ"
        ),
        (name: "tables", way: "it belongs to postgres, which is not there either"),
        (name: "where", way: "filter before the topic, or write by FS.WRITE with SOURCE and SEQ"),
        (name: "registry", way: "records are JSON without a schema"),
        (name: "schema", way: "records are JSON without a schema"),
    ]
    private static let absentFormats = ["avro", "csv", "debezium", "lines", "protobuf"]

    private mutating func checkFormat(_ field: Field?, _ what: String) {
        guard let field, case .scalar(let scalar) = field.value, Self.absentFormats.contains(scalar.string) else {
            return
        }
        fault(
            at: field.value,
            "\(what): this version of asof reads JSON alone, no \(scalar.string); convert the topic, or write its records by "
                + "FS.WRITE with SOURCE and SEQ"
        )
    }

    /// - Returns: `nil` where the stream has a fault.
    mutating func stream(_ field: Field) -> StreamDefinition? {
        let what = "stream '\(field.name)'"
        let before = issues.count
        let known = DefinitionKeys.stream.names + Self.absentKeys.map(\.name)
        guard let parts = fields(of: field.value, what, known: known) else { return nil }
        for (name, way) in Self.absentKeys {
            if let part = parts[name] { fault(at: part.key, "\(what): this version of asof has no '\(name)'; \(way)") }
        }
        checkFormat(parts["format"], what)
        guard issues.count == before else { return nil }
        let kafka = kafka(parts["kafka"], what, at: field.key)
        let into = streamViews(parts["into"], what, at: field.key)
        let format: StreamDefinition.Format? = choice(parts["format"], "the format of \(what)")
        let start = parsed(
            parts["start"],
            "the start of \(what)",
            expected: "earliest, latest or a time in RFC 3339, as in 2026-01-31T00:00:00Z"
        ) { StreamDefinition.Start(text: $0) }
        let eventTime = parsed(
            parts["event_time"],
            "the event_time of \(what)",
            expected: StreamDefinition.EventTime.expected
        ) { StreamDefinition.EventTime(text: $0) }
        let deletes: TombstoneMark? = choice(parts["deleted"], "'deleted' of \(what)")
        let onError: StreamDefinition.ErrorAction? = choice(parts["on_error"], "the on_error of \(what)")
        let notes = annotations(parts)
        guard let kafka, issues.count == before else { return nil }
        var stream = StreamDefinition(
            name: field.name,
            kafka: kafka,
            into: into.map(\.name),
            format: format ?? .json,
            start: start ?? .earliest,
            eventTime: eventTime ?? .record,
            deletesTombstones: deletes != nil,
            onError: onError ?? .stop,
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
        stream.map = mappings(parts["map"], what, into)
        if stream.deletesTombstones { checkTombstones(stream, into, what, at: parts["deleted"]?.key ?? field.key) }
        return issues.count == before ? stream : nil
    }

    /// What may stand behind `deleted`.
    private enum TombstoneMark: String, CaseIterable {
        case tombstone
    }

    private mutating func kafka(_ field: Field?, _ what: String, at node: Node) -> StreamDefinition.Kafka? {
        guard let field else {
            fault(at: node, "\(what) has no source, as in kafka: { brokers: \"localhost:9092\", topic: orders }")
            return nil
        }
        let what = "'kafka' of \(what)"
        guard let parts = fields(of: field.value, what, known: DefinitionKeys.kafka.names) else { return nil }
        func given(_ name: String) -> String? {
            guard let part = parts[name] else {
                fault(at: field.key, "\(what) has no \(name)")
                return nil
            }
            return text(part.value, "'\(name)' of \(what)")
        }
        let brokers = given("brokers")
        let topic = given("topic")
        let properties = parts["properties"].flatMap { text($0.value, "'properties' of \(what)") }
        guard let brokers, let topic else { return nil }
        guard !brokers.isEmpty, !topic.isEmpty else {
            fault(at: field.key, "brokers and topic of \(what) are not to be empty")
            return nil
        }
        return StreamDefinition.Kafka(brokers: brokers, topic: topic, properties: properties)
    }

    /// The views that a stream fills.
    private mutating func streamViews(_ field: Field?, _ what: String, at node: Node) -> [ViewDefinition] {
        guard let field else {
            fault(at: node, "\(what) has no view to fill, as in into: purchases")
            return []
        }
        let nodes: [Node] =
            if case .sequence(let sequence) = field.value { Array(sequence) } else { [field.value] }
        if nodes.isEmpty { fault(at: field.value, "'into' of \(what) is empty") }
        var views: [ViewDefinition] = []
        for node in nodes {
            guard let name = text(node, "'into' of \(what)") else { continue }
            guard let view = knownView(named: name) else {
                if !brokenViews.contains(name) {
                    let hint = Name.hint(for: name, among: knownViewNames)
                    fault(at: node, "\(what) fills the view '\(name.oneLine)', which there is not\(hint)")
                }
                continue
            }
            if views.contains(where: { $0.name == name }) {
                fault(at: node, "'into' of \(what) has '\(name)' twice")
            } else if view.source != nil {
                fault(at: node, "\(what) fills the view '\(name)', which is filled from SQL: it has a source")
            } else if let windows = view.windows {
                fault(
                    at: node,
                    "\(what) fills the view '\(name)', whose values are computed over the events of '\(windows.of)': fill that one"
                )
            } else if let model = view.scoresOf {
                fault(
                    at: node,
                    "\(what) fills the view '\(name)', which has the scores of the model '\(model)': `asof score` fills it"
                )
            } else {
                views.append(view)
            }
        }
        return views
    }

    private mutating func mappings(
        _ field: Field?,
        _ what: String,
        _ views: [ViewDefinition]
    ) -> [StreamDefinition.Mapping] {
        guard let field, !isNull(field.value) else { return [] }
        let known = views.flatMap { $0.keys.map(\.name) + $0.features.map(\.name) }
        var mappings: [StreamDefinition.Mapping] = []
        for pair in pairs(of: field.value, "'map' of \(what)") ?? [] {
            guard known.contains(pair.name) else {
                fault(
                    at: pair.key,
                    "'map' of \(what) names '\(pair.name.oneLine)', which is no key and no feature of "
                        + "\(views.map(\.name).joined(separator: ", "))\(Name.hint(for: pair.name, among: known))"
                )
                continue
            }
            let path = parsed(pair, "'\(pair.name)' in 'map' of \(what)", expected: StreamPath.expected) {
                StreamPath(text: $0)
            }
            if let path { mappings.append(StreamDefinition.Mapping(column: pair.name, path: path)) }
        }
        return mappings
    }

    /// A record without a value has its entity in its key, or nowhere.
    private mutating func checkTombstones(
        _ stream: StreamDefinition,
        _ views: [ViewDefinition],
        _ what: String,
        at node: Node
    ) {
        // An event is known by its id beside its key.
        let names = views.flatMap { view in view.keys.map(\.name) + [view.events?.id].compactMap(\.self) }
        for name in names where stream.path(of: name).root == .value {
            fault(
                at: node,
                "\(what) deletes by tombstones, which have no value; so '\(name)' is to come from the record's key, as in "
                    + "map: { \(name): \(names.count > 1 ? "key.\(name)" : "key") }"
            )
            return
        }
    }
}
