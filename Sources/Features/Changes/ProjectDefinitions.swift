/// What one project's features.yaml says, with the files that it includes: the names that it defines, resolved.
///
/// Views and services may name entities and views of other projects as they were applied when this was resolved.
package struct ProjectDefinitions: Hashable, Sendable {
    /// `''` where the file names none.
    package var project: String
    package var definitions: Definitions
    /// Where each name stands, as `file:line:column`.
    package var places: [DefinitionChange.Subject: String]
    /// Features that go on under another name; what was applied before says so no more.
    package var renames: [FeatureRename] = []
    /// Whether names that were applied without a project become this project's.
    package var adopts = false

    package init(
        _ definitions: Definitions,
        project: String = "",
        places: [DefinitionChange.Subject: String] = [:]
    ) {
        self.definitions = definitions
        self.project = project
        self.places = places
    }
}

extension ProjectDefinitions {
    /// What a store that has `applied` has in force with these instead of what the project had before.
    ///
    /// Names that the project may not define stay as they are: ``changes(from:retired:)`` has a refusal for each. Projects
    /// stand in bytewise order, each as its file has it, so that the same files give the same value in any order.
    package func merged(into applied: Definitions, retired: RetiredDefinitions) -> Definitions {
        let claims = Claims(self, applied: applied, retired: retired)
        var merged = Definitions(
            entities: claims.merged(definitions.entities, into: applied.entities) { .entity($0.name) },
            views: claims.merged(definitions.views, into: applied.views) { .view($0.name) },
            services: claims.merged(definitions.services, into: applied.services) { .service($0.name) },
            models: claims.merged(definitions.models, into: applied.models) { .model($0.name) },
            streams: claims.merged(definitions.streams, into: applied.streams) { .stream($0.name) }
        )
        merged.projects = applied.projects
        for subject in claims.taken { merged.projects[subject] = project }
        // Nothing is left of an entity that is retired, so that its name is free.
        let kept = Set(merged.entities.map(\.name))
        for old in applied.entities where !kept.contains(old.name) { merged.projects[.entity(old.name)] = "" }
        // A stream that is taken out leaves its positions, which another of the name would go on from: the name stays.
        return merged
    }

    /// What applying these would change; see ``Definitions/changes(from:retired:)``.
    ///
    /// Names of other projects are neither retired nor changed: to define one is refused, and so is to retire what another
    /// project uses. Their services get a new version where rules of a view change that they read. Refusals of names and
    /// adoptions come first.
    package func changes(
        from applied: Definitions,
        retired: RetiredDefinitions = RetiredDefinitions(),
        versions: ServiceVersions = ServiceVersions()
    ) -> [DefinitionChange] {
        let claims = Claims(self, applied: applied, retired: retired)
        let merged = merged(into: applied, retired: retired)
        return claims.changes()
            + merged.changes(from: applied, retired: retired, versions: versions, renames: renames).map { change in
                var change = change
                // A rule that changes makes a version of every service that reads the view.
                if merged.projects[change.subject] != project, change.kind != .removed {
                    change.detail += "; of \(NameProjects.text(merged.projects[change.subject]))"
                }
                if change.severity == .refused { change.place = place(of: change.subject) }
                if let reading = merged.readers(afterRenameOf: change.subject, renames, besides: project) {
                    change.detail += "; \(reading)"
                }
                guard change.severity == .retires,
                    let users = merged.users(of: change.subject, besides: project, names: retired.names)
                else { return change }
                guard change.kind == .removed else {
                    change.detail += "; used by \(users)"
                    return change
                }
                change.severity = .refused
                change.detail = "in use: \(users)"
                change.wayOut = "keep it in the file until it is not used any more"
                return change
            }
    }

    /// Where the files have a name; a feature of a view that is not written out stands where its view does.
    private func place(of subject: DefinitionChange.Subject) -> String? {
        if case .feature(let view, _) = subject { return places[subject] ?? places[.view(view)] }
        return places[subject]
    }
}

extension Definitions {
    /// Whether everything that these name is in `merged`, as it was when they were resolved.
    ///
    /// - Complexity: O(entities + views + columns of services).
    package func isResolved(in merged: Definitions) -> Bool {
        let keys = Dictionary(merged.entities.map { ($0.name, KeyColumn(name: $0.key, type: $0.type)) }) { $1 }
        let views = Dictionary(merged.views.map { ($0.name, $0) }) { $1 }
        let features = views.mapValues { view in Dictionary(view.features.map { ($0.name, $0.type) }) { $1 } }
        return self.views.allSatisfy { $0.entities.map { keys[$0] } == $0.keys }
            && self.views.allSatisfy { view in view.windows.map { views[$0.of]?.events != nil } ?? true }
            && services.allSatisfy { service in
                service.lookups.allSatisfy { column in
                    (column.isEventTime || features[column.view]?[column.feature] == column.type)
                        && views[column.view]?.keys.map(\.name) == column.keys.map(\.viewKey)
                }
            }
            && streams.allSatisfy { stream in stream.into.allSatisfy { views[$0] != nil } }
    }

    /// Who of other projects goes on with a feature's old name, which their files cannot have from now on.
    fileprivate func readers(
        afterRenameOf subject: DefinitionChange.Subject,
        _ renames: [FeatureRename],
        besides project: String
    ) -> String? {
        guard case .feature(let view, let name) = subject,
            let rename = renames.first(where: { $0.view == view && $0.name == name }),
            let users = users(of: .feature(view: view, name: rename.was), besides: project, names: [])
        else { return nil }
        return "the files of these say '\(name)' from the next time on: \(users)"
    }

    /// The views or services of other projects that name something, for messages; `nil` where none does.
    ///
    /// - Parameter names: what features were called before: they are asked for by those names, too.
    fileprivate func users(
        of subject: DefinitionChange.Subject,
        besides project: String,
        names: [FeatureRename]
    ) -> String? {
        let others = services.filter { projects[.service($0.name)] != project }
        var users: [String]
        switch subject {
        case .entity(let name):
            users = views.filter { $0.entities.contains(name) && projects[.view($0.name)] != project }.map {
                user("view", $0.name, .view($0.name))
            }
        case .view(let name):
            users =
                others.filter { $0.lookups.contains { $0.view == name || $0.window?.of == name } }.map {
                    user("service", $0.name, .service($0.name))
                } + windows(of: name, besides: project) { _ in true }
            users += streams.filter { $0.into.contains(name) && projects[.stream($0.name)] != project }.map {
                user("stream", $0.name, .stream($0.name))
            }
        case .feature(let view, let name):
            let names = Set([name] + names.filter { $0.view == view && $0.name == name }.map(\.was))
            users =
                others.filter { service in
                    service.lookups.contains { column in
                        column.view == view && names.contains(column.feature)
                            || column.window?.of == view && column.window?.words.isDisjoint(with: names) == false
                    }
                }.map { user("service", $0.name, .service($0.name)) }
                + windows(of: view, besides: project) { !WindowColumn.words(of: $0).isDisjoint(with: names) }
        case .service(let name):
            users = models.filter { $0.service == name && projects[.model($0.name)] != project }.map {
                user("model", $0.name, .model($0.name))
            }
        case .model, .stream:
            return nil
        }
        guard !users.isEmpty else { return nil }
        let shown = users.prefix(5).joined(separator: ", ")
        return users.count > 5 ? "\(shown) and \(users.count - 5) more" : shown
    }

    /// Window views of other projects over a view's events of which some window is such a text.
    private func windows(of view: String, besides project: String, _ isMeant: (String) -> Bool) -> [String] {
        views.filter { other in
            other.windows?.of == view && projects[.view(other.name)] != project
                && other.windows?.texts.values.contains(where: isMeant) == true
        }.map { user("view", $0.name, .view($0.name)) }
    }

    private func user(_ noun: String, _ name: String, _ subject: DefinitionChange.Subject) -> String {
        "\(noun) '\(name)' of \(NameProjects.text(projects[subject]))"
    }
}

/// What a file's names are to its project.
private struct Claims {
    private enum Standing {
        /// Nobody has it, or the project itself.
        case own
        /// Of the project '' until now.
        case adopted
        /// Another project's entity, said again as it is.
        case used
        case refused(owner: String)
    }

    private let file: ProjectDefinitions
    private let applied: Definitions
    private var standings: [(subject: DefinitionChange.Subject, standing: Standing)] = []
    /// The names that the file defines and may define.
    private(set) var taken: Set<DefinitionChange.Subject> = []
    private let inForce: Set<DefinitionChange.Subject>

    init(_ file: ProjectDefinitions, applied: Definitions, retired: RetiredDefinitions) {
        self.file = file
        self.applied = applied
        inForce = Set(applied.subjects)
        let entities = Dictionary(applied.entities.map { ($0.name, $0) }) { $1 }
        let hidden: [DefinitionChange.Subject] =
            retired.views.map { .view($0.name) } + retired.services.map { .service($0) }
        let known = inForce.union(hidden)
        let repeated = Set(
            file.definitions.entities.filter { entities[$0.name].map($0.repeats) ?? false }.map(\.name)
        )
        for subject in file.definitions.subjects {
            let owner = applied.projects[subject]
            let standing: Standing
            if !known.contains(subject) || owner == file.project {
                standing = .own
            } else if owner.isEmpty && file.adopts {
                standing = .adopted
            } else if case .entity(let name) = subject, repeated.contains(name) {
                standing = .used
            } else {
                standing = .refused(owner: owner)
            }
            standings.append((subject, standing))
            switch standing {
            case .own, .adopted: taken.insert(subject)
            case .used, .refused: break
            }
        }
    }

    /// The project's own of `new` among what others have of `applied`.
    func merged<Definition>(
        _ new: [Definition],
        into applied: [Definition],
        _ subject: (Definition) -> DefinitionChange.Subject
    ) -> [Definition] {
        let projects = self.applied.projects
        let others = applied.filter { projects[subject($0)] != file.project && !taken.contains(subject($0)) }
        return others.filter { projects[subject($0)] < file.project } + new.filter { taken.contains(subject($0)) }
            + others.filter { projects[subject($0)] > file.project }
    }

    /// Adoptions and refusals, in the order of the file.
    func changes() -> [DefinitionChange] {
        standings.compactMap { subject, standing in
            switch standing {
            case .own, .used: nil
            case .adopted:
                DefinitionChange(subject, .changed, "no project -> \(NameProjects.text(file.project))")
            case .refused(let owner): refusal(subject, owner: owner)
            }
        }
    }

    private func refusal(_ subject: DefinitionChange.Subject, owner: String) -> DefinitionChange {
        let place = file.places[subject].map { " at \($0)" } ?? ""
        var wayOut = "take it out\(place) and use it as it is, or choose another name"
        var detail = "belongs to \(NameProjects.text(owner)), which alone changes or retires it"
        if owner.isEmpty {
            detail = "was applied without a project"
            wayOut = "say --adopt to move it into \(NameProjects.text(file.project)), or \(wayOut)"
        }
        if !inForce.contains(subject) {
            detail += "; it is retired"
            wayOut = "choose another name\(place)"
            if owner.isEmpty { wayOut = "say --adopt to move it into \(NameProjects.text(file.project)), or \(wayOut)" }
        }
        return DefinitionChange(subject, .changed, .refused, detail, wayOut: wayOut)
    }
}

extension EntityDefinition {
    /// Whether this says the same as `other`, or less.
    fileprivate func repeats(_ other: EntityDefinition) -> Bool {
        key == other.key && type == other.type
            && Spelling.isSame(description ?? other.description, other.description)
            && Spelling.isSame(owner ?? other.owner, other.owner) && (tags.isEmpty || Spelling.isSame(tags, other.tags))
    }
}

extension Definitions {
    /// Entities, views, services, models and streams, each in their order.
    fileprivate var subjects: [DefinitionChange.Subject] {
        entities.map { .entity($0.name) } + views.map { .view($0.name) } + services.map { .service($0.name) }
            + models.map { .model($0.name) }
            + streams.map { .stream($0.name) }
    }
}
