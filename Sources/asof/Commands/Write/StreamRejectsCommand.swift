import ArgumentParser
import Features
import Store
import Workflows

struct StreamRejectsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rejects",
        abstract: "Show records that a stream set aside, newest first.",
        discussion: """
            Of key and value the first 64 KiB are kept, for 30 days after they were set aside. They are the topic's raw data, \
            personal data included, and so is what --json prints; the table shows none of it but in reasons. Where there are \
            more than --limit, standard error says how many.
            """
    )

    @Argument(help: "The stream.")
    var name: String
    @Option(name: [.customShort("n"), .long], help: "How many.")
    var limit = 20
    @Flag(help: "One JSON object a record, with key and value; bytes that are no text as base64.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
    }

    func run() throws {
        let (rejects, count) = try store.open(forWriting: false).streamRejects(name, limit: limit)
        defer {
            if count > rejects.count {
                Console.writeError(
                    "\(name): the newest \(CountText.grouped(rejects.count)) of \(CountText.grouped(count)); all: --limit \(count)"
                )
            }
        }
        if json {
            for reject in rejects { Console.write(Self.json(reject)) }
            return
        }
        var table = TextTable(
            ["rejected at", "partition", "offset", "code", "bytes", "reason"],
            rightAligned: [1, 2, 4]
        )
        for reject in rejects {
            table.append([
                Timestamp(microseconds: reject.rejectedUs).text, String(reject.record.partition),
                String(reject.record.offset), reject.record.code.rawValue,
                reject.valueBytes.map { String($0) } ?? "-", Console.cell(reject.record.reason, limit: 160),
            ])
        }
        Console.write(rejects.isEmpty ? "\(name): nothing is set aside" : table.text)
    }

    private static func json(_ reject: StreamReject) -> String {
        let record = reject.record
        return JSONObject([
            ("partition", .int64(Int64(record.partition))), ("offset", .int64(record.offset)),
            ("time", record.timeUs.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null),
            ("rejected_at", .timestamp(Timestamp(microseconds: reject.rejectedUs))),
            ("code", .string(record.code.rawValue)), ("reason", .string(record.reason)),
            ("key", text(record.key)), ("value", text(record.value)),
            ("value_bytes", reject.valueBytes.map { .int64($0) } ?? .null),
        ]).text
    }

    private static func text(_ bytes: [UInt8]?) -> Value {
        guard let bytes else { return .null }
        return String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .bytes(bytes)
    }
}
