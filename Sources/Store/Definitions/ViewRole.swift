package import Expressions
package import Features

/// A view in one of the roles in which a request uses it: under its own name, or an alias with other keys.
package struct ViewRole: Sendable {
    package let view: StoredView
    /// What stands before `__` in the names of its columns.
    package let prefix: String
    /// The spine's column for each of the view's keys, in the view's key order.
    package let keyColumns: [String]
    /// The features asked for, each once.
    package var features: [FeatureDefinition]
    /// Of a window view, whose ``view`` has keys and features and no tables: what the features are computed of.
    package var windows: WindowRole?

    /// A view under its own name, with all its features.
    package init(whole view: StoredView) {
        self.init(
            view: view,
            prefix: view.name,
            keyColumns: view.definition.keys.map(\.name),
            features: view.definition.features
        )
    }

    package init(
        view: StoredView,
        prefix: String,
        keyColumns: [String],
        features: [FeatureDefinition],
        windows: WindowRole? = nil
    ) {
        self.windows = windows
        self.view = view
        self.prefix = prefix
        self.keyColumns = keyColumns
        self.features = features
    }
}

/// What an export or a fetch returns: columns in order, and the view roles that they come from.
package struct FeaturePlan: Sendable {
    package let columns: [ServiceColumn]
    package let roles: [ViewRole]
    /// For each column, where its values come from.
    package let sources: [Source]
    /// What is looked up, in the order of ``ServiceDefinition/lookups``: the features among ``columns``, then what only
    /// expressions use.
    package let lookups: [Lookup]
    /// What only expressions use, see ``ServiceDefinition/inputs``.
    package let inputs: [FeatureColumn]
    package let derived: DerivedColumns
    /// Of what is looked up, what has another type in the store by now: the column that shows it in the type that it had.
    package let narrowed: [Lookup: FeatureColumn]

    /// Where a column's values come from.
    package enum Source: Sendable, Hashable {
        case lookup(Lookup)
        /// The spine's column, or the request's value.
        case request(RequestField)
        /// The place among the derived columns.
        case derived(Int)
    }

    /// What is taken of a role's row.
    package enum Lookup: Sendable, Hashable {
        /// The role, and the feature's place in it.
        case feature(role: Int, feature: Int)
        /// The row's event time, null where no row is valid.
        case eventTime(role: Int)

        package var role: Int {
            switch self {
            case .feature(let role, _), .eventTime(let role): role
            }
        }
    }

    /// - Parameters:
    ///   - inputs: what only expressions use, see ``ServiceDefinition/inputs``.
    ///   - rules: those of each role, by its prefix; `nil` where none are asked for but those that the views have.
    ///   - windowRules: of a window view by its name, where ``rules`` has none.
    ///   - view: by name; of a window view its events.
    /// - Throws: ``StoreError/unknownView(name:hint:)``, ``StoreError/unknownFeature(view:name:hint:)`` where the store
    ///   lacks what a column names; ``StoreError/newerDefinitions(_:)`` where this binary does not know what a column is
    ///   computed by; ``StoreError/request(_:)`` where two views want one column in two types; what `rules` throws.
    package init(
        _ columns: [ServiceColumn],
        inputs: [FeatureColumn] = [],
        rules: (String) throws(StoreError) -> ViewRules? = { _ in nil },
        windowRules: (String) -> ViewRules = { _ in ViewRules() },
        view: (String) throws(StoreError) -> StoredView
    ) throws(StoreError) {
        var roles: [ViewRole] = []
        var lookups: [Lookup] = []
        var narrowed: [Lookup: FeatureColumn] = [:]
        for column in columns.compactMap(\.feature) + inputs {
            let lookup = try Self.lookup(column, &roles, rules, windowRules, view)
            lookups.append(lookup)
            if case .feature(let role, let feature) = lookup, roles[role].features[feature].type != column.type {
                narrowed[lookup] = column
            }
        }
        self.narrowed = narrowed
        var (features, computed) = (0, 0)
        sources = columns.map { column in
            switch column {
            case .feature:
                features += 1
                return .lookup(lookups[features - 1])
            case .request(let field): return .request(field)
            case .derived:
                computed += 1
                return .derived(computed - 1)
            }
        }
        self.columns = columns
        self.inputs = inputs
        self.roles = roles
        self.lookups = lookups
        let keys = columns.contains { $0.derived != nil } ? try Self.requestKeys(of: roles) : []
        do throws(DerivedColumnError) {
            derived = try DerivedColumns(columns, inputs: inputs, keys: keys)
        } catch {
            throw .newerDefinitions("\(error)")
        }
    }

    private static func lookup(
        _ column: FeatureColumn,
        _ roles: inout [ViewRole],
        _ rules: (String) throws(StoreError) -> ViewRules?,
        _ windowRules: (String) -> ViewRules,
        _ view: (String) throws(StoreError) -> StoredView
    ) throws(StoreError) -> Lookup {
        let keys = column.keys.map(\.from)
        let known = roles.firstIndex {
            $0.prefix == column.prefix && $0.view.name == column.view && $0.keyColumns == keys
        }
        let role = known ?? roles.count
        if known == nil {
            let rules = try rules(column.prefix)
            if let window = column.window {
                let events = try view(window.of)
                roles.append(try ViewRole(windowsOf: events, column, rules ?? windowRules(column.view)))
            } else {
                var view = try view(column.view)
                if let rules { view = view.with(rules) }
                roles.append(ViewRole(view: view, prefix: column.prefix, keyColumns: keys, features: []))
            }
        }
        if let window = column.window { return try add(window, column, to: &roles[role], role) }
        if column.isEventTime { return .eventTime(role: role) }
        let stored = roles[role].view
        guard let feature = stored.feature(called: column.feature), column.type.isShown(of: feature.type) else {
            throw .unknownFeature(
                view: column.view,
                name: column.feature,
                hint: stored.hint(forFeature: column.feature)
            )
        }
        if let place = roles[role].features.firstIndex(where: { $0.name == feature.name }) {
            return .feature(role: role, feature: place)
        }
        roles[role].features.append(feature)
        return .feature(role: role, feature: roles[role].features.count - 1)
    }

    /// Adds a window to its role, once.
    private static func add(
        _ window: WindowColumn,
        _ column: FeatureColumn,
        to role: inout ViewRole,
        _ place: Int
    ) throws(StoreError) -> Lookup {
        if column.isEventTime { return .eventTime(role: place) }
        if let known = role.features.firstIndex(where: { $0.name == column.feature }) {
            return .feature(role: place, feature: known)
        }
        try role.windows?.add(window.text, as: column)
        let isPII = role.windows?.isLastPII ?? false
        // Of events whose values have a wider type by now, so has what is made of them.
        let type = role.windows?.lastType ?? column.type
        role.features.append(FeatureDefinition(name: column.feature, type: type, isPII: isPII))
        return .feature(role: place, feature: role.features.count - 1)
    }

    /// For each column, whether its values are kept out of pages, logs and reports. Where a service looks up such values,
    /// what it computes is kept out, too.
    package var isPII: [Bool] {
        let isAnyPII = lookups.contains(where: isPII)
        return sources.map { source in
            switch source {
            case .lookup(let lookup): isPII(lookup)
            case .request: false
            case .derived: isAnyPII
            }
        }
    }

    private func isPII(_ lookup: Lookup) -> Bool {
        if case .feature(let role, let feature) = lookup { roles[role].features[feature].isPII } else { false }
    }

    /// What comes with a request, in order.
    package var requestFields: [RequestField] { columns.compactMap(\.requestField) }

    /// By which rules the roles are read.
    package var rules: ServiceRules {
        ServiceRules(
            roles.map { ServiceRules.Role(prefix: $0.prefix, $0.view.definition.rules) },
            derived: columns.compactMap(\.derived),
            windows: columns.compactMap(\.feature) + inputs
        )
    }

    /// The columns that a request or spine must have for every role's keys, each once, in order of first use.
    /// - Throws: ``StoreError/request(_:)`` where two views want one column in two types.
    package func requestKeys() throws(StoreError) -> [KeyColumn] { try Self.requestKeys(of: roles) }

    private static func requestKeys(of roles: [ViewRole]) throws(StoreError) -> [KeyColumn] {
        var keys: [KeyColumn] = []
        for role in roles {
            for (column, key) in zip(role.keyColumns, role.view.definition.keys) {
                guard let known = keys.first(where: { $0.name == column }) else {
                    keys.append(KeyColumn(name: column, type: key.type))
                    continue
                }
                guard known.type == key.type else {
                    throw .request(
                        "column '\(column)' would be \(known.type.rawValue) for one view and \(key.type.rawValue) for '\(role.view.name)'"
                    )
                }
            }
        }
        return keys
    }
}
