/// What a store or a features.yaml defines: entities, views of their features, services that models read, models, and
/// streams that fill views. Of one file everything in its order.
///
/// A value of this type has been checked: every reference resolves, every name is legal, and PostgreSQL can store it. Only
/// what one file says by itself may refer to what else is applied, see ``ProjectDefinitions``.
package struct Definitions: Hashable, Sendable {
    package var entities: [EntityDefinition]
    package var views: [ViewDefinition]
    package var services: [ServiceDefinition]
    package var models: [ModelDefinition]
    package var streams: [StreamDefinition]
    /// The project of each name, also those that are hidden; of what one file says, nobody's yet.
    package var projects = NameProjects()

    package init(
        entities: [EntityDefinition] = [],
        views: [ViewDefinition] = [],
        services: [ServiceDefinition] = [],
        models: [ModelDefinition] = [],
        streams: [StreamDefinition] = []
    ) {
        self.entities = entities
        self.views = views
        self.services = services
        self.models = models
        self.streams = streams
    }

    package var isEmpty: Bool {
        entities.isEmpty && views.isEmpty && services.isEmpty && models.isEmpty && streams.isEmpty
    }

    /// - Complexity: O(entities).
    package func entity(named name: String) -> EntityDefinition? { entities.first { $0.name == name } }

    /// - Complexity: O(views).
    package func view(named name: String) -> ViewDefinition? { views.first { $0.name == name } }

    /// - Complexity: O(models).
    package func model(named name: String) -> ModelDefinition? { models.first { $0.name == name } }

    /// - Complexity: O(streams).
    package func stream(named name: String) -> StreamDefinition? { streams.first { $0.name == name } }

    /// - Complexity: O(services).
    package func service(named name: String) -> ServiceDefinition? { services.first { $0.name == name } }
}

/// What a feature describes: a user, an airport. Its key is the column that names one of them.
package struct EntityDefinition: Hashable, Sendable, Codable {
    package var name: String
    /// The name of the key column in history, spines and requests.
    package var key: String
    package var type: KeyType
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package init(
        name: String,
        key: String,
        type: KeyType,
        description: String? = nil,
        owner: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.key = key
        self.type = type
        self.description = description
        self.owner = owner
        self.tags = tags
    }
}
