/// The project that each name of a store belongs to. Names of the project '' are not listed.
///
/// A name is listed as long as the store has something of it: an entity until it is retired, a view until it is pruned,
/// a service or a model for ever, since its versions can be asked for.
package struct NameProjects: Hashable, Sendable, Codable {
    private var entities: [String: String] = [:]
    private var views: [String: String] = [:]
    private var services: [String: String] = [:]
    private var models: [String: String] = [:]
    private var streams: [String: String] = [:]

    package init() {}

    /// The project of a name; a feature's is that of its view. `''` where nobody else is listed.
    package subscript(subject: DefinitionChange.Subject) -> String {
        get {
            switch subject {
            case .entity(let name): entities[name] ?? ""
            case .view(let name), .feature(let name, _): views[name] ?? ""
            case .service(let name): services[name] ?? ""
            case .model(let name): models[name] ?? ""
            case .stream(let name): streams[name] ?? ""
            }
        }
        set {
            let project = newValue.isEmpty ? nil : newValue
            switch subject {
            case .entity(let name): entities[name] = project
            case .view(let name), .feature(let name, _): views[name] = project
            case .service(let name): services[name] = project
            case .model(let name): models[name] = project
            case .stream(let name): streams[name] = project
            }
        }
    }

    package var isEmpty: Bool {
        entities.isEmpty && views.isEmpty && services.isEmpty && models.isEmpty
            && streams.isEmpty
    }

    /// As messages name a project.
    package static func text(_ project: String) -> String {
        project.isEmpty ? "no project" : "the project '\(project)'"
    }
}

extension NameProjects {
    private enum CodingKeys: String, CodingKey {
        case entities, views, services, models, streams
    }

    /// Documents from before there were models or streams have none.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entities = try container.decode([String: String].self, forKey: .entities)
        views = try container.decode([String: String].self, forKey: .views)
        services = try container.decode([String: String].self, forKey: .services)
        models = try container.decodeIfPresent([String: String].self, forKey: .models) ?? [:]
        streams = try container.decodeIfPresent([String: String].self, forKey: .streams) ?? [:]
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(entities, forKey: .entities)
        try container.encode(views, forKey: .views)
        try container.encode(services, forKey: .services)
        if !models.isEmpty { try container.encode(models, forKey: .models) }
        if !streams.isEmpty { try container.encode(streams, forKey: .streams) }
    }
}
