/// What was retired and still has its data in the store.
package struct RetiredDefinitions: Hashable, Sendable {
    package struct Feature: Codable, Hashable, Sendable {
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
    /// Names of services that are not in force and whose versions can be asked for.
    package var services: Set<String>
    /// What features that are there, hidden or not, were called before: such a name is no other's.
    package var names: [FeatureRename]

    package init(
        features: [Feature] = [],
        views: [ViewDefinition] = [],
        services: Set<String> = [],
        names: [FeatureRename] = []
    ) {
        self.features = features
        self.views = views
        self.services = services
        self.names = names
    }

    /// - Returns: the type that the stored column has; `nil` where nothing is stored.
    func type(ofFeature name: String, view: String) -> FeatureType? {
        features.first { $0.view == view && $0.feature == name }?.type
            ?? views.first { $0.name == view }?.feature(named: name)?.type
    }
}

extension Definitions {
    /// What `apply` would do to a store that has `applied`: entities, views with their features, services, models, streams,
    /// each in file order, what is removed after what is there.
    ///
    /// An added or removed view is one change, whatever its features are. The order of entities, views and services means
    /// nothing and is no change.
    /// - Parameters:
    ///   - retired: what is hidden in the store; to add it again brings its data back, as long as types and keys are those
    ///     of the data.
    ///   - versions: which the store has of services, so that changes name the version that each gets.
    ///   - renames: of features, of which some may have been done before.
    package func changes(
        from applied: Definitions,
        retired: RetiredDefinitions = RetiredDefinitions(),
        versions: ServiceVersions = ServiceVersions(),
        renames: [FeatureRename] = []
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
                let history = FeatureHistory(view, retired, renames, versions)
                changes += view.changes(from: old, in: self, applied: applied, history)
            } else {
                changes += view.additions(retired: retired, FeatureHistory(view, retired, renames, versions))
            }
        }
        for old in applied.views where view(named: old.name) == nil {
            let detail =
                old.windows == nil
                ? "retired with \(old.featureCount); data kept" : "windows: nothing of them was stored"
            changes.append(.init(.view(old.name), .removed, .retires, detail))
        }
        for service in services { changes += self.changes(of: service, from: applied, versions) }
        for old in applied.services where service(named: old.name) == nil {
            changes.append(.init(.service(old.name), .removed, .retires, "retired; its versions are kept"))
        }
        for model in models { changes += model.changes(from: applied.model(named: model.name)) }
        for old in applied.models where model(named: old.name) == nil {
            changes.append(.init(.model(old.name), .removed, .retires, "retired; its versions are kept"))
        }
        for stream in streams { changes += stream.changes(from: applied.stream(named: stream.name)) }
        for old in applied.streams where stream(named: old.name) == nil {
            changes.append(.init(.stream(old.name), .removed, .retires, "no longer read; what it stored is kept"))
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

/// `description, tags`: what of the annotations differs; `nil` where nothing does.
func noteChanges(
    _ description: (old: String?, new: String?),
    _ owner: (old: String?, new: String?),
    _ tags: (old: [String: String], new: [String: String])
) -> String? {
    var parts: [String] = []
    if !Spelling.isSame(description.old, description.new) { parts.append("description") }
    if !Spelling.isSame(owner.old, owner.new) { parts.append("owner \(owner.old ?? "none") -> \(owner.new ?? "none")") }
    if !Spelling.isSame(tags.old, tags.new) { parts.append("tags") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
}
