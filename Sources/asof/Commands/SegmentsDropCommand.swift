import ArgumentParser
import Segments
import Store
import Workflows

struct SegmentsDropCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Remove files of segments. History is not touched.",
        discussion: "Segments are a cache: what is removed, `asof segments build` makes again."
    )

    @Argument(help: "The views.")
    var views: [String] = []
    @Flag(help: "Everything in the directory, also of views that are gone.")
    var all = false
    @OptionGroup var segments: SegmentOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if all != views.isEmpty { throw ValidationError("name views, or say --all") }
    }

    func run() throws {
        let open = try store.open(forWriting: true)
        let registry = try Registry.load(open.session)
        let chosen = try all ? nil : views.map { try registry.view(named: $0) }
        let directory = try segments.location.require(open)
        let lock = try directory.lock()
        let count = try SegmentRemoval(open.session, directory: directory).run(chosen)
        _ = consume lock
        Console.write("\(Console.count(count, "file")) removed from \(directory.root)")
    }
}
