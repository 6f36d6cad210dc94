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

    /// A view under its own name, with all its features.
    package init(whole view: StoredView) {
        self.init(
            view: view,
            prefix: view.name,
            keyColumns: view.definition.keys.map(\.name),
            features: view.definition.features
        )
    }

    package init(view: StoredView, prefix: String, keyColumns: [String], features: [FeatureDefinition]) {
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
    /// For each column, its role and the feature's place in it.
    package let sources: [(role: Int, feature: Int)]

    /// For each column, whether its values are kept out of pages, logs and reports.
    package var isPII: [Bool] { sources.map { roles[$0.role].features[$0.feature].isPII } }

    /// - Parameters:
    ///   - rules: those of each role, by its prefix; `nil` where none are asked for but those that the views have.
    ///   - view: by name.
    /// - Throws: ``StoreError/unknownView(name:hint:)``, ``StoreError/unknownFeature(view:name:hint:)`` where the store
    ///   lacks what a column names; what `rules` throws.
    package init(
        _ columns: [ServiceColumn],
        rules: (String) throws(StoreError) -> ViewRules? = { _ in nil },
        view: (String) throws(StoreError) -> StoredView
    ) throws(StoreError) {
        var roles: [ViewRole] = []
        var sources: [(role: Int, feature: Int)] = []
        for column in columns {
            let keys = column.keys.map(\.from)
            var index = roles.firstIndex {
                $0.prefix == column.prefix && $0.view.name == column.view && $0.keyColumns == keys
            }
            if index == nil {
                var role = try view(column.view)
                if let rules = try rules(column.prefix) { role = role.with(rules) }
                roles.append(ViewRole(view: role, prefix: column.prefix, keyColumns: keys, features: []))
                index = roles.count - 1
            }
            guard let role = index else { continue }
            guard let feature = roles[role].view.definition.feature(named: column.feature), feature.type == column.type
            else {
                throw .unknownFeature(
                    view: column.view,
                    name: column.feature,
                    hint: Name.hint(for: column.feature, among: roles[role].view.definition.features.map(\.name))
                )
            }
            if !roles[role].features.contains(where: { $0.name == feature.name }) {
                roles[role].features.append(feature)
            }
            let place = roles[role].features.firstIndex { $0.name == feature.name } ?? 0
            sources.append((role, place))
        }
        self.columns = columns
        self.roles = roles
        self.sources = sources
    }

    /// By which rules the roles are read.
    package var rules: ServiceRules {
        ServiceRules(roles.map { ServiceRules.Role(prefix: $0.prefix, $0.view.definition.rules) })
    }

    /// The columns that a request or spine must have for every role's keys, each once, in order of first use.
    /// - Throws: ``StoreError/request(_:)`` where two views want one column in two types.
    package func requestKeys() throws(StoreError) -> [KeyColumn] {
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
