/// What was retired and still has its data in the store.
package struct RetiredDefinitions: Hashable, Sendable {
    package struct Feature: Hashable, Sendable {
        package var view: String
        package var feature: String
        package var type: FeatureType

        package init(view: String, feature: String, type: FeatureType) {
            self.view = view
            self.feature = feature
            self.type = type
        }
    }

    /// Features retired by themselves, of views that may still be there.
    package var features: [Feature]
    /// Views as they were when they were retired.
    package var views: [ViewDefinition]

    package init(features: [Feature] = [], views: [ViewDefinition] = []) {
        self.features = features
        self.views = views
    }

    /// - Returns: the type that the stored column has; `nil` where nothing is stored.
    func type(ofFeature name: String, view: String) -> FeatureType? {
        features.first { $0.view == view && $0.feature == name }?.type
            ?? views.first { $0.name == view }?.feature(named: name)?.type
    }
}

extension Definitions {
    /// What `apply` would do to a store that has `applied`: entities, views with their features, services, each in file
    /// order, what is removed after what is there.
    ///
    /// An added or removed view is one change, whatever its features are. The order of entities, views and services means
    /// nothing and is no change.
    /// - Parameter retired: what is hidden in the store; to add it again brings its data back, as long as types and
    ///   keys are those of the data.
    package func changes(
        from applied: Definitions,
        retired: RetiredDefinitions = RetiredDefinitions()
    ) -> [DefinitionChange] {
        var changes: [DefinitionChange] = []
        for entity in entities {
            if let old = applied.entity(named: entity.name) {
                changes += entity.changes(from: old, applied: applied)
            } else {
                changes.append(.init(.entity(entity.name), .added, "key \(entity.key) \(entity.type.rawValue)"))
            }
        }
        for old in applied.entities where entity(named: old.name) == nil {
            changes.append(.init(.entity(old.name), .removed, .retires, "no view uses it"))
        }
        for view in views {
            if let old = applied.view(named: view.name) {
                changes += view.changes(from: old, in: self, applied: applied, retired: retired)
            } else {
                changes += view.additions(retired: retired)
            }
        }
        for old in applied.views where view(named: old.name) == nil {
            changes.append(.init(.view(old.name), .removed, .retires, "retired with \(old.featureCount); data kept"))
        }
        for service in services {
            if let old = applied.service(named: service.name) {
                changes += service.changes(from: old)
            } else {
                let count = service.columns.count == 1 ? "1 column" : "\(service.columns.count) columns"
                changes.append(.init(.service(service.name), .added, "\(count); fingerprint \(service.fingerprint)"))
            }
        }
        for old in applied.services where service(named: old.name) == nil {
            changes.append(.init(.service(old.name), .removed, .retires, "retired; its versions are kept"))
        }
        return changes
    }
}

extension EntityDefinition {
    fileprivate func changes(from old: EntityDefinition, applied: Definitions) -> [DefinitionChange] {
        var changes: [DefinitionChange] = []
        if key != old.key || type != old.type {
            let users = applied.views.filter { $0.entities.contains(name) }.map(\.name)
            changes.append(
                .init(
                    .entity(name),
                    .changed,
                    users.isEmpty ? .safe : .refused,
                    "key \(old.key) \(old.type.rawValue) -> \(key) \(type.rawValue)",
                    wayOut: users.isEmpty
                        ? nil
                        : "the data of \(users.joined(separator: ", ")) has the old key: define another entity and views of it"
                )
            )
        }
        let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags))
        if let notes { changes.append(.init(.entity(name), .changed, notes)) }
        return changes
    }
}

extension ServiceDefinition {
    fileprivate func changes(from old: ServiceDefinition) -> [DefinitionChange] {
        var changes: [DefinitionChange] = []
        if columns != old.columns {
            changes.append(.init(.service(name), .changed, "new version: \(columnChanges(from: old))"))
        }
        let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags))
        if let notes { changes.append(.init(.service(name), .changed, notes)) }
        return changes
    }

    /// `+a__x -b__y; order; asof1:… -> asof1:…`.
    private func columnChanges(from old: ServiceDefinition) -> String {
        let names = Set(columns.map(\.outputName))
        let oldColumns = Dictionary(old.columns.map { ($0.outputName, $0) }) { first, _ in first }
        var parts: [String] = []
        let added = columns.filter { oldColumns[$0.outputName] == nil }.map { "+\($0.outputName)" }
        let removed = old.columns.filter { !names.contains($0.outputName) }.map { "-\($0.outputName)" }
        if !added.isEmpty || !removed.isEmpty { parts.append((added + removed).joined(separator: " ")) }
        let kept = columns.filter { oldColumns[$0.outputName] != nil }
        if kept.map(\.outputName) != old.columns.map(\.outputName).filter(names.contains) {
            parts.append("other order")
        }
        for column in kept {
            guard let before = oldColumns[column.outputName], before != column else { continue }
            if before.type != column.type {
                parts.append("\(column.outputName) \(before.type.text) -> \(column.type.text)")
            } else {
                parts.append("\(column.outputName) from \(before.originText) -> \(column.originText)")
            }
        }
        let fingerprints =
            fingerprint == old.fingerprint
            ? "fingerprint \(fingerprint) as before" : "fingerprint \(old.fingerprint) -> \(fingerprint)"
        return (parts + [fingerprints]).joined(separator: "; ")
    }
}

extension ServiceColumn {
    /// `weather(dest)`: the view and the request's columns.
    fileprivate var originText: String { "\(view).\(feature)(\(keys.map(\.from).joined(separator: ", ")))" }
}

/// `description, tags`: what of the annotations differs; `nil` where nothing does.
func noteChanges(
    _ description: (old: String?, new: String?),
    _ owner: (old: String?, new: String?),
    _ tags: (old: [String: String], new: [String: String])
) -> String? {
    var parts: [String] = []
    if description.old != description.new { parts.append("description") }
    if owner.old != owner.new { parts.append("owner \(owner.old ?? "none") -> \(owner.new ?? "none")") }
    if tags.old != tags.new { parts.append("tags") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
}
