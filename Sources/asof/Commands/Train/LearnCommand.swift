import ArgumentParser
import Features
import Models
import PointInTime
import Store
import Workflows

struct LearnCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learn",
        abstract: "Have a model learn from its labels, one after the other, and publish what it learned.",
        discussion: """
            The model is of the algorithm ftrl, has a version (asof train), and says in features.yaml where its labels are. Labels \
            are learned in the order in which they were committed, each with the features that were known when its prediction was \
            made. A run goes on where the last one ended, whatever ended it, and the weights are the same to the bit as of an \
            unbroken run; asof verify MODEL@VERSION.PUBLISH shows it.

            Servers answer by what is published: at the first commit of labels that is publish.every behind the last point, by the \
            times of the commits, and at the end of the run.

            Examples:
              asof learn delay                       what is committed now
              asof learn delay --until 812           up to a position of the ledger
              asof learn delay --follow              and whatever comes, until it is ended

            Exit codes: 0 done, 1 data or state error, 2 usage error, 130 and 143 ended by Ctrl-C or SIGTERM.
            """
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Option(help: ArgumentHelp("Learn what is committed up to this position of the ledger.", valueName: "position"))
    var until: Int64?
    @Flag(help: "Go on with whatever is committed, until it is ended.")
    var follow = false
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object at the end.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if follow, until != nil { throw ValidationError("--until and --follow are two ends; give one") }
        if let until, until < 0 { throw ValidationError("--until \(until): positions count from 0") }
    }

    func run() throws {
        var request = LearnRequest(model: model)
        if let until { request.until = .position(until) }
        if follow { request.until = .ever }
        let open = try store.open(forWriting: true)
        Cancellation.begin(open.control)
        let isSilent = quiet || json
        var line = Progress(isQuiet: isSilent)
        let result = try open.learn(request) { event in
            switch event {
            case .began(let version, let record):
                guard !isSilent else { return }
                let from = record.state.position > 0 ? "goes on behind position \(record.state.position)" : "begins"
                Console.write("\(version.model)@\(version.version) \(from)")
            case .committed(let record):
                line.update("position \(record.state.position), \(CountText.count(record.sums.examples, "label"))")
            case .published(let number, let record, let position):
                line.clear()
                guard !isSilent else { return }
                Console.write(
                    "published .\(number): \(CountText.count(record.sums.examples, "label")) up to position \(record.state.position), by position \(position)"
                )
            case .caughtUp: line.clear()
            }
        }
        line.clear()
        if json {
            Console.write(Self.json(result))
        } else if !quiet {
            Console.write(Self.text(result))
        }
    }

    private static func text(_ result: LearnResult) -> String {
        let (record, sums) = (result.record, result.record.sums)
        var parts = ["\(CountText.count(result.learned, "label")) learned, up to position \(record.state.position)"]
        if let loss = sums.meanLoss {
            parts.append(
                "progressive loss \(TrainedText.figure(loss)) of \(CountText.grouped(sums.examples)), each predicted before it was learned"
            )
        }
        for (count, what) in [
            (sums.withoutLabel, "without a label"), (sums.badLabels, "with a label that the task has not"),
            (
                sums.ahead ?? 0,
                "of predictions ahead of their own commit, which are not learned: check the unit of their times"
            ),
            (sums.corrections, "corrections, which a learner cannot take back"), (sums.deleted, "taken away"),
            (sums.clipped, "values beyond 100 deviations"),
        ] where count > 0 {
            parts.append("\(CountText.grouped(count)) \(what)")
        }
        return parts.joined(separator: "; ")
    }

    private static func json(_ result: LearnResult) -> String {
        let (record, sums) = (result.record, result.record.sums)
        return JSONObject([
            ("model", .string(result.version.model)), ("version", .int64(Int64(result.version.version))),
            ("position", .int64(record.state.position)), ("seq", .int64(record.seq)),
            ("learned", .int64(Int64(result.learned))), ("examples", .int64(Int64(sums.examples))),
            ("loss", sums.meanLoss.map { .float64($0) } ?? .null), ("without_label", .int64(Int64(sums.withoutLabel))),
            ("bad_labels", .int64(Int64(sums.badLabels))),
            ("ahead", .int64(Int64(sums.ahead ?? 0))), ("corrections", .int64(Int64(sums.corrections))),
            ("deleted", .int64(Int64(sums.deleted))), ("clipped", .int64(Int64(sums.clipped))),
            ("unseen", .int64(Int64(sums.unseen))),
            ("publishes", .listInt64(result.publishes.map { Int64($0) })),
        ]).text
    }
}

struct ModelsPublishesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publishes",
        abstract: "Show what a version that learns has published, newest first."
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Option(name: [.customShort("n"), .customLong("limit")], help: "How many.")
    var limit = 20
    @Flag(help: "Print one JSON object a publish.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let (version, record, publishes) = try store.open(forWriting: false).learner(model, publishes: max(limit, 0))
        if json {
            for publish in publishes {
                Console.write(
                    JSONObject([
                        ("publish", .string(publish.name)), ("position", .int64(publish.publishedAt)),
                        ("learned_position", .int64(publish.position)),
                        ("examples", .int64(Int64(publish.sums.examples))),
                        ("loss", publish.sums.meanLoss.map { .float64($0) } ?? .null),
                        ("digest", .string(ContentDigest.hex(publish.digest))),
                    ]).text
                )
            }
            return
        }
        let name = "\(version.model)@\(version.version)"
        guard let record else {
            Console.write("\(name) has not begun to learn; `asof learn \(version.model)` does")
            return
        }
        Console.write(
            "\(name) has learned \(CountText.count(record.sums.examples, "label")) up to position \(record.state.position)"
        )
        var table = TextTable(
            ["publish", "position", "labels up to", "labels", "loss", "digest"],
            rightAligned: [1, 2, 3, 4]
        )
        for publish in publishes {
            table.append([
                publish.name, "\(publish.publishedAt)", "\(publish.position)", "\(publish.sums.examples)",
                publish.sums.meanLoss.map { TrainedText.figure($0) } ?? "-",
                ContentDigest.hex(Array(publish.digest.prefix(8))),
            ])
        }
        Console.write(table.text)
    }
}
