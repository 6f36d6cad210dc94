import Yams

/// Turns YAML nodes into definitions and collects what is wrong with them.
///
/// A part that is wrong is left out, and its name is kept as broken, so that nothing which refers to it is blamed too.
struct DefinitionsReader {
    /// A value of a mapping with the place of its key.
    struct Field {
        var name: String
        var key: Node
        var value: Node
        /// Which file it is in.
        var file: String
    }

    private(set) var issues: [DefinitionsError.Issue] = []
    /// The file that is being read.
    var file: String
    /// What other projects have applied: what the files do not define may be one of these.
    var others = Definitions()
    /// Where each name stands, as `file:line:column`.
    var places: [DefinitionChange.Subject: String] = [:]
    var entities: [EntityDefinition] = []
    var views: [ViewDefinition] = []
    var brokenEntities: Set<String> = []
    /// Views of which some feature, key or entity is wrong.
    var brokenViews: Set<String> = []
    var typing: any ExpressionTyping = NoExpressions()
    /// The text of each file, for places within its scalars.
    var sources: [String: String] = [:]

    init(file: String) { self.file = file }

    mutating func definitions(_ documents: [DefinitionsText.Document]) -> Definitions {
        for field in collected("entities", of: documents, "entity", DefinitionChange.Subject.entity) {
            file = field.file
            if let entity = entity(field) { entities.append(entity) } else { brokenEntities.insert(field.name) }
        }
        let viewFields = collected("views", of: documents, "view", DefinitionChange.Subject.view)
        let viewCount = count(viewFields, besides: others.views.map(\.name))
        if viewCount > DefinitionLimits.viewsMax, !viewFields.isEmpty {
            let withOthers = others.views.isEmpty ? "" : " with those of other projects"
            file = viewFields[0].file
            fault(at: viewFields[0].key, "\(viewCount) views\(withOthers); \(DefinitionLimits.viewsMax) are allowed")
            return Definitions()
        }
        // Window views are read behind the event views that they name.
        for field in viewFields.filter({ !isWindowView($0) }) + viewFields.filter({ isWindowView($0) }) {
            file = field.file
            let before = issues.count
            if let view = view(field) { views.append(view) }
            if issues.count > before { brokenViews.insert(field.name) }
        }
        let serviceFields = collected("services", of: documents, "service", DefinitionChange.Subject.service)
        let serviceCount = count(serviceFields, besides: others.services.map(\.name))
        if serviceCount > DefinitionLimits.servicesMax, !serviceFields.isEmpty {
            let withOthers = others.services.isEmpty ? "" : " with those of other projects"
            file = serviceFields[0].file
            fault(
                at: serviceFields[0].key,
                "\(serviceCount) services\(withOthers); \(DefinitionLimits.servicesMax) are allowed"
            )
            return Definitions()
        }
        var services: [ServiceDefinition] = []
        for field in serviceFields {
            file = field.file
            if let service = service(field) { services.append(service) }
        }
        let modelFields = collected("models", of: documents, "model", DefinitionChange.Subject.model)
        let modelCount = count(modelFields, besides: others.models.map(\.name))
        if modelCount > DefinitionLimits.modelsMax, !modelFields.isEmpty {
            file = modelFields[0].file
            fault(at: modelFields[0].key, "\(modelCount) models; \(DefinitionLimits.modelsMax) are allowed")
            return Definitions()
        }
        let brokenServices = Set(serviceFields.map(\.name)).subtracting(services.map(\.name))
        var models: [ModelDefinition] = []
        for field in modelFields {
            file = field.file
            if let model = model(field, services + others.services, broken: brokenServices) { models.append(model) }
        }
        let streamFields = collected("streams", of: documents, "stream", DefinitionChange.Subject.stream)
        let streamCount = count(streamFields, besides: others.streams.map(\.name))
        if streamCount > DefinitionLimits.streamsMax, !streamFields.isEmpty {
            file = streamFields[0].file
            fault(at: streamFields[0].key, "\(streamCount) streams; \(DefinitionLimits.streamsMax) are allowed")
            return Definitions()
        }
        var streams: [StreamDefinition] = []
        for field in streamFields {
            file = field.file
            if let stream = stream(field) { streams.append(stream) }
        }
        return Definitions(entities: entities, views: views, services: services, models: models, streams: streams)
    }

    private mutating func entity(_ field: Field) -> EntityDefinition? {
        let what = "entity '\(field.name)'"
        guard
            let parts = fields(of: field.value, what, known: ["key", "type"] + Self.annotationKeys)
        else { return nil }
        let key = parts["key"].flatMap { text($0.value, "the key of \(what)") }
        if parts["key"] == nil {
            fault(at: field.key, "\(what) has no key: the column that holds it, as in key: user_id")
        }
        if let key, let node = parts["key"]?.value { checkName(key, "key", at: node) }
        let type: KeyType? = choice(parts["type"], "the type of \(what)")
        if parts["type"] == nil { fault(at: field.key, "\(what) has no type; known: \(Self.list(KeyType.allCases))") }
        let notes = annotations(parts)
        guard let key, let type, Name.refusal(of: key) == nil else { return nil }
        return EntityDefinition(
            name: field.name,
            key: key,
            type: type,
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
    }
}

// MARK: Faults

extension DefinitionsReader {
    mutating func fault(at node: Node, _ message: String) {
        let mark = node.mark
        report(.init(line: mark?.line ?? 1, column: mark?.column ?? 1, message: message))
    }

    mutating func report(_ issue: DefinitionsError.Issue) {
        var issue = issue
        issue.file = file
        issues.append(issue)
    }

    mutating func checkName(_ name: String, _ kind: String, at node: Node) {
        guard let refusal = Name.refusal(of: name) else { return }
        fault(at: node, "the \(kind) name '\(name.oneLine)' \(refusal)")
    }
}

extension String {
    /// As a message quotes it: its first 60 characters, line ends and other control characters as blanks.
    var oneLine: String {
        let start = prefix(60)
        let scalars = start.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
        return String(String.UnicodeScalarView(scalars)) + (start.endIndex < endIndex ? "…" : "")
    }
}

// MARK: Nodes

extension DefinitionsReader {
    static let annotationKeys = ["description", "owner", "tags"]

    /// Whether nothing is written, or YAML's null: `~`, `null`.
    func isNull(_ node: Node) -> Bool {
        guard let scalar = node.scalar, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// "a mapping" and so on, for messages.
    func kind(of node: Node) -> String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar, .alias: isNull(node) ? "empty" : "a single value"
        }
    }

    /// The pairs of a mapping by key. Unknown keys, repeated keys and keys that are no text are faults.
    ///
    /// - Returns: `nil` where `node` is no mapping.
    mutating func fields(of node: Node, _ what: String, known: [String]) -> [String: Field]? {
        guard let fields = pairs(of: node, what) else { return nil }
        var byName: [String: Field] = [:]
        for field in fields {
            if known.contains(field.name) {
                byName[field.name] = field
            } else {
                let hint = Name.nearest(to: field.name, among: known).first.map { "; did you mean '\($0)'?" } ?? ""
                fault(
                    at: field.key,
                    "unknown key '\(field.name.oneLine)' in \(what)\(hint); known: \(known.joined(separator: ", "))"
                )
            }
        }
        return byName
    }

    /// The pairs of a mapping in file order, without repeated keys.
    mutating func pairs(of node: Node, _ what: String) -> [Field]? {
        guard case .mapping(let mapping) = node else {
            fault(at: node, "\(what) is \(kind(of: node)); expected a mapping of key: value")
            return nil
        }
        checkTag(node)
        var fields: [Field] = []
        var first: [String: Node] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                fault(at: key, "a key of \(what) is \(kind(of: key)); expected a name")
                continue
            }
            checkTag(key)
            guard isWithoutNUL(name, at: key, "a key of \(what)") else { continue }
            if name == "<<" {
                fault(at: key, "the YAML merge key '<<' is not understood; write out what it stands for")
                continue
            }
            if let mark = first[name]?.mark, let own = key.mark {
                report(YAMLDocument.duplicateKey(name.oneLine, at: own, first: mark))
            } else {
                first[name] = key
                fields.append(Field(name: name, key: key, value: value, file: file))
            }
        }
        return fields
    }

    /// The pairs of a section whose keys are names of ours; those with an illegal name are faults and left out.
    mutating func named(_ section: Field?, _ kind: String) -> [Field] {
        guard let section, !isNull(section.value), let fields = pairs(of: section.value, "'\(section.name)'") else {
            return []
        }
        return fields.filter { field in
            checkName(field.name, kind, at: field.key)
            return Name.refusal(of: field.name) == nil
        }
    }

    mutating func elements(of node: Node, _ what: String, example: String) -> [Node]? {
        guard case .sequence(let sequence) = node else {
            fault(at: node, "\(what) is \(kind(of: node)); expected a list, as in \(example)")
            return nil
        }
        checkTag(node)
        return Array(sequence)
    }

    /// A scalar as it is written, whatever YAML would make of it.
    mutating func text(_ node: Node, _ what: String, isNullAllowed: Bool = false) -> String? {
        guard let scalar = node.scalar, isNullAllowed || !isNull(node) else {
            fault(at: node, "\(what) is \(kind(of: node)); expected text")
            return nil
        }
        checkTag(node)
        guard isWithoutNUL(scalar.string, at: node, what) else { return nil }
        return scalar.string
    }

    /// PostgreSQL's text and JSON cannot hold U+0000, which YAML can spell as `"\0"`.
    private mutating func isWithoutNUL(_ text: String, at node: Node, _ what: String) -> Bool {
        guard text.utf8.contains(0) else { return true }
        fault(at: node, "\(what) contains U+0000, which PostgreSQL cannot store in text")
        return false
    }

    private mutating func checkTag(_ node: Node) {
        let tag: String =
            switch node {
            case .scalar(let scalar): scalar.tag.rawValue
            case .mapping(let mapping): mapping.tag.rawValue
            case .sequence(let sequence): sequence.tag.rawValue
            case .alias: ""
            }
        if tag.isEmpty || tag == "!" || tag.hasPrefix("tag:yaml.org,2002:") { return }
        fault(at: node, "the YAML tag '\(tag.oneLine)' is not understood; remove it")
    }

    mutating func bool(_ field: Field?, _ what: String, default standard: Bool) -> Bool {
        guard let field, !isNull(field.value) else { return standard }
        guard let text = text(field.value, what) else { return standard }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            fault(at: field.value, "\(what) is '\(text.oneLine)'; expected true or false")
            return standard
        }
    }

    mutating func interval(_ field: Field?, _ what: String) -> Interval? {
        parsed(field, what, expected: "an integer and a unit (us ms s m h d w), as in 30d") { Interval(text: $0) }
    }

    /// What a scalar's text means; `nil` where the key is absent or null, or its value is a fault.
    /// - Parameter expected: what the text has to be, for the fault.
    mutating func parsed<Parsed>(
        _ field: Field?,
        _ what: String,
        expected: String,
        _ parse: (String) -> Parsed?
    ) -> Parsed? {
        guard let field, !isNull(field.value), let text = text(field.value, what) else { return nil }
        if let parsed = parse(text) { return parsed }
        fault(at: field.value, "\(what) is '\(text.oneLine)'; expected \(expected)")
        return nil
    }

    /// One of an enum's raw values; `nil` where the key is absent or its value is a fault.
    mutating func choice<Choice>(_ field: Field?, _ what: String) -> Choice?
    where Choice: RawRepresentable<String> & CaseIterable {
        guard let field else { return nil }
        // `null` is one of the words here, so that no text is taken for nothing.
        let isWord = field.value.scalar.map { Choice(rawValue: $0.string) != nil } ?? false
        let text = isWord || !isNull(field.value) ? self.text(field.value, what, isNullAllowed: isWord) : ""
        guard let text else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let got = text.isEmpty ? "empty" : "'\(text.oneLine)'"
            fault(at: field.value, "\(what) is \(got); expected one of \(Self.list(Choice.allCases))")
            return nil
        }
        return choice
    }

    static func list<Choice: RawRepresentable<String>>(_ choices: some Collection<Choice>) -> String {
        choices.map(\.rawValue).joined(separator: ", ")
    }

    mutating func annotations(
        _ fields: [String: Field]
    ) -> (description: String?, owner: String?, tags: [String: String]) {
        let description = fields["description"].flatMap { isNull($0.value) ? nil : text($0.value, "the description") }
        let owner = fields["owner"].flatMap { isNull($0.value) ? nil : text($0.value, "the owner") }
        var tags: [String: String] = [:]
        if let field = fields["tags"], !isNull(field.value) {
            for pair in pairs(of: field.value, "'tags'") ?? [] {
                tags[pair.name] = text(pair.value, "the tag '\(pair.name.oneLine)'")
            }
        }
        return (description, owner, tags)
    }
}
