import ArgumentParser
import Features
import Foundation
import Store
import Synchronization
import Workflows

struct StreamRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Read streams and store their records, until it is ended.",
        discussion: """
            Each stream has a thread and a connection of its own; where one fails the others go on, and the exit code is 1. \
            SIGTERM and Ctrl-C end it cleanly: what is not committed is read again by the next run.

            Several processes may run one stream: the store decides who stores a record, so none is stored twice; it is no \
            faster.
            """
    )

    @Argument(help: "The streams.")
    var names: [String] = []
    @Flag(help: "All streams of the store.")
    var all = false
    @Flag(help: "End once what the topics have now is stored.")
    var once = false
    @Flag(help: "End once nothing is left to read.")
    var untilCaughtUp = false
    @Option(
        help: ArgumentHelp(
            "How long a stream at its end waits between two commits, each of which is a row of the ledger. Default: 100ms.",
            valueName: "duration"
        )
    )
    var linger: String?
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object a stream at the end.")
    var json = false
    @OptionGroup var store: StoreOptions

    private static let lingerMsMax = 60_000

    func validate() throws {
        guard names.isEmpty == all else { throw ValidationError("name the streams, or give --all") }
        if once && untilCaughtUp { throw ValidationError("--once and --until-caught-up are two ends; give one") }
        _ = try lingerMs()
    }

    /// A duration, or a number of milliseconds.
    private func lingerMs() throws -> Int {
        guard let linger else { return StreamRunOptions().lingerMs }
        let milliseconds = Int(linger) ?? Interval(text: linger).map { Int($0.microseconds / 1_000) }
        guard let milliseconds, (0...Self.lingerMsMax).contains(milliseconds) else {
            throw ValidationError("--linger '\(linger)': expected 0 to 60s, as in 200ms")
        }
        return milliseconds
    }

    func run() throws {
        let open = try store.open(forWriting: true)
        Cancellation.begin(open.control)
        var options = StreamRunOptions(end: once ? .once : untilCaughtUp ? .caughtUp : .never)
        options.lingerMs = try lingerMs()
        let report = StreamReport(isQuiet: quiet || json)
        let start = ContinuousClock.now
        let environment = ProcessInfo.processInfo.environment
        let running = try open.startStreams(names, options: options, environment: environment) { report.tell($0) }
        let outcomes = running.wait()
        let elapsed = start.duration(to: .now)
        for outcome in outcomes {
            if json {
                Console.write(Self.json(outcome))
            } else if !quiet {
                Console.write(Self.text(outcome, elapsed))
            }
        }
        if outcomes.contains(where: { $0.failure != nil }) { throw ExitCode.failure }
    }

    private static func text(_ outcome: StreamOutcome, _ elapsed: Duration) -> String {
        let summary = outcome.summary
        guard summary.records > 0 || summary.lostBatches > 0 else { return "\(outcome.stream): nothing new" }
        var line = "\(outcome.stream): \(CountText.count(summary.records, "record")), "
        line += "\(CountText.count(summary.rows, "row")) stored"
        if summary.duplicates > 0 {
            line += "; \(CountText.grouped(summary.duplicates)) replaced by a later row of the same key and time"
        }
        if summary.rejects > 0 {
            line += "; \(CountText.grouped(summary.rejects)) set aside (asof stream rejects \(outcome.stream))"
        }
        if summary.lostBatches > 0 {
            line += "; \(CountText.count(summary.lostBatches, "batch", "batches")) stored by another process"
        }
        line += "; \(CountText.count(summary.batches, "commit")), \(Console.seconds(elapsed)), "
        line += Console.rate(summary.records, elapsed)
        if let position = summary.position { line += ", position \(position)" }
        return line
    }

    private static func json(_ outcome: StreamOutcome) -> String {
        let summary = outcome.summary
        return JSONObject([
            ("stream", .string(outcome.stream)), ("records", .int64(Int64(summary.records))),
            ("rows", .int64(Int64(summary.rows))), ("duplicates", .int64(Int64(summary.duplicates))),
            ("rejects", .int64(Int64(summary.rejects))), ("batches", .int64(Int64(summary.batches))),
            ("lost_batches", .int64(Int64(summary.lostBatches))),
            ("position", summary.position.map { .int64($0) } ?? .null),
            ("failure", outcome.failure.map { .string("\($0)") } ?? .null),
        ]).text
    }
}

/// What streams tell while they run, on standard error: where they begin, trouble at once, and progress now and then.
private final class StreamReport: Sendable {
    private let isQuiet: Bool
    /// When each was told last.
    private let told = Mutex<[Subject: ContinuousClock.Instant]>([:])

    private struct Subject: Hashable {
        enum Kind { case stored, lost }

        var stream: String
        var kind: Kind
    }

    private static let pause = Duration.seconds(10)

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    /// Batches that were lost are told at once, then now and then like progress, which a short run has none of.
    private func isDue(_ stream: String, _ kind: Subject.Kind) -> Bool {
        let subject = Subject(stream: stream, kind: kind)
        return told.withLock { told in
            guard let last = told[subject] else {
                told[subject] = .now
                return kind == .lost
            }
            guard last.duration(to: .now) >= Self.pause else { return false }
            told[subject] = .now
            return true
        }
    }

    func tell(_ event: StreamEvent) {
        switch event {
        case .began(let stream, let partitions):
            guard !isQuiet else { return }
            let places = partitions.sorted { $0.key < $1.key }.prefix(8).map { "\($0.key) at \($0.value)" }
            let more = partitions.count > places.count ? " and \(partitions.count - places.count) more" : ""
            Console.writeError("\(stream): reading partition \(places.joined(separator: ", "))\(more)")
        case .stored(let stream, let summary):
            guard !isQuiet else { return }
            guard isDue(stream, .stored) else { return }
            Console.writeError(
                "\(stream): \(CountText.count(summary.records, "record"))"
                    + (summary.position.map { ", position \($0)" } ?? "")
            )
        case .lost(let stream, let text):
            if !isQuiet, isDue(stream, .lost) { Console.writeError("\(stream): \(text); it goes on from there") }
        case .waiting(let stream, let text): Console.writeError("WARNING: \(stream): \(text); trying again")
        case .warning(let stream, let text): Console.writeError("WARNING: \(stream): \(text)")
        case .failed(_, let text): Console.writeError("asof: \(text)")
        }
    }
}
