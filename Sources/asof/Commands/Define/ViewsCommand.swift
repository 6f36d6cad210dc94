import ArgumentParser
import Features
import Workflows

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
        let listing = try store.open(forWriting: false).definitions()
        if json {
            for view in listing.views { Console.write(Self.json(view)) }
            return
        }
        // Shown where there are any.
        func cell(_ project: String) -> [String] { listing.hasProjects ? [project.isEmpty ? "-" : project] : [] }
        let column = listing.hasProjects ? ["project"] : []
        var table = TextTable(
            ["view", "keys", "features", "ttl", "rows", "newest event time"] + column + ["description"],
            rightAligned: [2, 4]
        )
        for view in listing.views {
            let definition = view.definition
            let keys = definition.keys.map(\.name).joined(separator: ", ")
            let cells = [
                definition.name, keys.isEmpty ? "(global)" : keys, String(definition.features.count),
                definition.ttl?.text ?? "-", CountText.grouped(view.rows), view.newest?.text ?? "-",
            ]
            table.append(cells + cell(view.project) + [Console.summary(definition.description ?? "")])
        }
        Console.write(table.text)
        guard !listing.services.isEmpty else { return }
        var services = TextTable(
            ["service", "version", "columns", "fingerprint"] + column + ["description"],
            rightAligned: [1, 2]
        )
        for service in listing.services {
            let definition = service.definition
            let cells = [
                definition.name, String(service.version), String(definition.columns.count), definition.fingerprint,
            ]
            let summary = Console.summary(definition.description ?? "")
            services.append(cells + cell(service.project) + [summary])
        }
        Console.write("\n" + services.text)
    }

    private static func json(_ view: DefinitionsListing.View) -> String {
        JSONObject([
            ("view", .string(view.definition.name)), ("keys", .listString(view.definition.keys.map(\.name))),
            ("features", .listString(view.definition.features.map(\.name))), ("project", .string(view.project)),
            ("rows", .int64(view.rows)), ("newest_event_time", view.newest.map { .timestamp($0) } ?? .null),
        ]).text
    }
}
