/// What `--features` asks for: a service, or a list of features.
package enum FeatureSelection: Hashable, Sendable {
    /// `SERVICE` or `SERVICE@version`; without a version, the service as it is now.
    case service(name: String, version: Int?)
    /// `v.f,v2.*`; in the order of the text.
    case features([Item])

    /// `view.feature`, or `view.*` where `feature` is `nil`.
    package struct Item: Hashable, Sendable {
        package var view: String
        package var feature: String?

        package init(view: String, feature: String?) {
            self.view = view
            self.feature = feature
        }

        package var text: String { "\(view).\(feature ?? "*")" }
    }

    /// Reads the syntax; names are looked up by ``columns(in:pinned:)``.
    ///
    /// - Parameter text: `SERVICE`, `SERVICE@3`, or features with commas between them: `v.f`, `v:f`, `v.*`, blanks
    ///   around them allowed.
    package init(text: String) throws(FeatureSelectionError) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
        if parts.count == 1, !parts[0].contains(where: { $0 == "." || $0 == ":" }) {
            let words = parts[0].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = words.first, Name.refusal(of: name) == nil else { throw .malformed(text: parts[0]) }
            guard words.count == 2 else {
                self = .service(name: name, version: nil)
                return
            }
            guard words[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let version = Int(words[1]), version > 0
            else {
                throw .malformedVersion(text: words[1], service: name)
            }
            self = .service(name: name, version: version)
            return
        }
        var items: [Item] = []
        for part in parts {
            guard let reference = FeatureReference(text: part) else { throw .malformed(text: part) }
            items.append(Item(view: reference.view, feature: reference.feature))
        }
        self = .features(items)
    }

    /// The columns asked for, in order, every key read from the column of its own name unless a service says otherwise.
    ///
    /// - Parameter pinned: the stored definition of `SERVICE@version`, which ``Definitions`` does not hold; `nil` where
    ///   the store has no such version, or the selection names none.
    package func columns(
        in definitions: Definitions,
        pinned: ServiceDefinition? = nil
    ) throws(FeatureSelectionError) -> [ServiceColumn] {
        switch self {
        case .service(let name, let version?):
            guard let pinned else { throw .unknownVersion(service: name, version: version) }
            return pinned.columns
        case .service(let name, nil):
            guard let service = definitions.service(named: name) else {
                throw .unknownService(
                    name: name,
                    isView: definitions.view(named: name) != nil,
                    known: definitions.services.map(\.name)
                )
            }
            return service.columns
        case .features(let items):
            return try Self.columns(of: items, in: definitions)
        }
    }

    private static func columns(
        of items: [Item],
        in definitions: Definitions
    ) throws(FeatureSelectionError) -> [ServiceColumn] {
        var columns: [ServiceColumn] = []
        var names: Set<String> = []
        var keyTypes: [String: KeyColumn] = [:]
        for item in items {
            guard let view = definitions.view(named: item.view) else {
                throw .unknownView(name: item.view, known: definitions.views.map(\.name))
            }
            var features = view.features
            if let name = item.feature {
                guard let feature = view.feature(named: name) else {
                    throw .unknownFeature(name: name, view: view.name, known: view.features.map(\.name))
                }
                features = [feature]
            }
            for key in view.keys {
                if let other = keyTypes[key.name], other.type != key.type { throw .keyOfTwoTypes(name: key.name) }
                keyTypes[key.name] = key
            }
            let keys = view.identityMapping
            for feature in features {
                let column = ServiceColumn.feature(view.column(feature, keys: keys))
                guard names.insert(column.outputName).inserted else {
                    throw .duplicate(item: item.text, name: column.outputName)
                }
                columns.append(column)
            }
            guard columns.count <= DefinitionLimits.serviceColumnsMax else { throw .tooMany(count: columns.count) }
        }
        return columns
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}

/// Why a `--features` argument is refused.
package enum FeatureSelectionError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(text: String)
    case malformedVersion(text: String, service: String)
    case unknownService(name: String, isView: Bool, known: [String])
    case unknownVersion(service: String, version: Int)
    case unknownView(name: String, known: [String])
    case unknownFeature(name: String, view: String, known: [String])
    /// An item that asks for a column which is already there.
    case duplicate(item: String, name: String)
    /// Two views whose keys share a name but not a type: no request column could be both.
    case keyOfTwoTypes(name: String)
    case tooMany(count: Int)

    package var description: String {
        switch self {
        case .malformed(let text):
            "'\(text.oneLine)' is no selection of features; expected SERVICE, SERVICE@version, or view.feature and view.* "
                + "with commas between them"
        case .malformedVersion(let text, let service):
            "'\(text.oneLine)' is no version of the service '\(service)'; expected a number from 1, as in \(service)@1"
        case .unknownService(let name, true, _):
            "'\(name)' is a view, not a service; '\(name).*' selects all its features"
        case .unknownService(let name, false, let known):
            "there is no service '\(name)'"
                + (known.isEmpty ? "; none is defined" : Name.hint(for: name, among: known))
        case .unknownVersion(let service, let version):
            "the service '\(service)' has no version \(version)"
        case .unknownView(let name, let known):
            "there is no view '\(name.oneLine)'"
                + (known.isEmpty ? "; none is defined" : Name.hint(for: name, among: known))
        case .unknownFeature(let name, let view, let known):
            "the view '\(view)' has no feature '\(name.oneLine)'\(Name.hint(for: name, among: known))"
        case .duplicate(let item, let name):
            "'\(item)' would add the column '\(name)' a second time; name each feature once"
        case .keyOfTwoTypes(let name):
            "the key '\(name)' has two types in the views asked for; define a service that maps one of them with 'keys'"
        case .tooMany(let count):
            "\(count) features; \(DefinitionLimits.serviceColumnsMax) are allowed"
        }
    }
}
