import ArgumentParser
import Features
import Operations
import Store
import Workflows

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show the ledger: what was committed, newest first."
    )

    @Option(help: "Only this view's entries.")
    var view: String?
    @Option(name: [.customShort("n"), .long], help: "How many entries.")
    var limit = 20
    @Flag(help: "One JSON object a line.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
    }

    func run() throws {
        let lines = try store.open(forWriting: false).log(view: view, limit: limit)
        if json {
            for line in lines { Console.write(Self.json(line)) }
            return
        }
        var table = TextTable(
            ["position", "committed at", "kind", "view", "rows", "late", "suppressed", "from", "to", "uid", "source"],
            rightAligned: [0, 4, 5, 6]
        )
        for line in lines {
            table.append([
                String(line.position), line.committedAt.text, line.kind, line.view ?? "-", CountText.grouped(line.rows),
                line.lateRows.map { CountText.grouped($0) } ?? "-",
                line.suppressedRows.map { CountText.grouped($0) } ?? "-",
                line.earliest?.text ?? "-", line.latest?.text ?? "-", String(line.uid.prefix(8)), line.source ?? "-",
            ])
        }
        Console.write(table.text)
    }

    private static func json(_ line: Ledger.Line) -> String {
        JSONObject([
            ("position", .int64(line.position)), ("batch", .int64(line.batch)),
            ("committed_at", .timestamp(line.committedAt)), ("uid", .string(line.uid)), ("kind", .string(line.kind)),
            ("view", line.view.map { .string($0) } ?? .null), ("rows", .int64(line.rows)),
            ("late_rows", line.lateRows.map { .int64($0) } ?? .null),
            ("suppressed_rows", line.suppressedRows.map { .int64($0) } ?? .null),
            ("min_event_time", line.earliest.map { .timestamp($0) } ?? .null),
            ("max_event_time", line.latest.map { .timestamp($0) } ?? .null),
            ("source", line.source.map { .string($0) } ?? .null), ("role", line.role.map { .string($0) } ?? .null),
        ]).text
    }
}
