import ArgumentParser
import Features
import Store
import Workflows

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Ask a model about many entities and store its answers in a view.",
        discussion: """
            The view is declared with scores: { model: MODEL } and has score, model_version and model_position. All rows are read \
            at one position and as of one time, as a server would answer then; FS.GET, services and psql read the answers as any \
            other features. An entity that no view knows gets the model's fallback.

            A run that is ended goes on where it was when it is started again with the --at and --position that it printed.

            Examples:
              asof score buys --into picks
              asof score buys@7 --into picks --spine users.parquet
              asof score delay --into delays --spine flights.csv --at 2013-10-08T00:00:00Z
            """
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Option(help: ArgumentHelp("The view that takes the scores.", valueName: "view"))
    var into: String
    @Option(
        help: ArgumentHelp(
            "A file with keys and request fields of each row. Default: every entity that a view of the model's service knows.",
            valueName: "file"
        )
    )
    var spine: String?
    @Flag(help: "Every entity that a view of the model's service knows: what is done without --spine.")
    var allEntities = false
    @Option(help: ArgumentHelp("Score as of a moment: an RFC 3339 time. Default: now.", valueName: "time"))
    var at: String?
    @Option(help: ArgumentHelp("Read the state, and the champion, that this ledger position names.", valueName: "n"))
    var position: Int64?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        _ = try at.map { try TimeArgument.parse($0, option: "--at") }
        if allEntities, spine != nil { throw ValidationError("--all-entities and --spine: say one of them") }
    }

    func run() throws {
        var request = ScoreRequest(model: model, into: into)
        request.spine = spine
        request.time = try at.map { try TimeArgument.parse($0, option: "--at") }
        request.position = position
        let result = try store.open(forWriting: true).score(request) { event in
            guard case .began(let model, let version, let time, let position, let entities) = event else { return }
            let count = entities.map { " \(CountText.count($0, "row"))" } ?? ""
            Console.writeError("scoring\(count) by \(model)@\(version): --at \(time.text) --position \(position)")
        }
        for warning in result.warnings { Console.writeError("WARNING: \(warning)") }
        Console.write(json ? Self.json(result) : text(result))
    }

    private func text(_ result: ScoreResult) -> String {
        var parts = ["\(CountText.count(result.rows, "score")) of version \(result.version) into view \(into)"]
        if result.resumedAt > 0 { parts.append("\(result.resumedAt) of them by a run before") }
        if result.fallbacks > 0 { parts.append("\(result.fallbacks) by the fallback: no view knows their entities") }
        parts.append("read at position \(result.position)")
        if let state = result.state { parts.append("stored by position \(state.position)") }
        return parts.joined(separator: "; ")
    }

    private static func json(_ result: ScoreResult) -> String {
        JSONObject([
            ("version", .int64(Int64(result.version))), ("time", .string(result.time.text)),
            ("read_position", .int64(result.position)), ("rows", .int64(Int64(result.rows))),
            ("fallbacks", .int64(Int64(result.fallbacks))), ("resumed_at", .int64(Int64(result.resumedAt))),
            ("position", result.state.map { .int64($0.position) } ?? .null),
        ]).text
    }
}
