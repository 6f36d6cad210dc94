import ArgumentParser
import Features
import Store
import Workflows

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Make logged predictions again and compare.",
        usage: "asof replay <model> [<options>]",
        discussion: """
            Rows of the log (log: 100% of the model) are drawn by chance. What the model read is not in the log: it is made again \
            at each row's position, as a server reads, with the request's fields, overrides and time; then the version that \
            answered scores it, and the bits are compared. A column that differs is named.

            Told apart is how many rows a training set of now would have with other values than were served, because rows came \
            late or a view has a delay.

            Exit codes: 0 equal, 1 different, 2 could not be checked.

            Examples:
              asof replay delay
              asof replay delay@7 --sample 10000 --from 2026-01-01T00:00:00Z
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Argument(help: "A model: MODEL (all versions), MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Option(help: ArgumentHelp("How many rows.", valueName: "n"))
    var sample = 1_000
    @Option(help: ArgumentHelp("Draws other rows.", valueName: "n"))
    var seed: UInt64 = 1
    @Option(help: ArgumentHelp("Rows that were served from then on: an RFC 3339 time.", valueName: "time"))
    var from: String?
    @Option(help: ArgumentHelp("Rows that were served before.", valueName: "time"))
    var to: String?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        _ = try request()
    }

    private func request() throws -> ReplayRequest {
        var request = ReplayRequest(model: model)
        request.sample = sample
        request.seed = seed
        request.from = try from.map { try TimeArgument.parse($0, option: "--from") }
        request.to = try to.map { try TimeArgument.parse($0, option: "--to") }
        return request
    }

    func run() throws {
        let result: ReplayResult
        do { result = try store.open(forWriting: false).replay(try request()) } catch {
            if case WorkflowError.usage = error { throw error }
            Console.writeError("asof: \(model) could not be checked: \(error)")
            throw ExitCode(2)
        }
        Console.write(json ? Self.json(result) : text(result))
        switch result.outcome {
        case .equal: return
        case .different: throw ExitCode(1)
        case .notChecked: throw ExitCode(2)
        }
    }

    private func text(_ result: ReplayResult) -> String {
        var lines: [String] = []
        if result.compared == 0, result.notCompared.isEmpty {
            let reason =
                result.isLogging
                ? "the model logs what servers answer, so nobody asked a server for it, with the version and times that are named here"
                : "`log: 100%` in features.yaml begins that"
            return "nothing is logged of \(model) that could be made again; \(reason)"
        }
        lines.append(
            "\(CountText.count(result.compared, "prediction")) made again, \(CountText.grouped(result.different)) different"
        )
        for (name, count) in result.byColumn.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            lines.append("  \(name) differs in \(CountText.count(count, "row"))")
        }
        for difference in result.differences { lines.append("different: \(difference.text)") }
        for (reason, count) in result.notCompared.sorted(by: { $0.key < $1.key }) {
            lines.append("not compared: \(CountText.count(count, "row")): \(reason)")
        }
        if result.stale > 0 {
            let columns = result.staleByColumn.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            let list = columns.map { "\($0.key) in \(CountText.grouped($0.value))" }
            lines.append(
                "stale: a training set would have \(CountText.count(result.stale, "row")) with other values: \(list.joined(separator: ", "))"
            )
        }
        for removal in result.removals {
            lines.append("\(removal.text)\(result.different > 0 ? ": what differs may be for want of it" : "")")
        }
        return lines.joined(separator: "\n")
    }

    private static func json(_ result: ReplayResult) -> String {
        func counts(_ counts: [String: Int]) -> JSONObject {
            JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, .int64(Int64($0.value))) })
        }
        var object = JSONObject([
            ("compared", .int64(Int64(result.compared))), ("different", .int64(Int64(result.different))),
            ("stale", .int64(Int64(result.stale))),
        ])
        object.append("differing_columns", counts(result.byColumn))
        object.append("stale_columns", counts(result.staleByColumn))
        object.append("not_compared", counts(result.notCompared))
        object.append("differences", .listString(result.differences.map(\.text)))
        object.append("removals", .listString(result.removals.map(\.text)))
        return object.text
    }
}
