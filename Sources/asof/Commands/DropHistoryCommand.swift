import ArgumentParser
import Features
import Operations
import Store
import Workflows

struct DropHistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop-history",
        abstract: "Drop old history in whole partitions.",
        discussion: """
            A partition goes when all of it lies before the time. Without --before the time is now minus the view's \
            retention. Entities of which nothing is left go from the online table, too. Nothing is ever dropped by itself: \
            run this by a timer.

            Training sets that need what is gone can no longer be verified; `asof verify` says so.

            Examples:
              asof drop-history user_stats --before 2024-01-01 --dry-run
              asof drop-history --all --yes
            """
    )

    @Argument(help: "The view.")
    var view: String?
    @Flag(help: "Every view that has a retention.")
    var all = false
    @Option(help: ArgumentHelp("Drop what lies before this time.", valueName: "time"))
    var before: String?
    @Flag(help: "Only say what would be dropped.")
    var dryRun = false
    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if all == (view != nil) { throw ValidationError("name one view, or say --all") }
        if all && before != nil { throw ValidationError("--before needs a view: --all goes by each view's retention") }
        _ = try before.map { try TimeArgument.parse($0, option: "--before") }
    }

    func run() throws {
        let time = try before.map { try TimeArgument.parse($0, option: "--before") }
        let open = try store.open(forWriting: !dryRun)
        let registry = try Registry.load(open.session)
        let views = try view.map { [try registry.view(named: $0)] } ?? registry.views
        var drops: [(drop: HistoryDrop, before: Timestamp)] = []
        for view in views.sorted(by: { $0.name < $1.name }) {
            let drop = HistoryDrop(open.session, view)
            if let bound = try time ?? drop.retentionBound() { drops.append((drop, bound)) }
        }
        if let view, drops.isEmpty {
            throw WorkflowError.refused(
                "view '\(view)' has no retention; say --before TIME, or give it one in features.yaml"
            )
        }
        var planned: [(drop: HistoryDrop, before: Timestamp, summary: HistoryDrop.Summary)] = []
        for (drop, before) in drops { planned.append((drop, before, try drop.plan(before: before))) }
        show(planned)
        let work = planned.filter { $0.summary.partitions > 0 }
        if dryRun || work.isEmpty { return }
        if !yes { try Confirmation.ask("drop this history for good?", nothingDone: "nothing was dropped") }
        for (drop, before, _) in work {
            let (summary, state) = try drop.run(before: before)
            Console.write(
                "\(drop.view.name): dropped \(Console.count(summary.historyRows, "row")) in "
                    + "\(Console.count(summary.partitions, "partition")), position \(state?.position ?? 0)"
            )
        }
    }

    private func show(_ planned: [(drop: HistoryDrop, before: Timestamp, summary: HistoryDrop.Summary)]) {
        guard !planned.isEmpty else {
            Console.write("no view has a retention")
            return
        }
        var table = TextTable(
            ["view", "before", "partitions", "history rows", "online rows", "size"],
            rightAligned: [2, 3, 4, 5]
        )
        for (drop, before, summary) in planned {
            table.append([
                drop.view.name, (summary.before ?? before).text, Console.grouped(summary.partitions),
                Console.grouped(summary.historyRows), Console.grouped(summary.onlineRows), Console.size(summary.bytes),
            ])
        }
        Console.write(table.text)
        for (drop, _, summary) in planned
        where summary.partitions == 0 && drop.view.definition.partition == .none {
            Console.write("\(drop.view.name) has partition none: nothing of it can be dropped by time")
        }
    }
}
