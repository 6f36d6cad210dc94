/// A named, ordered list of features from several views: what one model reads.
package struct ServiceDefinition: Hashable, Sendable {
    package var name: String
    /// In the model's order, `view.*` expanded; at least one, no two of the same ``ServiceColumn/outputName``.
    package var columns: [ServiceColumn]
    /// What only expressions of ``columns`` use of views, in the order of first use: looked up, but not put out. A feature
    /// ``FeatureColumn/eventTimeName`` stands for the row's event time.
    package var inputs: [FeatureColumn]
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package init(
        name: String,
        columns: [ServiceColumn],
        inputs: [FeatureColumn] = [],
        description: String? = nil,
        owner: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.columns = columns
        self.inputs = inputs
        self.description = description
        self.owner = owner
        self.tags = tags
    }

    /// What is looked up in views: the columns that are features, then ``inputs``.
    package var lookups: [FeatureColumn] { columns.compactMap(\.feature) + inputs }

    /// What comes with a request, or from the spine's columns of those names, in the service's order.
    package var requestFields: [RequestField] { columns.compactMap(\.requestField) }

    /// In the service's order, in which each may use those before it.
    package var derived: [DerivedColumn] { columns.compactMap(\.derived) }

    /// The schema fingerprint of ``columns``; see ``schemaFingerprint(of:)``.
    package var fingerprint: String { Self.schemaFingerprint(of: columns) }

    /// A short name of an ordered list of column names and types, equal on every machine and in every release.
    ///
    /// `asof1:` and the first 16 hexadecimal digits (lower case) of the SHA-256 of these UTF-8 bytes: the line
    /// `asof-schema-1`, then for each column, in order, a line of its output name, one blank and its type's text.
    /// Every line ends with U+000A. Names hold neither blanks nor line ends, so that no two lists share their bytes.
    /// Any shell can check one:
    ///
    ///     printf 'asof-schema-1\nuser_stats__ctr float64\n' | sha256sum | cut -c 1-16
    ///
    /// Key mappings, views behind aliases and expressions do not enter: a model sees names and types. What enters beside them into a
    /// version of a service is ``ServiceRules/fingerprint``.
    package static func schemaFingerprint(of columns: [ServiceColumn]) -> String {
        var canonical = "asof-schema-1\n"
        for column in columns { canonical += "\(column.outputName) \(column.type.text)\n" }
        return "asof1:" + Fingerprint.digits(of: canonical)
    }
}

extension ServiceDefinition: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, columns, inputs, description, owner, tags
    }

    /// Documents from before there were expressions have no inputs.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        columns = try container.decode([ServiceColumn].self, forKey: .columns)
        inputs = try container.decodeIfPresent([FeatureColumn].self, forKey: .inputs) ?? []
        description = try container.decodeIfPresent(String.self, forKey: .description)
        owner = try container.decodeIfPresent(String.self, forKey: .owner)
        tags = try container.decode([String: String].self, forKey: .tags)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(columns, forKey: .columns)
        if !inputs.isEmpty { try container.encode(inputs, forKey: .inputs) }
        try container.encodeIfPresent(description, forKey: .description)
        try container.encodeIfPresent(owner, forKey: .owner)
        try container.encode(tags, forKey: .tags)
    }
}
