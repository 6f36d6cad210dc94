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
    /// What features of the files say that they were called before.
    var renames: [FeatureRename] = []
    /// What features of the store were called before.
    var former: [FeatureRename] = []
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
            let parts = fields(of: field.value, what, known: DefinitionKeys.entity.names)
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
    /// As a message quotes it.
    var oneLine: String { onOneLine(60) }
}
