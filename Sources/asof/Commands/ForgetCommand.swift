import ArgumentParser
import Features
import Operations
import Store
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
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: !dryRun)
        let definitions = try Registry.load(open.session).definitions
        let forgetting = try Forgetting(open.session, entity: entity, key: key, definitions)
        if !json {
            let found = try forgetting.count()
            show(found)
            for view in try forgetting.namesakes() {
                Console.write(
                    "not touched: view \(view) has a key '\(forgetting.entity.key)' of another entity"
                )
            }
            if dryRun {
                for time in try forgetting.earlier() { Console.write("this key was forgotten at \(time.text)") }
                return
            }
            if found.isEmpty { return }
        } else if dryRun {
            write(try forgetting.count(), nil)
            return
        }
        if !yes { try Confirmation.ask("forget this entity for good?", nothingDone: "nothing was forgotten") }
        let (counts, state) = try forgetting.run()
        if json {
            write(counts, state)
            return
        }
        let rows = counts.reduce(0) { $0 + $1.historyRows }
        Console.write(
            "forgotten: \(Console.count(rows, "row")) of \(Console.count(counts.count, "view")), position \(state?.position ?? 0)"
        )
        let files = try forgetting.segmentCount()
        if files > 0 {
            Console.write(
                "\(Console.count(files, "segment")) may still have these rows and are not read any more; "
                    + "run `asof segments build` on every host that has segments"
            )
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
                count.view, Console.grouped(count.historyRows), Console.grouped(count.onlineRows),
                count.isRetired ? "(retired)" : "",
            ])
        }
        Console.write(table.text)
    }

    private func write(_ counts: [Forgetting.Count], _ state: LedgerState?) {
        var views = JSONObject()
        for count in counts {
            views.append(
                count.view,
                JSONObject([("history_rows", .int64(count.historyRows)), ("online_rows", .int64(count.onlineRows))])
            )
        }
        var object = JSONObject([
            ("entity", .string(entity)), ("position", state.map { .int64($0.position) } ?? .null),
        ])
        object.append("views", views)
        Console.write(object.text)
    }
}
