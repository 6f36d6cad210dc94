/// The document that a store keeps of each version.
extension Definitions: Codable {
    private enum CodingKeys: String, CodingKey {
        case entities, views, services, models, streams, projects
    }

    /// Documents from before there were projects have no projects: everything is of the project ''.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entities = try container.decode([EntityDefinition].self, forKey: .entities)
        views = try container.decode([ViewDefinition].self, forKey: .views)
        services = try container.decode([ServiceDefinition].self, forKey: .services)
        models = try container.decodeIfPresent([ModelDefinition].self, forKey: .models) ?? []
        streams = try container.decodeIfPresent([StreamDefinition].self, forKey: .streams) ?? []
        projects = try container.decodeIfPresent(NameProjects.self, forKey: .projects) ?? NameProjects()
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(entities, forKey: .entities)
        try container.encode(views, forKey: .views)
        try container.encode(services, forKey: .services)
        if !models.isEmpty { try container.encode(models, forKey: .models) }
        if !streams.isEmpty { try container.encode(streams, forKey: .streams) }
        if !projects.isEmpty { try container.encode(projects, forKey: .projects) }
    }
}
