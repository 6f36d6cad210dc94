import Features
import Models
import Store

/// What answers no more once a plan is applied, although requests, models and files may name it.
package struct StoppedAnswers: Sendable {
    /// `ranking@1`, for versions that read what is deleted; `ranking`, for a service that is retired: its versions go on.
    package private(set) var services: [String] = []
    /// `delay@3`: versions that answer by such a version of a service.
    package private(set) var models: [String] = []

    package var isEmpty: Bool { services.isEmpty && models.isEmpty }

    /// Services that are retired.
    mutating func add(retired changes: [DefinitionChange]) {
        for change in changes where change.kind == .removed && change.severity == .retires {
            if case .service(let name) = change.subject { services.append(name) }
        }
    }

    /// Versions that read what is deleted.
    mutating func add(_ pruning: Pruning, _ session: Session) throws(StoreError) {
        guard !pruning.items.isEmpty else { return }
        let stopped = try Registry.StoredService.all(session).filter(pruning.stops)
        guard !stopped.isEmpty else { return }
        services += stopped.map { "\($0.definition.name)@\($0.version)" }
        let names = Set(services)
        models = try ModelRegistry(session).versions()
            .filter { $0.state != .retired && names.contains("\($0.service)@\($0.serviceVersion)") }
            .map { "\($0.model)@\($0.version)" }
    }
}
