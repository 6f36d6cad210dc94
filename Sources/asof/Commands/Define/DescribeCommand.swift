import ArgumentParser
import Features
import Store
import Workflows

struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show a view's or service's definition."
    )

    @Argument(help: "A view, a service, or SERVICE@VERSION.")
    var name: String
    @OptionGroup var store: StoreOptions

    func run() throws {
        switch try store.open(forWriting: false).describe(name) {
        case .view(let view, let project, let former): show(view, project: project, former)
        case .service(let service, let project): show(service, project: project)
        }
    }

    private func tagsText(_ tags: [String: String]) -> String {
        tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
    }

    private func projectText(_ project: String) -> String { project.isEmpty ? "none" : project }

    private func show(_ view: ViewDefinition, project: String?, _ former: FormerFeatures) {
        let keys = view.keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")
        var lines = ["view       \(view.name)"]
        if let description = view.description { lines.append(Console.wrapped(description, indent: 11)) }
        if let owner = view.owner { lines.append("owner      \(owner)") }
        if !view.tags.isEmpty { lines.append("tags       \(tagsText(view.tags))") }
        if let project { lines.append("project    \(projectText(project))") }
        lines.append("keys       \(keys.isEmpty ? "none: a global view" : keys)")
        if let windows = view.windows {
            lines.append("windows    of \(windows.of): computed when they are read")
        } else {
            lines.append("ttl        \(view.ttl?.text ?? "none: values never expire")")
        }
        lines.append("delay      \(view.delay.text)\(view.isStrict ? ", strict" : "")")
        if view.windows == nil {
            lines.append("missing    \(view.missing.rawValue)")
            lines.append("online     \(view.isOnline ? "yes" : "no")")
            lines.append("partition  \(view.partition.rawValue)")
        }
        if view.isBackfilled == true {
            lines.append("backfilled yes: `asof learn` takes rows as known at their event time and delay")
        }
        if let model = view.scoresOf { lines.append("scores     of \(model), written by `asof score`") }
        if let events = view.events { lines.append("events     by \(events.id)") }
        if let retention = view.retention {
            lines.append("retention  \(retention.text), applied by `asof drop-history`")
        }
        if let maxAge = view.maxAge { lines.append("max age    \(maxAge.text), checked by `asof status`") }
        if let source = view.source { lines.append("source     \(source.sql)") }
        Console.write(lines.joined(separator: "\n") + "\n")
        if let windows = view.windows {
            var table = TextTable(["feature", "type", "window"])
            for feature in view.features {
                table.append([feature.name, feature.type.text, windows.texts[feature.name] ?? ""])
            }
            return Console.write(table.text)
        }
        let isChecked = view.features.contains { $0.expectations != nil || $0.isPII }
        let isRenamed = !former.formerNames.isEmpty
        var table = TextTable(
            ["feature", "type"] + (isRenamed ? ["was"] : []) + (isChecked ? ["expected"] : []) + ["description"]
        )
        for feature in view.features {
            let expected = [feature.expectations?.text, feature.isPII ? "pii" : nil].compactMap(\.self)
            table.append(
                [feature.name, feature.type.text]
                    + (isRenamed ? [former.otherNames(of: feature.name).joined(separator: ", ")] : [])
                    + (isChecked ? [expected.joined(separator: ", ")] : [])
                    + [feature.description ?? ""]
            )
        }
        Console.write(table.text)
    }

    private func keys(_ column: FeatureColumn) -> String {
        column.keys.map { $0.viewKey == $0.from ? $0.from : "\($0.viewKey) = \($0.from)" }.joined(separator: ", ")
    }

    private func show(_ service: Registry.StoredService, project: String?) {
        let definition = service.definition
        var lines = ["service      \(definition.name)@\(service.version)"]
        if let description = definition.description { lines.append(Console.wrapped(description, indent: 13)) }
        if let owner = definition.owner { lines.append("owner        \(owner)") }
        if !definition.tags.isEmpty { lines.append("tags         \(tagsText(definition.tags))") }
        if let project { lines.append("project      \(projectText(project))") }
        lines.append("fingerprint  \(definition.fingerprint)")
        lines.append("rules        \(service.rules.fingerprint)")
        Console.write(lines.joined(separator: "\n") + "\n")
        var table = TextTable(["column", "type", "from", "keys"])
        for column in definition.columns {
            switch column {
            case .feature(let feature):
                let origin = feature.window.map { "\($0.text) of \($0.of)" } ?? "\(feature.view).\(feature.feature)"
                table.append([column.outputName, column.type.text, Console.cell(origin), keys(feature)])
            case .request: table.append([column.outputName, column.type.text, "the request", ""])
            case .derived(let derived):
                table.append([column.outputName, column.type.text, Console.cell(derived.expression), ""])
            }
        }
        for input in definition.inputs {
            table.append(["-", input.type.text, "\(input.view).\(input.feature)", keys(input)])
        }
        Console.write(table.text + "\n")
        if !definition.inputs.isEmpty { Console.write("-: looked up for expressions only\n") }
        var rules = TextTable(["role", "ttl", "delay", "strict"])
        for role in service.rules.roles {
            rules.append([
                role.prefix, role.rules.ttl?.text ?? "-", role.rules.delay.text, role.rules.isStrict ? "yes" : "no",
            ])
        }
        Console.write(rules.text)
    }
}
