/// The project that each name of a store belongs to. Names of the project '' are not listed.
///
/// A name is listed as long as the store has something of it: an entity until it is retired, a view until it is pruned,
/// a service for ever, since its versions can be asked for.
package struct NameProjects: Hashable, Sendable, Codable {
    private var entities: [String: String] = [:]
    private var views: [String: String] = [:]
    private var services: [String: String] = [:]

    package init() {}

    /// The project of a name; a feature's is that of its view. `''` where nobody else is listed.
    package subscript(subject: DefinitionChange.Subject) -> String {
        get {
            switch subject {
            case .entity(let name): entities[name] ?? ""
            case .view(let name), .feature(let name, _): views[name] ?? ""
            case .service(let name): services[name] ?? ""
            }
        }
        set {
            let project = newValue.isEmpty ? nil : newValue
            switch subject {
            case .entity(let name): entities[name] = project
            case .view(let name), .feature(let name, _): views[name] = project
            case .service(let name): services[name] = project
            }
        }
    }

    package var isEmpty: Bool { entities.isEmpty && views.isEmpty && services.isEmpty }

    /// As messages name a project.
    package static func text(_ project: String) -> String {
        project.isEmpty ? "no project" : "the project '\(project)'"
    }
}
