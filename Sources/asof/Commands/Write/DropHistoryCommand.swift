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
    @Flag(help: "Drop events, too, that windows in force need.")
    var breaksWindows = false
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
        let request = view.map { DropHistoryRequest.view($0, before: time) } ?? .byRetention
        let open = try store.open(forWriting: !dryRun)
        if dryRun {
            show(try open.planDropping(request, breaksWindows: breaksWindows))
            return
        }
        _ = try open.dropHistory(
            request,
            breaksWindows: breaksWindows,
            confirm: { planned in
                show(planned)
                guard planned.contains(where: { $0.summary.partitions > 0 }) else { return false }
                if !yes { try Confirmation.ask("drop this history for good?", nothingDone: "nothing was dropped") }
                return true
            },
            progress: { outcome in
                Console.write(
                    "\(outcome.view.name): dropped \(CountText.count(outcome.summary.historyRows, "row")) in "
                        + "\(CountText.count(outcome.summary.partitions, "partition")), position \(outcome.position)"
                )
            }
        )
    }

    private func show(_ planned: [DropHistoryPlan]) {
        guard !planned.isEmpty else {
            Console.write("no view has a retention")
            return
        }
        var table = TextTable(
            ["view", "before", "partitions", "history rows", "online rows", "size"],
            rightAligned: [2, 3, 4, 5]
        )
        for plan in planned {
            let summary = plan.summary
            table.append([
                plan.view.name, (summary.before ?? plan.before).text, CountText.grouped(summary.partitions),
                CountText.grouped(summary.historyRows), CountText.grouped(summary.onlineRows),
                Console.size(summary.bytes),
            ])
        }
        Console.write(table.text)
        for plan in planned
        where plan.summary.partitions == 0 && plan.view.definition.partition == .none {
            Console.write("\(plan.view.name) has partition none: nothing of it can be dropped by time")
        }
    }
}
