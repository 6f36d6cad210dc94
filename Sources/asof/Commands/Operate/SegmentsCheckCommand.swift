import ArgumentParser
import Columnar
import Features
import Segments
import Store
import Workflows

struct SegmentsCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read every file and compare it with what was written and with history.",
        discussion: """
            Each file's SHA-256, order, positions and number of rows; the last also against history. Exit code 1 if a file \
            is not as it should be; `asof segments build --again` repairs it.
            """
    )

    @Argument(help: "The views; none = all.")
    var views: [String] = []
    @OptionGroup var segments: SegmentOptions
    @Flag(help: "Print one JSON object a file.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: false)
        var line = Progress(isQuiet: json)
        let outcomes = try open.checkSegments(
            views,
            in: { try segments.location.require(open) },
            format: ParquetSegments(),
            progress: { progress in
                switch progress {
                case .began: line = Progress(isQuiet: json)
                case .files(let view, let done, let all):
                    line.update(view.name, rows: 0, done: Double(done) / Double(all))
                case .done(let outcome):
                    line.clear()
                    write(outcome)
                }
            }
        )
        let count = outcomes.views.reduce(0) { $0 + $1.findings.count }
        let faults = outcomes.views.reduce(0) { $0 + $1.faults }
        if !json {
            for stray in outcomes.strays { Console.write("\(stray): not listed; the next build removes it") }
            Console.write(
                "\(CountText.count(count, "file")) checked, \(faults == 0 ? "all in order" : "\(faults) not in order")"
            )
        }
        guard faults == 0 else {
            let faulty = outcomes.views.filter { $0.faults > 0 }.map(\.view.name).joined(separator: " ")
            Console.writeError(
                "asof: \(CountText.count(faults, "file")) not in order; "
                    + "repair with `asof segments build --again \(faulty)`"
            )
            throw ExitCode(1)
        }
    }

    private func write(_ outcome: SegmentCheckOutcome) {
        for finding in outcome.findings {
            if json {
                Console.write(
                    JSONObject([
                        ("view", .string(outcome.view.name)), ("file", .string(finding.file)),
                        ("fault", finding.fault.map { .string($0) } ?? .null),
                    ]).text
                )
            } else if let fault = finding.fault {
                Console.write("\(finding.file): \(fault)")
            }
        }
    }
}
