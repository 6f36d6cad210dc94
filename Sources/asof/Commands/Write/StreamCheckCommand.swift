import ArgumentParser
import Foundation
import Workflows

struct StreamCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look at brokers, topics and some records before anything is stored.",
        discussion: "Exit code 1 where something would keep a stream from being read."
    )

    @OptionGroup var streams: StreamNames
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: false)
        Cancellation.begin(open.control)
        let findings = try open.checkStreams(streams.names, environment: ProcessInfo.processInfo.environment)
        for finding in findings {
            Console.write("\(finding.isGood ? "ok    " : "BROKEN")  \(finding.stream): \(finding.text)")
        }
        if findings.isEmpty { Console.write("the store has no streams") }
        if findings.contains(where: { !$0.isGood }) { throw ExitCode.failure }
    }
}
