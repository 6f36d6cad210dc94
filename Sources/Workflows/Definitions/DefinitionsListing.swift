package import Features
package import Store

/// The views and services that are in force, by name.
package struct DefinitionsListing: Sendable {
    package struct View: Sendable {
        package let definition: ViewDefinition
        /// `''` = none.
        package let project: String
        /// Of history: stored, less those removed.
        package let rows: Int64
        /// The newest event time that was ever stored; `nil` = none.
        package let newest: Timestamp?
    }

    package struct Service: Sendable {
        package let definition: ServiceDefinition
        package let version: Int
        /// `''` = none.
        package let project: String
    }

    package let views: [View]
    package let services: [Service]
    /// Whether the store has names of a project.
    package let hasProjects: Bool
}

/// A definition that is in force, or that a version of a service has.
package enum DefinitionDescription: Sendable {
    /// The project is `''` where it has none, `nil` where the store has no names of a project at all.
    case view(ViewDefinition, project: String?, former: FormerFeatures)
    case service(Registry.StoredService, project: String?)
}

extension OpenStore {
    /// What is in force, with how much there is of it.
    package func definitions() throws -> DefinitionsListing {
        try control.run {
            let registry = try Registry.load(session)
            let totals = try Ledger(session).totals()
            let projects = registry.definitions.projects
            let stored = Dictionary(registry.views.map { ($0.name, $0.id) }) { first, _ in first }
            let views = registry.definitions.views.sorted { $0.name < $1.name }.map { definition in
                // Windows have no rows.
                let totals = stored[definition.name].flatMap { totals[$0] }
                return DefinitionsListing.View(
                    definition: definition,
                    project: projects[.view(definition.name)],
                    rows: totals?.rows ?? 0,
                    newest: totals?.newest
                )
            }
            let services = registry.definitions.services.sorted { $0.name < $1.name }.map { definition in
                DefinitionsListing.Service(
                    definition: definition,
                    version: registry.service(named: definition.name)?.version ?? 0,
                    project: projects[.service(definition.name)]
                )
            }
            return DefinitionsListing(views: views, services: services, hasProjects: !projects.isEmpty)
        }
    }

    /// All that a plan is made against, with the store's id.
    package func appliedDefinitions() throws -> AppliedDefinitions {
        try control.run { try AppliedDefinitions(try Registry.load(session), session) }
    }

    /// Looks up one definition.
    ///
    /// - Parameter name: a view's, a service's, or `SERVICE@VERSION`.
    /// - Throws: ``WorkflowError/refused(_:)`` naming the nearest known one; `StoreError.unknownService` for a version.
    package func describe(_ name: String) throws -> DefinitionDescription {
        try control.run {
            let registry = try Registry.load(session)
            let projects = registry.definitions.projects
            func project(_ subject: DefinitionChange.Subject) -> String? { projects.isEmpty ? nil : projects[subject] }
            if let service = try service(name, registry) {
                return .service(service, project: project(.service(service.definition.name)))
            }
            if let view = registry.definitions.view(named: name) {
                let former = registry.views.first { $0.name == name }?.former ?? FormerFeatures()
                return .view(view, project: project(.view(name)), former: former)
            }
            if registry.retired.views.contains(where: { $0.name == name }) {
                throw WorkflowError.refused("no view '\(name)'\(registry.hint(forView: name))")
            }
            if registry.retired.services.contains(name) {
                throw WorkflowError.refused("no service '\(name)'\(registry.hint(forService: name))")
            }
            let known = registry.definitions.views.map(\.name) + registry.definitions.services.map(\.name)
            throw WorkflowError.refused("no view or service '\(name)'\(Name.hint(for: name, among: known))")
        }
    }

    /// `NAME` as it is in force, or `NAME@VERSION`.
    private func service(_ name: String, _ registry: Registry) throws -> Registry.StoredService? {
        guard name.contains("@") else { return registry.service(named: name) }
        guard case .service(let service, let version?) = try FeatureSelection(text: name) else { return nil }
        return try .named(service, version: version, session)
    }
}
