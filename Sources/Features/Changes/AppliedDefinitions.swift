/// All that a store has of definitions: what a plan is made against.
///
/// As JSON, which `asof definitions --json` prints, `{"format": "asof-definitions-1", "store", "version", "definitions",
/// "retired": {"features", "views", "services", "names"}, "service_versions": [{"version", "definition", "rules"}]}`.
package struct AppliedDefinitions: Sendable {
    package static let format = "asof-definitions-1"

    /// The store's id.
    package var store: String
    /// Of the definitions, from 1; 0 = nothing was applied yet.
    package var version: Int64
    package var definitions: Definitions
    package var retired: RetiredDefinitions
    package var versions: ServiceVersions

    package init(
        store: String,
        version: Int64,
        _ definitions: Definitions,
        retired: RetiredDefinitions,
        versions: ServiceVersions
    ) {
        self.store = store
        self.version = version
        self.definitions = definitions
        self.retired = retired
        self.versions = versions
    }
}

extension AppliedDefinitions: Codable {
    private enum CodingKeys: String, CodingKey {
        case format, store, version, definitions, retired
        case versions = "service_versions"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let format = try container.decode(String.self, forKey: .format)
        guard format == Self.format else {
            throw DecodingError.dataCorruptedError(
                forKey: .format,
                in: container,
                debugDescription: "it is '\(format)', and this binary reads '\(Self.format)'"
            )
        }
        store = try container.decode(String.self, forKey: .store)
        version = try container.decode(Int64.self, forKey: .version)
        definitions = try container.decode(Definitions.self, forKey: .definitions)
        retired = try container.decode(RetiredDefinitions.self, forKey: .retired)
        versions = try container.decode(ServiceVersions.self, forKey: .versions)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.format, forKey: .format)
        try container.encode(store, forKey: .store)
        try container.encode(version, forKey: .version)
        try container.encode(definitions, forKey: .definitions)
        try container.encode(retired, forKey: .retired)
        try container.encode(versions, forKey: .versions)
    }
}

extension RetiredDefinitions: Codable {
    private enum CodingKeys: String, CodingKey {
        case features, views, services, names
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            features: try container.decode([Feature].self, forKey: .features),
            views: try container.decode([ViewDefinition].self, forKey: .views),
            services: Set(try container.decode([String].self, forKey: .services)),
            names: try container.decodeIfPresent([FeatureRename].self, forKey: .names) ?? []
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(features, forKey: .features)
        try container.encode(views, forKey: .views)
        // The same store gives the same bytes.
        try container.encode(services.sorted(), forKey: .services)
        if !names.isEmpty { try container.encode(names, forKey: .names) }
    }
}

extension ServiceVersions: Codable {
    package init(from decoder: any Decoder) throws {
        self.init()
        for version in try [Version](from: decoder) { add(version) }
    }

    package func encode(to encoder: any Encoder) throws { try all.encode(to: encoder) }
}

extension ServiceVersions.Version: Codable {
    private enum CodingKeys: String, CodingKey {
        case number = "version"
        case definition, rules
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let definition = try container.decode(ServiceDefinition.self, forKey: .definition)
        let roles = try container.decode(ServiceRules.self, forKey: .rules).roles
        self.init(
            number: try container.decode(Int.self, forKey: .number),
            definition,
            rules: ServiceRules(roles, derived: definition.derived, windows: definition.lookups)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(number, forKey: .number)
        try container.encode(definition, forKey: .definition)
        try container.encode(rules, forKey: .rules)
    }
}
