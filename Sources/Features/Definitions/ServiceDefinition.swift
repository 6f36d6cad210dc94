/// A named, ordered list of features from several views: what one model reads.
package struct ServiceDefinition: Hashable, Sendable, Codable {
    package var name: String
    /// In the model's order, `view.*` expanded; at least one, no two of the same ``ServiceColumn/outputName``.
    package var columns: [ServiceColumn]
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package init(
        name: String,
        columns: [ServiceColumn],
        description: String? = nil,
        owner: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.columns = columns
        self.description = description
        self.owner = owner
        self.tags = tags
    }

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
    /// Key mappings and views behind aliases do not enter: a model sees names and types. What enters beside them into a
    /// version of a service is ``ServiceRules/fingerprint``.
    package static func schemaFingerprint(of columns: [ServiceColumn]) -> String {
        var canonical = "asof-schema-1\n"
        for column in columns { canonical += "\(column.outputName) \(column.type.text)\n" }
        return "asof1:" + Fingerprint.digits(of: canonical)
    }
}

/// One feature as a service, an export or a reply returns it.
package struct ServiceColumn: Hashable, Sendable, Codable {
    package var view: String
    /// The role under which the view appears, where it is not its own name.
    package var alias: String?
    /// Where each of the view's keys comes from: all of them, in the view's key order, also those of equal names.
    package var keys: [KeyMapping]
    package var feature: String
    package var type: FeatureType

    package init(view: String, alias: String? = nil, keys: [KeyMapping], feature: String, type: FeatureType) {
        self.view = view
        self.alias = alias
        self.keys = keys
        self.feature = feature
        self.type = type
    }

    /// The view's name or its alias: what stands before `__`.
    package var prefix: String { alias ?? view }

    /// `view__feature` or `alias__feature`: the column's name in exports, replies and models.
    package var outputName: String { "\(prefix)__\(feature)" }
}

/// One key of a view, read from a column of the request or spine.
package struct KeyMapping: Hashable, Sendable, Codable {
    package var viewKey: String
    /// The column of the request or spine whose value is looked up.
    package var from: String

    package init(viewKey: String, from: String) {
        self.viewKey = viewKey
        self.from = from
    }
}
