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
            """,
        // See CommandGroups.
        shouldDisplay: false
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
        _ = try store.open(forWriting: true).rebuildOnline(all ? nil : views) { outcome in
            Console.write(json ? Self.json(outcome) : Self.text(outcome))
        }
    }

    private static func json(_ outcome: RebuildOutcome) -> String {
        let rebuilt = outcome.rebuilt
        return JSONObject([
            ("view", .string(outcome.view.name)), ("entities", .int64(Int64(rebuilt.entities))),
            ("written", .int64(Int64(rebuilt.written))), ("removed", .int64(Int64(rebuilt.removed))),
            ("position", .int64(rebuilt.state.position)),
        ]).text
    }

    private static func text(_ outcome: RebuildOutcome) -> String {
        let rebuilt = outcome.rebuilt
        let wrong = rebuilt.written + rebuilt.removed
        return "\(outcome.view.name): \(CountText.count(rebuilt.entities, "entity", "entities")), "
            + (wrong == 0 ? "all were right" : "\(CountText.grouped(wrong)) were not as history says")
            + "; \(Console.seconds(outcome.elapsed)), position \(rebuilt.state.position)"
    }
}
