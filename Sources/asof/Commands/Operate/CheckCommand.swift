import ArgumentParser
import Features
import Operations
import Workflows

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Prove in SQL that ledger, history and online tables agree.",
        discussion: """
            Reads all of history. Below the table stand the first few entities, batches or positions that break a property. \
            Exit code 1 if one does not hold.

            For cron: asof check --quiet || alert
            """
    )

    @Argument(help: "Only these views.")
    var views: [String] = []
    @Option(name: .customLong("view"), help: ArgumentHelp("Only this view; may be repeated.", valueName: "view"))
    var namedViews: [String] = []
    @Flag(help: "Print nothing but what does not hold.")
    var quiet = false
    @Flag(help: "One JSON object for each property.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let findings = try store.open(forWriting: false).check(views + namedViews)
        if json {
            for finding in findings where !quiet || finding.violations != 0 { Console.write(Self.json(finding)) }
            if findings.contains(where: { $0.violations != 0 }) { throw ExitCode(1) }
            return
        }
        if quiet, findings.allSatisfy({ $0.violations == 0 }) { return }
        var table = TextTable(["", "subject", "property", "violations"], rightAligned: [3])
        for finding in findings where !quiet || finding.violations != 0 {
            table.append([
                finding.violations == 0 ? "ok" : "BROKEN", finding.subject, finding.property,
                String(finding.violations),
            ])
        }
        Console.write(table.text)
        let broken = findings.filter { $0.violations != 0 }
        guard !broken.isEmpty else { return }
        Console.write(broken.map(Self.examples).joined(separator: "\n"))
        let online = broken.filter { $0.property == StoreCheck.onlineProperty }.map(\.subject)
        if !online.isEmpty {
            Console.writeError(
                "asof: history decides; repair with `asof rebuild-online \(online.joined(separator: " "))`"
            )
        }
        if online.count < broken.count {
            Console.writeError(
                "asof: ledger and history are changed by nothing but asof: something else did; restore a backup from before, or "
                    + "undo what was done by hand"
            )
        }
        throw ExitCode(1)
    }

    /// `{"subject":"stats","property":"…","violations":0,"examples":[]}`.
    private static func json(_ finding: StoreCheck.Finding) -> String {
        JSONObject([
            ("subject", .string(finding.subject)), ("property", .string(finding.property)),
            ("violations", .int64(Int64(finding.violations))), ("examples", .listString(finding.examples)),
        ]).text
    }

    private static func examples(_ finding: StoreCheck.Finding) -> String {
        let rest = finding.violations - finding.examples.count
        // Gaps are told as ranges.
        let isCut = finding.examples.count == OperationsLimits.checkExamplesMax && rest > 0
        let lines = finding.examples.map { "  " + $0 } + (isCut ? ["  … of \(finding.violations)"] : [])
        return (["\(finding.subject): \(finding.property), but not for:"] + lines).joined(separator: "\n")
    }
}
