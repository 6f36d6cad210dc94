/// What the expressions of one service may name.
///
/// `prefix.feature` and `prefix._event_time` of the service's roles, and of other views under their own names; request
/// fields; earlier derived columns; keys; `label_time`. Where a role and a view have one name, it is the role.
package struct ServiceScope: Sendable {
    private var roles: [FeatureColumn]
    private var fields: [ScopedName]
    /// Of the roles that the service has.
    private var putOut: Set<String>
    /// What expressions have used of views and the service does not put out, in the order of first use.
    package private(set) var inputs: [FeatureColumn] = []

    init(_ features: [FeatureColumn], fields: [RequestField]) {
        roles = []
        putOut = Set(features.map(\.scopedName))
        self.fields = fields.map { ScopedName(name: $0.name, type: $0.type) }
        for feature in features where !roles.contains(where: { $0.prefix == feature.prefix }) { roles.append(feature) }
    }

    mutating func add(_ column: DerivedColumn) { fields.append(ScopedName(name: column.name, type: column.type)) }

    /// All names that an expression may use whose text names some views: those of views that it does not name are left
    /// away, since a store may have thousands.
    func names(for expression: String, view: (String) -> ViewDefinition?) -> [ScopedName] {
        var names = fields
        var known = Set(fields.map(\.name))
        func add(_ name: String, _ type: FeatureType) {
            if known.insert(name).inserted { names.append(ScopedName(name: name, type: type)) }
        }
        add(ServiceDefinition.labelTimeName, .timestamp)
        var prefixes = roles
        for name in Self.words(before: ".", in: expression) where !prefixes.contains(where: { $0.prefix == name }) {
            guard let view = view(name) else { continue }
            prefixes.append(
                FeatureColumn(view: name, keys: view.identityMapping, feature: "", type: .bool)
            )
        }
        for role in prefixes {
            guard let view = view(role.view) else { continue }
            for (key, mapping) in zip(view.keys, role.keys) { add(mapping.from, key.type.featureType) }
            for feature in view.features { add("\(role.prefix).\(feature.name)", feature.type) }
            add("\(role.prefix).\(FeatureColumn.eventTimeName)", .timestamp)
        }
        return names
    }

    /// Notes what an expression uses.
    /// - Returns: what of views is new and not put out.
    mutating func use(_ names: [String], view: (String) -> ViewDefinition?) -> [FeatureColumn] {
        var new: [FeatureColumn] = []
        // By name, so that the order of a view's features is none of it.
        for name in names.sorted() {
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, !putOut.contains(name) else { continue }
            var input = roles.first { $0.prefix == parts[0] }
            if input == nil, let view = view(parts[0]) {
                input = FeatureColumn(view: view.name, keys: view.identityMapping, feature: "", type: .bool)
            }
            guard var input else { continue }
            input.feature = parts[1]
            input.type =
                input.isEventTime ? .timestamp : view(input.view)?.feature(named: parts[1])?.type ?? .bool
            input.window = view(input.view)?.windows.map {
                // The event time is that of the windows that are read.
                WindowColumn(of: $0.of, text: $0.texts[parts[1]] ?? "")
            }
            if !roles.contains(where: { $0.prefix == input.prefix }) { roles.append(input) }
            putOut.insert(name)
            inputs.append(input)
            new.append(input)
        }
        return new
    }

    /// The names in a text that stand before a character, blanks between them allowed.
    private static func words(before mark: Character, in text: String) -> [String] {
        var words: [String] = []
        for part in text.split(separator: mark, omittingEmptySubsequences: false).dropLast() {
            let trimmed = part.reversed().drop { $0.isWhitespace || $0 == "\"" }
            let word = String(trimmed.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }.reversed())
            if !word.isEmpty, !words.contains(word) { words.append(word) }
        }
        return words
    }
}

extension FeatureColumn {
    /// As expressions name it.
    package var scopedName: String { "\(prefix).\(feature)" }
}
