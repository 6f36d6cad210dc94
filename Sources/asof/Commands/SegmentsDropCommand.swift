import ArgumentParser
import Segments
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
        let outcome = try open.dropSegments(all ? nil : views, in: { try segments.location.require(open) })
        Console.write("\(CountText.count(outcome.files, "file")) removed from \(outcome.directory.root)")
    }
}
