import ArgumentParser
import Features
import Operations
import Store
import Workflows

struct RebuildOnlineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild-online",
        abstract: "Make online tables anew from history.",
        discussion: """
            One transaction a view: writers of the view wait for it, readers go on with the rows as they were. Rows that \
            are right are not touched.
            """
    )

    @Argument(help: "The views.")
    var views: [String] = []
    @Flag(help: "All views that have an online table.")
    var all = false
    @Flag(help: "Print one JSON object a view.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if all != views.isEmpty { throw ValidationError("name views, or say --all") }
    }

    func run() throws {
        let open = try store.open(forWriting: true)
        let registry = try Registry.load(open.session)
        let chosen =
            try all
            ? registry.views.filter(\.definition.isOnline).sorted { $0.name < $1.name }
            : views.map { try registry.view(named: $0) }
        for view in chosen {
            let start = ContinuousClock.now
            let outcome = try OnlineRebuild(open.session).run(view)
            if json {
                Console.write(
                    JSONObject([
                        ("view", .string(view.name)), ("entities", .int64(Int64(outcome.entities))),
                        ("written", .int64(Int64(outcome.written))), ("removed", .int64(Int64(outcome.removed))),
                        ("position", .int64(outcome.state.position)),
                    ]).text
                )
                continue
            }
            let wrong = outcome.written + outcome.removed
            Console.write(
                "\(view.name): \(Console.count(outcome.entities, "entity", "entities")), "
                    + (wrong == 0 ? "all were right" : "\(Console.grouped(wrong)) were not as history says")
                    + "; \(Console.seconds(start.duration(to: .now))), position \(outcome.state.position)"
            )
        }
    }
}
