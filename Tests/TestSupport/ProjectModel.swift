package import Features

/// Whose names are whose, as simply as it can be said: the twin of what `apply` does with several projects.
///
/// Every view has one entity and every entity one key, so that nothing is refused but for projects.
package struct ProjectModel {
    /// A file that somebody applies.
    package struct File {
        package var project: String
        package var adopts = false
        package var prunes = false
        /// Entities with a description, `""` = none.
        package var entities: [String: String] = [:]
        /// Views with their features.
        package var views: [String: Set<String>] = [:]
        /// Services with `view.feature` of each column.
        package var services: [String: Set<String>] = [:]
    }

    package enum Outcome: Hashable {
        /// The file names something that is not there.
        case fault
        case refused
        case applied
    }

    /// In force, by name; projects of all names that are somebody's, hidden ones too, as `view v1`.
    package private(set) var entities: [String: String] = [:]
    package private(set) var views: [String: Set<String>] = [:]
    package private(set) var services: [String: Set<String>] = [:]
    package private(set) var projects: [String: String] = [:]

    package init() {}

    package static func entity(of view: String) -> String { "e\((Int(view.dropFirst()) ?? 0) % 2)" }

    package mutating func apply(_ file: File) -> Outcome {
        func isOthers(_ name: String) -> Bool { projects[name].map { $0 != file.project } ?? false }
        // Names that the file uses: its own, or in force and another project's.
        for view in file.views.keys {
            let entity = Self.entity(of: view)
            let isThere = entities[entity] != nil && isOthers("entity \(entity)")
            guard file.entities[entity] != nil || isThere else { return .fault }
        }
        for column in file.services.values.joined() {
            let parts = column.split(separator: ".").map(String.init)
            let others = isOthers("view \(parts[0])") ? views[parts[0]] : nil
            guard (file.views[parts[0]] ?? others ?? []).contains(parts[1]) else { return .fault }
        }
        // Names that it defines.
        var taken: Set<String> = []
        let names =
            file.entities.keys.map { "entity \($0)" } + file.views.keys.map { "view \($0)" }
            + file.services.keys.map { "service \($0)" }
        for name in names {
            if !isOthers(name) || (projects[name] == "" && file.adopts) {
                taken.insert(name)
                continue
            }
            guard name.hasPrefix("entity ") else { return .refused }
            let entity = String(name.dropFirst(7))
            guard file.entities[entity] == "" || file.entities[entity] == entities[entity] else { return .refused }
        }
        var next = self
        for name in taken { next.projects[name] = file.project }
        next.put(file, taken)
        guard next.isWhole else { return .refused }
        if file.prunes {
            for (name, project) in next.projects where project == file.project && name.hasPrefix("view ") {
                if next.views[String(name.dropFirst(5))] == nil { next.projects[name] = nil }
            }
        }
        self = next
        return .applied
    }

    /// What is the project's becomes what the file says.
    private mutating func put(_ file: File, _ taken: Set<String>) {
        let mine = projects.filter { $0.value == file.project }.keys
        for name in entities.keys where mine.contains("entity \(name)") && file.entities[name] == nil {
            entities[name] = nil
            projects["entity \(name)"] = nil
        }
        for name in views.keys where mine.contains("view \(name)") { views[name] = nil }
        for name in services.keys where mine.contains("service \(name)") { services[name] = nil }
        for (name, text) in file.entities where taken.contains("entity \(name)") { entities[name] = text }
        for (name, features) in file.views where taken.contains("view \(name)") { views[name] = features }
        for (name, columns) in file.services where taken.contains("service \(name)") { services[name] = columns }
    }

    /// Whether everything that something names is there.
    private var isWhole: Bool {
        views.keys.allSatisfy { entities[Self.entity(of: $0)] != nil }
            && services.values.joined().allSatisfy { column in
                let parts = column.split(separator: ".").map(String.init)
                return views[parts[0]]?.contains(parts[1]) ?? false
            }
    }
}

extension ProjectModel {
    /// Names that are hidden and somebody's.
    package var hiddenViews: Set<String> {
        Set(projects.keys.filter { $0.hasPrefix("view ") }.map { String($0.dropFirst(5)) }).subtracting(views.keys)
    }

    /// How `definitions` differ; `nil` = not at all.
    package func difference(to definitions: Definitions) -> String? {
        var expected: [String: String] = [:]
        var got: [String: String] = [:]
        for (name, text) in entities { expected["entity \(name)"] = text }
        for (name, features) in views { expected["view \(name)"] = features.sorted().joined(separator: " ") }
        for (name, columns) in services { expected["service \(name)"] = columns.sorted().joined(separator: " ") }
        for entity in definitions.entities { got["entity \(entity.name)"] = entity.description ?? "" }
        for view in definitions.views {
            got["view \(view.name)"] = view.features.map(\.name).sorted().joined(separator: " ")
        }
        for service in definitions.services {
            got["service \(service.name)"] = service.columns.compactMap(\.feature).map { "\($0.view).\($0.feature)" }
                .sorted()
                .joined(separator: " ")
        }
        for kind in ["entity", "view", "service"] {
            for number in 0..<4 {
                let name = "\(kind) \(kind.prefix(1))\(number)"
                let subject: DefinitionChange.Subject =
                    switch kind {
                    case "entity": .entity("e\(number)")
                    case "view": .view("v\(number)")
                    default: .service("s\(number)")
                    }
                let (project, known) = (definitions.projects[subject], projects[name] ?? "")
                if project != known { return "\(name) is of '\(project)'; expected '\(known)'" }
            }
        }
        return expected == got ? nil : "got \(got); expected \(expected)"
    }
}

extension ProjectModel.File {
    /// A file of one of four projects, often much like what the project has.
    package init(_ random: inout SeededRandom, like model: ProjectModel) {
        self.init(project: random.pick(["", "a", "b", "c"]))
        adopts = !project.isEmpty && random.oneIn(4)
        prunes = random.oneIn(6)
        for (name, text) in model.entities where model.projects["entity \(name)"] == project { entities[name] = text }
        for (name, features) in model.views where model.projects["view \(name)"] == project { views[name] = features }
        for (name, columns) in model.services where model.projects["service \(name)"] == project {
            services[name] = columns
        }
        for _ in 0...random.int(0...2) { edit(&random, model) }
    }

    private mutating func edit(_ random: inout SeededRandom, _ model: ProjectModel) {
        let number = random.int(0...3)
        switch random.int(0...7) {
        case 0: entities["e\(number % 2)"] = random.pick(["", "", "one", "two"])
        case 1: entities["e\(number % 2)"] = nil
        case 2, 3:
            views["v\(number)"] = random.pick([["x"], ["y"], ["x", "y"]])
            if random.oneIn(2), model.entities["e\(number % 2)"] == nil { entities["e\(number % 2)"] = "" }
        case 4: views["v\(number)"] = nil
        case 5: services["s\(number)"] = nil
        default:
            var known = model.views
            for (name, features) in views { known[name] = features }
            let columns = known.flatMap { view in view.value.map { "\(view.key).\($0)" } }.sorted()
            guard !columns.isEmpty else { return }
            services["s\(number)"] = Set((0...random.int(0...1)).map { _ in random.pick(columns) })
        }
    }

    package var yaml: String {
        var text = project.isEmpty ? "" : "project: \(project)\n"
        if !entities.isEmpty {
            text += "entities:\n"
            for (name, note) in entities.sorted(by: { $0.key < $1.key }) {
                text += "  \(name): { key: k\(name), type: int64\(note.isEmpty ? "" : ", description: \(note)") }\n"
            }
        }
        if !views.isEmpty {
            text += "views:\n"
            for (name, features) in views.sorted(by: { $0.key < $1.key }) {
                let list = features.sorted().map { "\($0): int64" }.joined(separator: ", ")
                text += "  \(name): { entities: [\(ProjectModel.entity(of: name))], features: { \(list) } }\n"
            }
        }
        if !services.isEmpty {
            text += "services:\n"
            for (name, columns) in services.sorted(by: { $0.key < $1.key }) {
                text += "  \(name): [\(columns.sorted().joined(separator: ", "))]\n"
            }
        }
        return text
    }

    /// As it would be applied to what is in force.
    package func resolved(against applied: Definitions) throws -> ProjectDefinitions {
        let source = try DefinitionsText(yaml: yaml, file: "f.yaml", from: MemoryFiles([:]))
        var file = try source.resolved(against: applied)
        file.adopts = adopts
        return file
    }
}
