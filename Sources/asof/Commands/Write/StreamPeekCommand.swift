import ArgumentParser
import Features
import Foundation
import Workflows

struct StreamPeekCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peek",
        abstract: "Show what a stream's records become, without storing any.",
        discussion: """
            Records from where the stream goes on; of one that was not read yet, and of one at its end, the newest of each \
            partition. One JSON object a record: its rows by view, or a fault. Features marked pii are not shown.
            """
    )

    @Argument(help: "The stream.")
    var name: String
    @Option(name: [.customShort("n"), .long], help: "How many records.")
    var count = 5
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard (1...10_000).contains(count) else { throw ValidationError("--count must be 1 to 10000") }
    }

    func run() throws {
        let open = try store.open(forWriting: false)
        Cancellation.begin(open.control)
        let records = try open.peekStream(name, count: count, environment: ProcessInfo.processInfo.environment)
        for record in records {
            var object = JSONObject([
                ("partition", .int64(Int64(record.partition))), ("offset", .int64(record.offset)),
                ("time", record.time.map { .timestamp($0) } ?? .null),
            ])
            if let fault = record.fault { object.append("fault", .string(fault)) }
            for row in record.rows { object.append(row.view, JSONObject(row.values)) }
            Console.write(object.text)
        }
        if records.isEmpty { Console.writeError("\(name): the topic has no records") }
    }
}
