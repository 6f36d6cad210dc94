import ArgumentParser
import Features
import Operations
import Workflows

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show who changed what: definitions, models, users, removals, exports; oldest first.",
        discussion: """
            The database writes these lines itself, whoever changes something, and lets nobody change them: a role, where a \
            server did it its user and that user's address, and the position. Values and keys are not among them.

            Example: asof audit --since 2026-11-01T00:00:00Z
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Option(help: ArgumentHelp("Only what is not older: an RFC 3339 time.", valueName: "time"))
    var since: String?
    @Option(name: [.customShort("n"), .long], help: "At most so many lines, the newest.")
    var limit = 1_000
    @Flag(help: "One JSON object a line.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
        _ = try since.map { try TimeArgument.parse($0, option: "--since") }
    }

    func run() throws {
        let start = try since.map { try TimeArgument.parse($0, option: "--since") }
        let entries = try store.open(forWriting: false).audit(since: start, limit: limit)
        if json {
            for entry in entries { Console.write(Self.json(entry)) }
            return
        }
        var table = TextTable(
            ["at", "action", "subject", "detail", "position", "role", "user", "from"],
            rightAligned: [4]
        )
        for entry in entries {
            table.append([
                entry.at.text, entry.action, entry.subject ?? "-", entry.detail ?? "-",
                entry.position.map { String($0) } ?? "-", entry.role, entry.actor ?? "-", entry.from ?? "-",
            ])
        }
        Console.write(table.text)
    }

    private static func json(_ entry: AuditLog.Entry) -> String {
        func text(_ value: String?) -> Value { value.map { .string($0) } ?? .null }
        return JSONObject([
            ("at", .timestamp(entry.at)), ("action", .string(entry.action)), ("subject", text(entry.subject)),
            ("detail", text(entry.detail)), ("position", entry.position.map { .int64($0) } ?? .null),
            ("role", .string(entry.role)), ("user", text(entry.actor)), ("from", text(entry.from)),
            ("application", text(entry.application)),
        ]).text
    }
}
