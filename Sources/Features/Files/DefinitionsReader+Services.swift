import Yams

extension DefinitionsReader {
    private static let exampleList = "[user_stats.clicks_7d, weather.*]"

    /// One column of a service with the node that asked for it.
    struct Request {
        enum Subject {
            case feature(FeatureColumn)
            case request(RequestField)
            case derived(Derivation)
        }

        var subject: Subject
        var node: Node

        var feature: FeatureColumn? {
            if case .feature(let feature) = subject { feature } else { nil }
        }
    }

    /// - Returns: `nil` where the service has a fault of its own; columns of broken views are left out silently.
    mutating func service(_ field: Field) -> ServiceDefinition? {
        let what = "service '\(field.name)'"
        let before = issues.count
        var list = field.value
        var notes: (description: String?, owner: String?, tags: [String: String]) = (nil, nil, [:])
        if case .mapping = field.value {
            guard let parts = fields(of: field.value, what, known: DefinitionKeys.service.names) else {
                return nil
            }
            notes = annotations(parts)
            guard let part = parts["features"] else {
                fault(at: field.key, "\(what) has no features, as in features: \(Self.exampleList)")
                return nil
            }
            list = part.value
        }
        guard let nodes = elements(of: list, what, example: Self.exampleList) else { return nil }
        if nodes.isEmpty { fault(at: list, "\(what) has no features, as in \(Self.exampleList)") }
        var requests: [Request] = []
        for node in nodes {
            requests += element(node, what)
            if requests.count > DefinitionLimits.serviceColumnsMax {
                fault(at: node, "\(what) has more than \(DefinitionLimits.serviceColumnsMax) features")
                return nil
            }
        }
        check(requests, what)
        checkNames(requests, what)
        // An expression may use what is broken elsewhere, and would be blamed for it.
        guard issues.count == before, brokenViews.isEmpty || !requests.contains(where: \.isDerived) else { return nil }
        let (columns, inputs) = columns(of: requests, what)
        guard issues.count == before else { return nil }
        return ServiceDefinition(
            name: field.name,
            columns: columns,
            inputs: inputs,
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
    }

    private mutating func element(_ node: Node, _ what: String) -> [Request] {
        if case .mapping(let mapping) = node {
            return mapping.contains { $0.key.scalar?.string == "request" || $0.key.scalar?.string == "derive" }
                ? item(node, what) : role(node, what)
        }
        guard let text = text(node, "an element of \(what)") else { return [] }
        guard let reference = FeatureReference(text: text) else {
            let isView = knownView(named: text) != nil
            let hint = isView ? "; did you mean '\(text).*'?" : ""
            fault(at: node, "\(what) has '\(text.oneLine)'; expected view.feature or view.*\(hint)")
            return []
        }
        guard let view = view(named: reference.view, at: node, what) else { return [] }
        checkRole(view.name, what, at: node)
        guard let name = reference.feature else {
            return columns(of: view, alias: nil, keys: view.identityMapping, node)
        }
        guard let feature = feature(named: name, of: view, at: node, what) else { return [] }
        return [
            Request(
                subject: .feature(view.column(feature, keys: view.identityMapping)),
                node: node
            )
        ]
    }

    /// What is no feature: `{ request: … }`, `{ derive: … }`.
    private mutating func item(_ node: Node, _ what: String) -> [Request] {
        let part = "an element of \(what)"
        let isRequest = node.mapping?.contains { $0.key.scalar?.string == "request" } ?? false
        let keys = isRequest ? DefinitionKeys.requestField : .derivedColumn
        guard let parts = fields(of: node, part, known: keys.names) else {
            return []
        }
        if isRequest {
            return requestField(parts, part).map { [Request(subject: .request($0), node: node)] } ?? []
        }
        return derivation(parts, part, node).map { [Request(subject: .derived($0), node: node)] } ?? []
    }

    /// `{ view: weather, as: dest_weather, keys: { origin: dest }, features: [temp, wind] }`.
    private mutating func role(_ node: Node, _ what: String) -> [Request] {
        let part = "an element of \(what)"
        guard let parts = fields(of: node, part, known: DefinitionKeys.role.names) else { return [] }
        guard let viewPart = parts["view"] else {
            fault(at: node, "\(part) has no view, as in { view: weather, as: dest_weather, keys: { origin: dest } }")
            return []
        }
        guard let name = text(viewPart.value, "the view of \(part)"),
            let view = view(named: name, at: viewPart.value, what)
        else { return [] }
        var alias: String?
        if let field = parts["as"], let text = text(field.value, "'as' of \(part)") {
            checkName(text, "alias", at: field.value)
            checkRole(text, what, at: field.value)
            alias = text
        } else {
            checkRole(view.name, what, at: viewPart.value)
        }
        let keys = keyMapping(parts["keys"], view: view, what)
        guard let field = parts["features"] else { return columns(of: view, alias: alias, keys: keys, node) }
        if field.value.scalar?.string == "*" { return columns(of: view, alias: alias, keys: keys, field.value) }
        guard
            let nodes = elements(
                of: field.value,
                "'features' of \(part)",
                example: "[temp, wind], or no 'features' for all"
            )
        else { return [] }
        if nodes.isEmpty { fault(at: field.value, "'features' of \(part) is empty; leave it away for all features") }
        return nodes.compactMap { node in
            guard let name = text(node, "a feature of \(part)"),
                let feature = feature(named: name, of: view, at: node, what)
            else { return nil }
            return Request(
                subject: .feature(view.column(feature, alias: alias, keys: keys)),
                node: node
            )
        }
    }

    /// What a service computes, and what its requests give, has columns `derive__…` and `request__…`.
    private static let reservedRoles: Set<String> = ["request", "derive"]

    mutating func checkRole(_ name: String, _ what: String, at node: Node) {
        guard Self.reservedRoles.contains(name) else { return }
        fault(
            at: node,
            "\(what) has a role '\(name)', which stands for columns of requests and of computed features; give the view "
                + "another name here with 'as', as in as: \(name)s"
        )
    }

    private func columns(of view: ViewDefinition, alias: String?, keys: [KeyMapping], _ node: Node) -> [Request] {
        view.features.map { feature in
            Request(
                subject: .feature(view.column(feature, alias: alias, keys: keys)),
                node: node
            )
        }
    }

    private mutating func keyMapping(_ field: Field?, view: ViewDefinition, _ what: String) -> [KeyMapping] {
        var mapping = view.identityMapping
        guard let field, !isNull(field.value),
            let pairs = pairs(of: field.value, "'keys' of \(what)")
        else { return mapping }
        for pair in pairs {
            guard let index = view.keys.firstIndex(where: { $0.name == pair.name }) else {
                if brokenViews.contains(view.name) { continue }
                let known = view.keys.map(\.name)
                fault(
                    at: pair.key,
                    known.isEmpty
                        ? "the view '\(view.name)' is global and has no keys to map"
                        : "the view '\(view.name)' has no key '\(pair.name.oneLine)'; 'keys' maps the view's key to the "
                            + "request's column, and its keys are: \(known.joined(separator: ", "))"
                )
                continue
            }
            guard let from = text(pair.value, "the column for the key '\(pair.name)'") else { continue }
            checkName(from, "column", at: pair.value)
            mapping[index].from = from
        }
        for (index, key) in mapping.enumerated() {
            guard let twin = mapping[..<index].first(where: { $0.from == key.from }) else { continue }
            fault(
                at: field.value,
                "the keys '\(twin.viewKey)' and '\(key.viewKey)' of '\(view.name)' would both be read from '\(key.from)'; "
                    + "map each to a column of its own"
            )
        }
        return mapping
    }

    /// - Returns: `nil` where there is no such view; a fault unless the view is merely broken.
    mutating func view(named name: String, at node: Node, _ what: String) -> ViewDefinition? {
        if let view = knownView(named: name) { return view }
        if !brokenViews.contains(name) {
            let hint = Name.hint(for: name, among: knownViewNames)
            fault(at: node, "\(what) names an unknown view '\(name.oneLine)'\(hint)")
        }
        return nil
    }

    private mutating func feature(
        named name: String,
        of view: ViewDefinition,
        at node: Node,
        _ what: String
    ) -> FeatureDefinition? {
        if let feature = view.feature(named: name) { return feature }
        if !brokenViews.contains(view.name) {
            let hint =
                currentName(of: name, in: view).map { "; it is called '\($0)' now" }
                ?? Name.hint(for: name, among: view.features.map(\.name))
            fault(at: node, "\(what) names an unknown feature '\(name.oneLine)' of the view '\(view.name)'\(hint)")
        }
        return nil
    }

    /// Faults between the features of one service: equal output names, one prefix for two roles, one request column of
    /// two types.
    private mutating func check(_ requests: [Request], _ what: String) {
        var outputs: Set<String> = []
        var roles: [String: FeatureColumn] = [:]
        var types: [String: KeyType] = [:]
        for request in requests {
            guard let column = request.feature else { continue }
            if let role = roles[column.prefix], role.view != column.view || role.keys != column.keys {
                fault(
                    at: request.node,
                    "\(what) has '\(column.prefix)' in two roles; give one of them another name with 'as'"
                )
                continue
            }
            let isNewRole = roles.updateValue(column, forKey: column.prefix) == nil
            if !outputs.insert(column.outputName).inserted {
                fault(at: request.node, "\(what) has the column '\(column.outputName)' twice")
            }
            if isNewRole { check(column, against: &types, at: request.node, what) }
        }
    }

    /// - Parameter types: of the request's columns so far.
    mutating func check(
        _ column: FeatureColumn,
        against types: inout [String: KeyType],
        at node: Node,
        _ what: String
    ) {
        guard let keys = knownView(named: column.view)?.keys else { return }
        for (key, mapping) in zip(keys, column.keys) {
            if let type = types[mapping.from], type != key.type {
                fault(
                    at: node,
                    "\(what) reads the request's '\(mapping.from)' both as \(type.rawValue) and as "
                        + "\(key.type.rawValue); map one of them to another column with 'keys'"
                )
            }
            types[mapping.from] = key.type
        }
    }
}

extension DefinitionsReader.Request {
    var isDerived: Bool {
        if case .derived = subject { true } else { false }
    }
}
