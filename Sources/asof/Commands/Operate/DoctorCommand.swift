import ArgumentParser
import Features
import Operations
import Workflows

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what breaks the store, hurts it, or soon will.",
        discussion: """
            Server version, migrations, settings, clocks, disk space, long snapshots, indexes and partitions, vacuum. Writes \
            nothing; what the role may not see is skipped, and said so.

            Exit code 1 if something is broken; warnings do not count.
            """
    )

    @Flag(help: "One JSON object a finding.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let location = try store.locate()
        // The cluster, where there is one, stays up meanwhile.
        let findings = try withExtendedLifetime(location) { try OpenStore.diagnose(location.conninfo) }
        if json {
            for finding in findings { Console.write(Self.json(finding)) }
        } else {
            for finding in findings { Console.write(Self.text(finding)) }
        }
        if findings.contains(where: { $0.severity == .broken }) { throw ExitCode(1) }
    }

    private static func text(_ finding: Doctor.Finding) -> String {
        let word = finding.severity == .broken ? "BROKEN" : finding.severity.rawValue
        func column(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        var lines = [column(word, 9) + column(finding.subject, 17) + finding.what]
        if let why = finding.why { lines.append(Console.wrapped(why, indent: 26)) }
        if let remedy = finding.remedy { lines.append(Console.wrapped("-> " + remedy, indent: 26)) }
        return lines.joined(separator: "\n")
    }

    private static func json(_ finding: Doctor.Finding) -> String {
        JSONObject([
            ("severity", .string(finding.severity.rawValue)), ("subject", .string(finding.subject)),
            ("what", .string(finding.what)), ("why", finding.why.map { .string($0) } ?? .null),
            ("remedy", finding.remedy.map { .string($0) } ?? .null),
        ]).text
    }
}
