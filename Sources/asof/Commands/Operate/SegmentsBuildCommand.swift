import ArgumentParser
import Columnar
import Features
import Segments
import Store
import Synchronization
import Workflows

struct SegmentsBuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Write the segments of views, or bring them up to date.",
        discussion: """
            Reads the partitions that have new rows, and writes their files anew; a few new rows of a partition stay in \
            PostgreSQL until they are more. Removes files of what was dropped, and what a killed run left.

            A run that is ended early loses the files it was at; run it again.
            """
    )

    @Argument(help: "The views; none = all.")
    var views: [String] = []
    @OptionGroup var segments: SegmentOptions
    @Option(
        help: ArgumentHelp(
            "A partition's new rows stay in PostgreSQL while they are fewer than this and than 5 % of its file; 0 = none.",
            valueName: "n"
        )
    )
    var tailRows = 50_000
    @Option(help: ArgumentHelp("Partitions that are read side by side.", valueName: "n"))
    var jobs = 2
    @Option(
        help: ArgumentHelp("What this process may take, about; the server's sorts not counted.", valueName: "amount")
    )
    var memory = "1GiB"
    @Flag(help: "Write every file anew.")
    var again = false
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object a view.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if tailRows < 0 { throw ValidationError("--tail-rows \(tailRows): expected 0 or more") }
        if !(1...64).contains(jobs) { throw ValidationError("--jobs \(jobs): expected 1 to 64") }
        let amount = try MemoryArgument.parse(memory, option: "--memory")
        if amount < 64 << 20 { throw ValidationError("--memory \(memory): at least 64MiB are needed") }
    }

    func run() throws {
        let open = try store.open(forWriting: true)
        var options = SegmentBuildOptions()
        options.tailRowsMax = tailRows
        options.memoryBytes = try MemoryArgument.parse(memory, option: "--memory")
        options.rebuildsAll = again
        let output = BuildOutput(isQuiet: quiet, isJSON: json)
        _ = try open.buildSegments(
            SegmentBuildRequest(views: views, jobs: jobs, options: options),
            in: { try segments.location.make(open) },
            format: ParquetSegments(),
            progress: output.show
        )
    }
}

/// What a build tells its user.
private final class BuildOutput: Sendable {
    private let isQuiet: Bool
    private let isJSON: Bool
    private let line: Mutex<Progress>

    init(isQuiet: Bool, isJSON: Bool) {
        self.isQuiet = isQuiet
        self.isJSON = isJSON
        line = Mutex(Progress(isQuiet: true))
    }

    @Sendable func show(_ progress: SegmentBuildProgress) {
        switch progress {
        case .waiting(let directory):
            if !isQuiet {
                Console.writeError("asof: another build is at work in \(directory.root); this one waits for it")
            }
        case .swept(let files):
            if !isQuiet, !isJSON {
                Console.write("\(CountText.count(files, "file")) removed that belonged to nothing any more")
            }
        case .began: line.withLock { $0 = Progress(isQuiet: isQuiet || isJSON) }
        case .rows(let view, let now):
            line.withLock {
                let done = now.rowsExpected == 0 ? 0 : Double(now.rows) / Double(now.rowsExpected)
                $0.update(view.name, rows: now.rows, done: min(done, 0.99))
            }
        case .done(let outcome):
            line.withLock { $0.clear() }
            write(outcome)
        }
    }

    private func write(_ outcome: SegmentBuildOutcome) {
        let (view, summary, elapsed) = (outcome.view, outcome.summary, outcome.elapsed)
        if !isQuiet {
            for repair in summary.repairs { Console.writeError("WARNING: \(repair); it was written anew") }
        }
        if isJSON {
            Console.write(
                JSONObject([
                    ("view", .string(view.name)), ("written", .int64(Int64(summary.written))),
                    ("rows", .int64(summary.rows)), ("bytes", .int64(summary.bytes)),
                    ("unchanged", .int64(Int64(summary.unchanged))), ("behind", .int64(Int64(summary.behind))),
                    ("tail_rows", .int64(summary.tailRows)), ("position", .int64(summary.state?.position ?? 0)),
                ]).text
            )
            return
        }
        guard !isQuiet else { return }
        var parts: [String] = []
        if summary.written > 0 {
            parts.append(
                "\(CountText.count(summary.written, "file")) written, \(CountText.count(summary.rows, "row")), "
                    + "\(Console.size(summary.bytes)), \(Console.rate(Int(summary.rows), elapsed))"
            )
        }
        if summary.unchanged > 0 { parts.append("\(CountText.grouped(summary.unchanged)) unchanged") }
        if summary.behind > 0 {
            parts.append(
                "\(CountText.grouped(summary.behind)) with new rows that stay in PostgreSQL: "
                    + CountText.grouped(summary.tailRows)
            )
        }
        Console.write(
            "\(view.name): \(parts.isEmpty ? "no rows" : parts.joined(separator: "; ")); \(Console.seconds(elapsed)), "
                + "position \(summary.state?.position ?? 0)"
        )
    }
}
