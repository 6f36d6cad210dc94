import ArgumentParser
import Features
import Foundation
import Store
import Workflows

/// A file of definitions.
struct DefinitionsOptions: ParsableArguments {
    @Argument(help: "The file of definitions.")
    var file = "features.yaml"
    @Flag(help: "Move what the file defines and was applied without a project into the file's project.")
    var adopt = false

    func read() throws -> DefinitionsText {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw WorkflowError.refused(
                "cannot read \(file); name the file of definitions, or make one with `asof init`"
            )
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw WorkflowError.refused("\(file) is not valid UTF-8")
        }
        return try DefinitionsText(yaml: text, file: file, from: DefinitionFilesOnDisk())
    }

    /// The definitions, with names of other projects as they are in force.
    ///
    /// Refuses a file that defines nothing where something is in force: it is rarely the file that was meant, unless it
    /// names its project.
    func resolve(_ source: DefinitionsText, in registry: Registry) throws -> ProjectDefinitions {
        guard !adopt || !source.project.isEmpty else {
            throw WorkflowError.usage(
                "\(file) names no project, and --adopt moves names into one: add a line as `project: team_a`"
            )
        }
        var new = try source.resolved(against: registry.definitions)
        guard !new.definitions.isEmpty || !new.project.isEmpty || registry.definitions.isEmpty else {
            throw WorkflowError.refused(
                "\(file) defines nothing: no entity, no view, no service; is it the right file?"
            )
        }
        new.adopts = adopt
        return new
    }

    /// What stands above a plan, in a store that knows projects.
    func heading(_ new: ProjectDefinitions, in registry: Registry) -> String {
        guard !new.project.isEmpty || !registry.definitions.projects.isEmpty else { return "" }
        return new.project.isEmpty ? "no project:\n" : "project \(new.project):\n"
    }
}

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what `apply` would change.",
        discussion:
            """
            + added, ~ changed, - retired (hidden, its data kept), ! refused. Exit code 1 if a change is refused, or if \
            the file, or one that it includes, has a fault: each is printed as file:line:column: message.

            A file with a project only adds, changes and retires names of that project; see docs/definitions.md.
            """
    )

    @OptionGroup var definitions: DefinitionsOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let source = try definitions.read()
        let open = try store.open(forWriting: false)
        let registry = try Registry.load(open.session)
        let new = try definitions.resolve(source, in: registry)
        let changes = registry.changes(to: new, versions: try ServiceVersions(open.session))
        let heading = definitions.heading(new, in: registry)
        Console.write(
            heading + (changes.isEmpty ? "no changes" : DefinitionChange.lines(changes).joined(separator: "\n"))
        )
        if changes.contains(where: { $0.severity == .refused }) { throw ExitCode(1) }
    }
}

struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Put definitions in force, in one transaction.",
        discussion: """
            Shows what changes, asks, and does it. Adding views and features is always safe; a changed type or entity is \
            refused. What is removed is hidden and its data kept, which needs --allow-retire. Where there is no terminal to \
            ask on, --yes is needed.

            --prune deletes for good (x) what features.yaml lacks: views, and features. Training sets that need it can no \
            longer be verified.

            A file with a project only touches names of that project, and names belong to the project that applied them \
            first. --adopt moves what the file defines and was applied without a project into the file's project.

            Example: asof plan && asof apply --yes
            """
    )

    @OptionGroup var definitions: DefinitionsOptions
    @OptionGroup var store: StoreOptions
    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false
    @Flag(help: "Hide views, features and services that the file lacks.")
    var allowRetire = false
    @Flag(help: "Delete views and features that the file lacks, with their data; goes with --allow-retire.")
    var prune = false

    /// What was shown, and agreed to.
    private struct Plan: Equatable {
        var changes: [DefinitionChange]
        var pruned: [String]
    }

    func run() throws {
        let source = try definitions.read()
        let open = try store.open(forWriting: true)
        var agreed: Plan?
        // Each round shows what it does: whoever applies at the same time makes another plan necessary.
        for _ in 0..<Limits.plansMax {
            do {
                return try apply(source, open.session, agreed: &agreed)
            } catch StoreError.stalePlan(let version) {
                Console.write(
                    "definitions have changed meanwhile (version \(version)); nothing was applied. The plan is now:"
                )
            }
        }
        throw WorkflowError.refused(
            "nothing was applied: definitions changed \(Limits.plansMax) times meanwhile; run the command again"
        )
    }

    /// - Parameter agreed: what needs no question any more, where it is the same plan again.
    /// - Throws: ``StoreError/stalePlan(version:)`` where the plan was made for definitions that are no longer in force.
    private func apply(_ source: DefinitionsText, _ session: Session, agreed: inout Plan?) throws {
        let registry = try Registry.load(session)
        let new = try definitions.resolve(source, in: registry)
        let pruning = prune ? try Pruning(session, to: registry.definitions(with: new), of: new.project) : nil
        let changes = registry.changes(to: new, pruning: pruning, versions: try ServiceVersions(session))
        let pruned = pruning?.items ?? []
        let heading = definitions.heading(new, in: registry)
        guard !changes.isEmpty || !pruned.isEmpty else {
            // Descriptions and the order of things may have changed, which are no changes of what is stored.
            _ = try Registry.apply(new, planned: registry.version, session)
            Console.write(heading + "no changes")
            return
        }
        if !changes.isEmpty { Console.write(heading + DefinitionChange.lines(changes).joined(separator: "\n")) }
        if changes.contains(where: { $0.severity == .refused }) {
            throw WorkflowError.refused("nothing was applied: the changes marked ! are refused")
        }
        let retired = changes.count { $0.severity == .retires }
        guard retired == 0 || allowRetire else {
            throw WorkflowError.refused(
                "nothing was applied: \(Console.count(retired, "change")) marked - would hide what others may use; "
                    + "say --allow-retire if that is meant"
            )
        }
        show(pruned)
        let plan = Plan(changes: changes, pruned: pruned.map(\.name))
        if !yes && plan != agreed { try Confirmation.ask("apply these changes?", nothingDone: "nothing was applied") }
        agreed = plan
        let (applied, state) = try Registry.apply(new, prunes: prune, planned: registry.version, session)
        Console.write("applied: definitions version \(applied.version), position \(state?.position ?? 0)")
    }

    private func show(_ pruned: [Pruning.Item]) {
        guard !pruned.isEmpty else { return }
        var table = TextTable(["x", "deleted for good", "rows", "size"], rightAligned: [2, 3])
        for item in pruned {
            table.append([
                "x", "\(item.noun) \(item.name)", Console.grouped(item.rows),
                item.feature == nil ? Console.size(item.bytes) : "-",
            ])
        }
        Console.write(table.text)
    }
}

struct ViewsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "views",
        abstract: "List views and services.",
        discussion: "`asof describe NAME` shows one of them in full."
    )

    @OptionGroup var store: StoreOptions
    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        let open = try store.open(forWriting: false)
        let registry = try Registry.load(open.session)
        let totals = try Ledger(open.session).totals()
        let projects = registry.definitions.projects
        if json {
            for view in registry.views.sorted(by: { $0.name < $1.name }) {
                let total = totals[view.id]
                Console.write(
                    JSONObject([
                        ("view", .string(view.name)), ("keys", .listString(view.definition.keys.map(\.name))),
                        ("features", .listString(view.definition.features.map(\.name))),
                        ("project", .string(projects[.view(view.name)])),
                        ("rows", .int64(Int64(total?.rows ?? 0))),
                        ("newest_event_time", total?.newest.map { .timestamp($0) } ?? .null),
                    ]).text
                )
            }
            return
        }
        // Shown where there are any.
        func project(_ subject: DefinitionChange.Subject) -> [String] {
            projects.isEmpty ? [] : [projects[subject].isEmpty ? "-" : projects[subject]]
        }
        let column = projects.isEmpty ? [] : ["project"]
        var table = TextTable(
            ["view", "keys", "features", "ttl", "rows", "newest event time"] + column + ["description"],
            rightAligned: [2, 4]
        )
        for view in registry.views.sorted(by: { $0.name < $1.name }) {
            let definition = view.definition
            let keys = definition.keys.map(\.name).joined(separator: ", ")
            let cells = [
                view.name, keys.isEmpty ? "(global)" : keys, String(definition.features.count),
                definition.ttl?.text ?? "-", Console.grouped(totals[view.id]?.rows ?? 0),
                totals[view.id]?.newest?.text ?? "-",
            ]
            table.append(cells + project(.view(view.name)) + [Console.summary(definition.description ?? "")])
        }
        Console.write(table.text)
        guard !registry.definitions.services.isEmpty else { return }
        var services = TextTable(
            ["service", "version", "columns", "fingerprint"] + column + ["description"],
            rightAligned: [1, 2]
        )
        for definition in registry.definitions.services.sorted(by: { $0.name < $1.name }) {
            let version = registry.service(named: definition.name)?.version ?? 0
            let cells = [definition.name, String(version), String(definition.columns.count), definition.fingerprint]
            let summary = Console.summary(definition.description ?? "")
            services.append(cells + project(.service(definition.name)) + [summary])
        }
        Console.write("\n" + services.text)
    }
}

struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show a view's or service's definition."
    )

    @Argument(help: "A view, a service, or SERVICE@VERSION.")
    var name: String
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: false)
        let registry = try Registry.load(open.session)
        if let service = try service(registry, open.session) {
            describe(service, projects: registry.definitions.projects)
            return
        }
        if let view = registry.views.first(where: { $0.name == name }) {
            describe(view.definition, projects: registry.definitions.projects)
            return
        }
        let known = registry.views.map(\.name) + registry.definitions.services.map(\.name)
        throw WorkflowError.refused("no view or service '\(name)'\(Name.hint(for: name, among: known))")
    }

    /// `NAME` as it is in force, or `NAME@VERSION`.
    private func service(_ registry: Registry, _ session: Session) throws -> Registry.StoredService? {
        guard name.contains("@") else { return registry.service(named: name) }
        guard case .service(let service, let version?) = try FeatureSelection(text: name) else { return nil }
        return try .named(service, version: version, session)
    }

    private func projectText(_ project: String) -> String { project.isEmpty ? "none" : project }

    private func describe(_ view: ViewDefinition, projects: NameProjects) {
        let keys = view.keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")
        var lines = ["view       \(view.name)"]
        if let description = view.description { lines.append(Console.wrapped(description, indent: 11)) }
        if let owner = view.owner { lines.append("owner      \(owner)") }
        if !projects.isEmpty { lines.append("project    \(projectText(projects[.view(view.name)]))") }
        lines.append("keys       \(keys.isEmpty ? "none: a global view" : keys)")
        lines.append("ttl        \(view.ttl?.text ?? "none: values never expire")")
        lines.append("delay      \(view.delay.text)\(view.isStrict ? ", strict" : "")")
        lines.append("missing    \(view.missing.rawValue)")
        lines.append("online     \(view.isOnline ? "yes" : "no")")
        lines.append("partition  \(view.partition.rawValue)")
        if let retention = view.retention {
            lines.append("retention  \(retention.text), applied by `asof drop-history`")
        }
        if let maxAge = view.maxAge { lines.append("max age    \(maxAge.text), checked by `asof status`") }
        if let source = view.source { lines.append("source     \(source.sql)") }
        Console.write(lines.joined(separator: "\n") + "\n")
        let isChecked = view.features.contains { $0.expectations != nil || $0.isPII }
        var table = TextTable(["feature", "type"] + (isChecked ? ["expected"] : []) + ["description"])
        for feature in view.features {
            let expected = [feature.expectations?.text, feature.isPII ? "pii" : nil].compactMap(\.self)
            table.append(
                [feature.name, feature.type.text] + (isChecked ? [expected.joined(separator: ", ")] : [])
                    + [feature.description ?? ""]
            )
        }
        Console.write(table.text)
    }

    private func describe(_ service: Registry.StoredService, projects: NameProjects) {
        let definition = service.definition
        var lines = ["service      \(definition.name)@\(service.version)"]
        if let description = definition.description { lines.append(Console.wrapped(description, indent: 13)) }
        if let owner = definition.owner { lines.append("owner        \(owner)") }
        if !projects.isEmpty { lines.append("project      \(projectText(projects[.service(definition.name)]))") }
        lines.append("fingerprint  \(definition.fingerprint)")
        lines.append("rules        \(service.rules.fingerprint)")
        Console.write(lines.joined(separator: "\n") + "\n")
        var table = TextTable(["column", "type", "from", "keys"])
        for column in definition.columns {
            let keys = column.keys.map { $0.viewKey == $0.from ? $0.from : "\($0.viewKey) = \($0.from)" }
            table.append([
                column.outputName, column.type.text, "\(column.view).\(column.feature)", keys.joined(separator: ", "),
            ])
        }
        Console.write(table.text + "\n")
        var rules = TextTable(["role", "ttl", "delay", "strict"])
        for role in service.rules.roles {
            rules.append([
                role.prefix, role.rules.ttl?.text ?? "-", role.rules.delay.text, role.rules.isStrict ? "yes" : "no",
            ])
        }
        Console.write(rules.text)
    }
}
