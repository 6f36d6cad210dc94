import ArgumentParser
import Features
import Materializing
import Store
import Workflows

struct MaterializeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "materialize",
        abstract: "Run batch views' SQL and store what is new.",
        discussion: """
            A batch view has source.sql with :from and :to, which are bound to a window of event times. By default that \
            is from the view's watermark, less its lateness, to now; at the first run from the earliest event time. The \
            SQL runs read-only in your own role. Rows that history has already with equal values are left out, so \
            that the same window twice stores nothing twice; floats count as equal within the view's tolerance (1e-12 of \
            their value where nothing else is said).

            Each chunk is one commit: a run that was stopped goes on where it ended.
            """
    )

    @Argument(help: "The views.")
    var views: [String] = []
    @Flag(help: "All batch views, each after those that its SQL reads.")
    var all = false
    @Option(help: "Event times from here on, inclusive.")
    var from: String?
    @Option(help: "Event times up to here, exclusive.")
    var to: String?
    @Option(help: "The length of a chunk, as in 1d or 6h; by default days, as many as make a chunk of a good size.")
    var chunk: String?
    @Flag(help: "Count the rows of each chunk; store nothing.")
    var dryRun = false
    @Flag(help: "Wait for another run of the same view instead of giving up.")
    var wait = false
    @Option(help: "How many partitions a run may open.")
    var newPartitionsMax = Limits.newPartitionsMax
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object a view.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if all != views.isEmpty { throw ValidationError("name views, or say --all") }
        if newPartitionsMax < 1 { throw ValidationError("--new-partitions-max must be positive") }
        _ = try options()
    }

    private func options() throws -> MaterializationOptions {
        var options = MaterializationOptions()
        options.from = try from.map { try TimeArgument.parse($0, option: "--from") }
        options.to = try to.map { try TimeArgument.parse($0, option: "--to") }
        if let from = options.from, let to = options.to, from >= to {
            throw ValidationError("--from must lie before --to")
        }
        if let chunk {
            guard let interval = Interval(text: chunk), interval > .zero else {
                throw ValidationError("--chunk '\(chunk)': expected a positive integer and a unit (us ms s m h d w)")
            }
            options.chunk = interval
        }
        options.isDryRun = dryRun
        options.newPartitionsMax = newPartitionsMax
        return options
    }

    func run() throws {
        let open = try store.open(forWriting: !dryRun)
        Cancellation.begin(open.control)
        let request = MaterializeRequest(views: all ? nil : views, options: try options(), waits: wait)
        var line = Progress(isQuiet: true)
        defer { line.clear() }
        let outcomes = try open.materialize(request) { progress in
            switch progress {
            case .waiting(let view, let holder):
                if !quiet { Console.writeError("\(view): waiting for \(holder)") }
            case .began: line = Progress(isQuiet: quiet || json || dryRun)
            case .chunk(let view, let window, let before, let done):
                line.update(
                    "\(view.name): chunk \(before.chunks + 1), \(window.text)",
                    rows: before.rows,
                    done: done
                )
            case .chunkDone(let view, let chunk): if dryRun && !quiet { write(chunk, view) }
            case .done(let outcome):
                line.clear()
                report(outcome)
            case .failed(_, let error):
                line.clear()
                Console.writeError("asof: \(error)")
            case .leftOut(let view, let cause):
                Console.writeError("asof: view '\(view.name)' was left out: it reads '\(cause)'")
            }
        }
        if !outcomes.failed.isEmpty { throw ExitCode(1) }
    }

    private func write(_ chunk: Materialization.Chunk, _ view: StoredView) {
        if json {
            Console.write(
                JSONObject([
                    ("view", .string(view.name)), ("from", .timestamp(chunk.window.lowerBound)),
                    ("to", .timestamp(chunk.window.upperBound)), ("rows", .int64(Int64(chunk.rows))),
                ]).text
            )
        } else {
            Console.write("\(view.name): \(chunk.window.text): \(CountText.count(chunk.rows, "row"))")
        }
    }

    private func report(_ outcome: MaterializeOutcome) {
        let (view, window, summary) = (outcome.view, outcome.window, outcome.summary)
        for warning in summary.warnings { Console.writeError("WARNING: \(view.name): \(warning)") }
        if json {
            if dryRun { return }
            Console.write(
                JSONObject([
                    ("view", .string(view.name)), ("from", .timestamp(window.lowerBound)),
                    ("to", .timestamp(window.upperBound)), ("chunks", .int64(Int64(summary.chunks))),
                    ("rows", .int64(Int64(summary.rows))), ("stored", .int64(Int64(summary.stored))),
                    ("known", .int64(Int64(summary.known))), ("suppressed", .int64(Int64(summary.suppressed))),
                    ("refused", .int64(Int64(summary.tally.refused))), ("warned", .int64(Int64(summary.tally.warned))),
                    ("late", .int64(Int64(summary.late))),
                    ("watermark", summary.watermark.map { .timestamp($0) } ?? .null),
                    ("position", summary.state.map { .int64($0.position) } ?? .null),
                ]).text
            )
            return
        }
        guard !quiet else { return }
        guard summary.chunks > 0 else {
            Console.write("\(view.name): nothing to do up to \(window.upperBound.text)")
            return
        }
        var line = "\(view.name): \(window.text), \(CountText.count(summary.chunks, "chunk")): "
        line += CountText.count(summary.rows, "row")
        if dryRun {
            Console.write(line + "; nothing was stored")
            return
        }
        line += ", \(CountText.grouped(summary.stored)) new"
        if summary.suppressed > 0 {
            let tolerance = (view.definition.source?.tolerance ?? .standard).text
            line +=
                "; \(CountText.count(summary.suppressed, "correction")) within the tolerance of \(tolerance) left out"
        }
        if summary.tally.refused > 0 { line += ", \(CountText.grouped(summary.tally.refused)) refused by expectations" }
        if summary.tally.warned > 0 { line += ", \(CountText.count(summary.tally.warned, "value")) not as expected" }
        if summary.late > 0 { line += "; \(CountText.count(summary.late, "entity", "entities")) late" }
        line += "; \(Console.seconds(outcome.elapsed)), \(Console.rate(summary.rows, outcome.elapsed))"
        if let state = summary.state { line += ", position \(state.position)" }
        if let watermark = summary.watermark, watermark != window.upperBound {
            line += "; the watermark stays at \(watermark.text)"
        }
        Console.write(line)
    }
}
