import ArgumentParser
import Features
import Foundation
import Store

/// A file of definitions.
struct DefinitionsOptions: ParsableArguments {
    @Argument(help: "The file of definitions.")
    var file = "features.yaml"

    func read() throws -> Definitions {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CommandError("cannot read \(file); name the file of definitions, or make one with `asof init`")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw CommandError("\(file) is not valid UTF-8")
        }
        return try Definitions.parse(yaml: text, file: file)
    }

    /// Refuses a file that defines nothing where something is in force: it is rarely the file that was meant.
    func refuseNothing(_ new: Definitions, instead registry: Registry) throws {
        guard new == Definitions(), registry.definitions != Definitions() else { return }
        throw CommandError("\(file) defines nothing: no entity, no view, no service; is it the right file?")
    }
}

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what `apply` would change.",
        discussion:
            """
            + added, ~ changed, - retired (hidden, its data kept), ! refused. Exit code 1 if a change is refused, or if \
            the file has a fault: each is printed as file:line:column: message.
            """
    )

    @OptionGroup var definitions: DefinitionsOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let new = try definitions.read()
        let open = try store.open(forWriting: false)
        let registry = try Registry.load(open.session)
        try definitions.refuseNothing(new, instead: registry)
        let changes = registry.changes(to: new, versions: try ServiceVersions(open.session))
        Console.write(changes.isEmpty ? "no changes" : DefinitionChange.lines(changes).joined(separator: "\n"))
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

    func run() throws {
        let new = try definitions.read()
        let open = try store.open(forWriting: true)
        // Each round shows what it does: whoever applies at the same time makes another plan necessary.
        for _ in 0..<Limits.plansMax {
            do {
                return try apply(new, open.session)
            } catch StoreError.stalePlan(let version) {
                Console.write(
                    "definitions have changed meanwhile (version \(version)); nothing was applied. The plan is now:"
                )
            }
        }
        throw CommandError(
            "nothing was applied: definitions changed \(Limits.plansMax) times meanwhile; run the command again"
        )
    }

    /// - Throws: ``StoreError/stalePlan(version:)`` where the changes that were shown are not those that would be made.
    private func apply(_ new: Definitions, _ session: Session) throws {
        let pruning = prune ? try Pruning(session, to: new) : nil
        let registry = try Registry.load(session)
        try definitions.refuseNothing(new, instead: registry)
        let changes = registry.changes(to: new, pruning: pruning, versions: try ServiceVersions(session))
        let pruned = pruning?.items ?? []
        guard !changes.isEmpty || !pruned.isEmpty else {
            // Descriptions and the order of things may have changed, which are no changes of what is stored.
            _ = try Registry.apply(new, planned: registry.version, session)
            Console.write("no changes")
            return
        }
        if !changes.isEmpty { Console.write(DefinitionChange.lines(changes).joined(separator: "\n")) }
        if changes.contains(where: { $0.severity == .refused }) {
            throw CommandError("nothing was applied: the changes marked ! are refused")
        }
        let retired = changes.count { $0.severity == .retires }
        guard retired == 0 || allowRetire else {
            throw CommandError(
                "nothing was applied: \(Console.count(retired, "change")) marked - would hide what others may use; "
                    + "say --allow-retire if that is meant"
            )
        }
        show(pruned)
        if !yes { try Confirmation.ask("apply these changes?", nothingDone: "nothing was applied") }
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
        if json {
            for view in registry.views.sorted(by: { $0.name < $1.name }) {
                let total = totals[view.id]
                Console.write(
                    JSONObject([
                        ("view", .string(view.name)), ("keys", .listString(view.definition.keys.map(\.name))),
                        ("features", .listString(view.definition.features.map(\.name))),
                        ("rows", .int64(Int64(total?.rows ?? 0))),
                        ("newest_event_time", total?.newest.map { .timestamp($0) } ?? .null),
                    ]).text
                )
            }
            return
        }
        var table = TextTable(
            ["view", "keys", "features", "ttl", "rows", "newest event time", "description"],
            rightAligned: [2, 4]
        )
        for view in registry.views.sorted(by: { $0.name < $1.name }) {
            let definition = view.definition
            table.append([
                view.name, definition.keys.isEmpty ? "(global)" : definition.keys.map(\.name).joined(separator: ", "),
                String(definition.features.count), definition.ttl?.text ?? "-",
                Console.grouped(totals[view.id]?.rows ?? 0), totals[view.id]?.newest?.text ?? "-",
                Console.summary(definition.description ?? ""),
            ])
        }
        Console.write(table.text)
        guard !registry.definitions.services.isEmpty else { return }
        var services = TextTable(
            ["service", "version", "columns", "fingerprint", "description"],
            rightAligned: [1, 2]
        )
        for definition in registry.definitions.services.sorted(by: { $0.name < $1.name }) {
            services.append([
                definition.name, String(registry.service(named: definition.name)?.version ?? 0),
                String(definition.columns.count), definition.fingerprint,
                Console.summary(definition.description ?? ""),
            ])
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
            describe(service)
            return
        }
        if let view = registry.views.first(where: { $0.name == name }) {
            describe(view.definition)
            return
        }
        let known = registry.views.map(\.name) + registry.definitions.services.map(\.name)
        throw CommandError("no view or service '\(name)'\(Name.hint(for: name, among: known))")
    }

    /// `NAME` as it is in force, or `NAME@VERSION`.
    private func service(_ registry: Registry, _ session: Session) throws -> Registry.StoredService? {
        guard name.contains("@") else { return registry.service(named: name) }
        guard case .service(let service, let version?) = try FeatureSelection(text: name) else { return nil }
        return try .named(service, version: version, session)
    }

    private func describe(_ view: ViewDefinition) {
        let keys = view.keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")
        var lines = ["view       \(view.name)"]
        if let description = view.description { lines.append(Console.wrapped(description, indent: 11)) }
        if let owner = view.owner { lines.append("owner      \(owner)") }
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
        var table = TextTable(["feature", "type", "description"])
        for feature in view.features { table.append([feature.name, feature.type.text, feature.description ?? ""]) }
        Console.write(table.text)
    }

    private func describe(_ service: Registry.StoredService) {
        let definition = service.definition
        var lines = ["service      \(definition.name)@\(service.version)"]
        if let description = definition.description { lines.append(Console.wrapped(description, indent: 13)) }
        if let owner = definition.owner { lines.append("owner        \(owner)") }
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
