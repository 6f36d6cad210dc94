import ArgumentParser
import Features
import Foundation
import Store
import Workflows

struct StreamStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how far streams are read, and how far behind they are.",
        discussion: """
            next: the first offset that is not stored. end: where committed records end now. lag: what lies between, ends \
            of transactions counted as well. behind: the age of the newest record that is stored, where there are more.

            A stream is stalled where its brokers do not answer, and where a run would end: at a record that cannot be stored \
            and is not set aside, behind records that were lost by retention, in a topic made anew or cut off at its end. \
            Exit code 1 then. The record that comes next is read for that; whether a run is there, stored at tells.
            """
    )

    @OptionGroup var streams: StreamNames
    @Flag(help: "Print one JSON object a partition, and one a stream without partitions.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: false)
        let all = try open.streamStatus(streams.names, environment: ProcessInfo.processInfo.environment)
        let now = Timestamp.now.microseconds
        if json {
            for status in all { Self.writeJSON(status, now) }
        } else if all.isEmpty {
            Console.write("the store has no streams")
        } else {
            Self.writeTable(all, now)
        }
        for status in all {
            if let trouble = status.trouble { Console.writeError("asof: \(status.definition.name): \(trouble)") }
        }
        if all.contains(where: { $0.trouble != nil }) { throw ExitCode.failure }
    }

    private static func writeTable(_ all: [StreamStatus], _ now: Int64) {
        var table = TextTable(
            ["stream", "state", "partition", "next", "end", "lag", "behind", "newest record", "stored at", "rejects"],
            rightAligned: [2, 3, 4, 5, 6, 9]
        )
        for status in all {
            let head = [status.definition.name, status.state]
            let rejects = CountText.grouped(status.rejects)
            if status.partitions.isEmpty { table.append(head + ["-", "-", "-", "-", "-", "-", "-", rejects]) }
            for (index, partition) in status.partitions.enumerated() {
                let position = partition.position
                table.append(
                    head + [
                        String(partition.partition), position.map { String($0.next) } ?? "-",
                        partition.high.map { String($0) } ?? "-",
                        partition.lag.map { CountText.grouped(Int($0)) } ?? "-",
                        partition.lagUs(now: now).map { Console.seconds(.microseconds($0)) } ?? "-",
                        position?.last?.timeUs.map { Timestamp(microseconds: $0).text } ?? "-",
                        position.map { Timestamp(microseconds: $0.updatedUs).text } ?? "-",
                        index == 0 ? rejects : "",
                    ]
                )
            }
        }
        Console.write(table.text)
    }

    private static func writeJSON(_ status: StreamStatus, _ now: Int64) {
        func number(_ value: Int64?) -> Value { value.map { .int64($0) } ?? .null }
        func time(_ value: Int64?) -> Value { value.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null }
        let head: [(String, Value)] = [
            ("stream", .string(status.definition.name)), ("state", .string(status.state)),
            ("topic", .string(status.definition.kafka.topic)), ("rejects", .int64(Int64(status.rejects))),
            ("trouble", status.trouble.map { .string($0) } ?? .null),
        ]
        if status.partitions.isEmpty { Console.write(JSONObject(head + [("partition", .null)]).text) }
        for partition in status.partitions {
            let position = partition.position
            Console.write(
                JSONObject(
                    head + [
                        ("partition", .int64(Int64(partition.partition))), ("next", number(position?.next)),
                        ("end", number(partition.high)), ("lag", number(partition.lag)),
                        ("lag_seconds", partition.lagUs(now: now).map { .float64(Double($0) / 1e6) } ?? .null),
                        ("last_offset", number(position?.last?.offset)), ("last_time", time(position?.last?.timeUs)),
                        ("updated_at", time(position?.updatedUs)),
                        ("writer", position.map { .string($0.origin.writer) } ?? .null),
                    ]
                ).text
            )
        }
    }
}
