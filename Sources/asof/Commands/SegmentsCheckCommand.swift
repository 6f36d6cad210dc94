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
        let registry = try Registry.load(open.session)
        let chosen = try registry.views(named: views)
        let directory = try segments.location.require(open)
        let check = SegmentCheck(open.session, directory: directory, format: ParquetSegments())
        var (count, faults) = (0, 0)
        var faulty: [String] = []
        for view in chosen {
            var progress = Progress(isQuiet: json)
            let findings = try check.run(view) { done, all in
                progress.update(view.name, rows: 0, done: Double(done) / Double(all))
            }
            progress.clear()
            if findings.contains(where: { $0.fault != nil }) { faulty.append(view.name) }
            for finding in findings {
                count += 1
                faults += finding.fault == nil ? 0 : 1
                if json {
                    Console.write(
                        JSONObject([
                            ("view", .string(view.name)), ("file", .string(finding.file)),
                            ("fault", finding.fault.map { .string($0) } ?? .null),
                        ]).text
                    )
                } else if let fault = finding.fault {
                    Console.write("\(finding.file): \(fault)")
                }
            }
        }
        let strays = try check.strays()
        if !json {
            for stray in strays { Console.write("\(stray): not listed; the next build removes it") }
            Console.write(
                "\(Console.count(count, "file")) checked, \(faults == 0 ? "all in order" : "\(faults) not in order")"
            )
        }
        guard faults == 0 else {
            Console.writeError(
                "asof: \(Console.count(faults, "file")) not in order; "
                    + "repair with `asof segments build --again \(faulty.joined(separator: " "))`"
            )
            throw ExitCode(1)
        }
    }
}
