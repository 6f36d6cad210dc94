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
        let files = outcome.files
        Console.write("\(CountText.count(files.removed, "file")) removed from \(outcome.directory.root)")
        if files.kept > 0 {
            Console.write(
                "\(CountText.count(files.kept, "object")) not used any more, kept for a day for those who read them; a build or "
                    + "`asof segments drop --all` removes them then"
            )
        }
        guard let failure = files.failures.first else { return }
        throw WorkflowError.refused(
            "\(CountText.count(files.failures.count, "file")) not used any more could not be removed: \(failure); "
                + "`asof segments drop --all` tries again"
        )
    }
}
