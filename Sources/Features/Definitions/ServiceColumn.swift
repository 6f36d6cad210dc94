/// One column as a service, an export or a reply returns it.
package enum ServiceColumn: Hashable, Sendable {
    /// Looked up in a view.
    case feature(FeatureColumn)
    /// Comes with the request; offline from the spine's column of that name.
    case request(RequestField)
    /// Computed of the others.
    case derived(DerivedColumn)

    /// A feature of a view.
    package init(view: String, alias: String? = nil, keys: [KeyMapping], feature: String, type: FeatureType) {
        self = .feature(FeatureColumn(view: view, alias: alias, keys: keys, feature: feature, type: type))
    }

    /// `view__feature` or `alias__feature`, `request__name`, `derive__name`: the column's name in exports, replies and
    /// models.
    package var outputName: String {
        switch self {
        case .feature(let feature): feature.outputName
        case .request(let field): field.outputName
        case .derived(let derived): derived.outputName
        }
    }

    package var type: FeatureType {
        switch self {
        case .feature(let feature): feature.type
        case .request(let field): field.type
        case .derived(let derived): derived.type
        }
    }

    package var feature: FeatureColumn? {
        if case .feature(let feature) = self { feature } else { nil }
    }

    package var requestField: RequestField? {
        if case .request(let field) = self { field } else { nil }
    }

    package var derived: DerivedColumn? {
        if case .derived(let derived) = self { derived } else { nil }
    }
}

/// One feature of a view in one of its roles.
package struct FeatureColumn: Hashable, Sendable, Codable {
    package var view: String
    /// The role under which the view appears, where it is not its own name.
    package var alias: String?
    /// Where each of the view's keys comes from: all of them, in the view's key order, also those of equal names.
    package var keys: [KeyMapping]
    package var feature: String
    package var type: FeatureType
    /// What it is computed of, where the view stores nothing: a version of a service keeps it, whatever the view says later.
    package var window: WindowColumn?

    package init(view: String, alias: String? = nil, keys: [KeyMapping], feature: String, type: FeatureType) {
        self.view = view
        self.alias = alias
        self.keys = keys
        self.feature = feature
        self.type = type
    }

    /// The view's name or its alias: what stands before `__`.
    package var prefix: String { alias ?? view }

    /// `view__feature` or `alias__feature`.
    package var outputName: String { "\(prefix)__\(feature)" }

    /// By this name expressions use the event time of the row that was found; null where none is valid.
    package static let eventTimeName = "_event_time"

    package var isEventTime: Bool { feature == Self.eventTimeName }
}

/// A feature of a window view.
package struct WindowColumn: Hashable, Sendable, Codable {
    /// The event view.
    package var of: String
    /// Normalized, see ``ExpressionTyping/window(_:of:)``; empty for ``FeatureColumn/eventTimeName``.
    package var text: String

    package init(of: String, text: String) {
        self.of = of
        self.text = text
    }

    /// The words of the text, among which are the features that it uses.
    package var words: Set<String> { Self.words(of: text) }

    package static func words(of text: String) -> Set<String> {
        Set(text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }.map(String.init))
    }
}

/// A value that a request gives, or a column of the spine; null is a value, too.
package struct RequestField: Hashable, Sendable {
    package var name: String
    package var type: FeatureType

    package init(name: String, type: FeatureType) {
        self.name = name
        self.type = type
    }

    package var outputName: String { "request__\(name)" }
}

/// A value that is computed of a row's others.
package struct DerivedColumn: Hashable, Sendable {
    package var name: String
    /// As ``ExpressionTyping`` has normalized it.
    package var expression: String
    package var type: FeatureType

    package init(name: String, expression: String, type: FeatureType) {
        self.name = name
        self.expression = expression
        self.type = type
    }

    package var outputName: String { "derive__\(name)" }
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

/// A feature is what it was before there were other kinds: `{"view", "alias", "keys", "feature", "type"}`; the others are
/// `{"request", "type"}` and `{"derive", "from", "type"}`, which binaries from before refuse to read.
extension ServiceColumn: Codable {
    private enum CodingKeys: String, CodingKey {
        case request, derive, from, type
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let name = try container.decodeIfPresent(String.self, forKey: .request) {
            self = .request(RequestField(name: name, type: try container.decode(FeatureType.self, forKey: .type)))
        } else if let name = try container.decodeIfPresent(String.self, forKey: .derive) {
            self = .derived(
                DerivedColumn(
                    name: name,
                    expression: try container.decode(String.self, forKey: .from),
                    type: try container.decode(FeatureType.self, forKey: .type)
                )
            )
        } else {
            self = .feature(try FeatureColumn(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .feature(let feature): try feature.encode(to: encoder)
        case .request(let field):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(field.name, forKey: .request)
            try container.encode(field.type, forKey: .type)
        case .derived(let derived):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(derived.name, forKey: .derive)
            try container.encode(derived.expression, forKey: .from)
            try container.encode(derived.type, forKey: .type)
        }
    }
}
