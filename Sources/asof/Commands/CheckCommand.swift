import ArgumentParser
import Operations
import Workflows

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Prove in SQL that ledger, history and online tables agree.",
        discussion: """
            Reads all of history. Below the table stand the first few entities, batches or positions that break a property. \
            Exit code 1 if one does not hold.
            """
    )

    @Argument(help: "Only these views.")
    var views: [String] = []
    @OptionGroup var store: StoreOptions

    func run() throws {
        let findings = try store.open(forWriting: false).check(views)
        var table = TextTable(["", "subject", "property", "violations"], rightAligned: [3])
        for finding in findings {
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

    private static func examples(_ finding: StoreCheck.Finding) -> String {
        let rest = finding.violations - finding.examples.count
        // Gaps are told as ranges.
        let isCut = finding.examples.count == OperationsLimits.checkExamplesMax && rest > 0
        let lines = finding.examples.map { "  " + $0 } + (isCut ? ["  … of \(finding.violations)"] : [])
        return (["\(finding.subject): \(finding.property), but not for:"] + lines).joined(separator: "\n")
    }
}
