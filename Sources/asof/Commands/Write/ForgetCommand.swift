import ArgumentParser
import Features
import Operations
import Workflows

struct ForgetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Remove one entity from history and online tables.",
        discussion: """
            Every view of the entity loses the rows of that key, retired views, too, in one transaction. The ledger \
            records counts and a slow salted hash of the key, never the key: whoever has a key can ask when it was \
            forgotten (--dry-run says so).

            Not reached: exported files, backups, the write-ahead log, and features that hold the key as a value. An \
            ingest of the same rows brings them back. `asof verify` names the removal where a training set had the entity.

            Example: asof forget user 1001
            """
    )

    @Argument(help: "The entity's name, as in features.yaml.")
    var entity: String
    @Argument(help: "Its key.")
    var key: String
    @Flag(help: "Only say what would be removed.")
    var dryRun = false
    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false
    @Flag(help: "One JSON object.")
    var json = false
    @OptionGroup var segments: SegmentOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: !dryRun)
        if dryRun {
            let plan = try open.planForgetting(entity, key: key)
            if json {
                write(plan.counts, predictions: plan.predictions, position: nil)
                return
            }
            show(plan)
            for time in try open.forgotten(entity, key: key) {
                Console.write("this key was forgotten at \(time.text)")
            }
            return
        }
        let outcome = try open.forget(
            entity,
            key: key,
            segments: segments.location,
            warning: { Console.writeError("WARNING: \($0)") },
            confirm: { plan in
                if !json {
                    show(plan)
                    if plan.counts.isEmpty, plan.predictions == 0 { return false }
                }
                if !yes { try Confirmation.ask("forget this entity for good?", nothingDone: "nothing was forgotten") }
                return true
            }
        )
        guard let outcome else { return }
        if json {
            write(outcome.counts, predictions: outcome.predictions, position: outcome.position)
            return
        }
        if outcome.predictions > 0 {
            Console.write("forgotten: \(CountText.count(outcome.predictions, "logged prediction"))")
        }
        guard outcome.position != nil else { return }
        let rows = outcome.counts.reduce(0) { $0 + $1.historyRows }
        Console.write(
            "forgotten: \(CountText.count(rows, "row")) of \(CountText.count(outcome.counts.count, "view")), "
                + "position \(outcome.position ?? 0)"
        )
        if let marked = outcome.markedSegments, marked > 0 {
            Console.write(
                "\(CountText.count(marked, "segment")) here \(marked == 1 ? "has" : "have") these rows on disk until "
                    + "`asof segments build`, and \(marked == 1 ? "is" : "are") read without them"
            )
        }
        if let unread = outcome.unreadSegments, unread > 0 {
            Console.write(
                "\(CountText.count(unread, "segment")) may still have these rows and are not read any more; "
                    + "run `asof segments build` on every host that has segments"
            )
        }
    }

    private func show(_ plan: ForgetPlan) {
        if !plan.counts.isEmpty || plan.predictions == 0 { show(plan.counts) }
        if plan.predictions > 0 {
            Console.write("the log has \(CountText.count(plan.predictions, "prediction")) about it")
        }
        for view in plan.namesakes {
            Console.write("not touched: view \(view) has a key '\(plan.entity.key)' of another entity")
        }
    }

    private func show(_ counts: [Forgetting.Count]) {
        guard !counts.isEmpty else {
            Console.write("nothing is stored of \(entity) with this key")
            return
        }
        var table = TextTable(["view", "history rows", "online rows", ""], rightAligned: [1, 2])
        for count in counts {
            table.append([
                count.view, CountText.grouped(count.historyRows), CountText.grouped(count.onlineRows),
                count.isRetired ? "(retired)" : "",
            ])
        }
        Console.write(table.text)
    }

    private func write(_ counts: [Forgetting.Count], predictions: Int, position: Int64?) {
        var views = JSONObject()
        for count in counts {
            views.append(
                count.view,
                JSONObject([("history_rows", .int64(count.historyRows)), ("online_rows", .int64(count.onlineRows))])
            )
        }
        var object = JSONObject([
            ("entity", .string(entity)), ("predictions", .int64(Int64(predictions))),
            ("position", position.map { .int64($0) } ?? .null),
        ])
        object.append("views", views)
        Console.write(object.text)
    }
}
