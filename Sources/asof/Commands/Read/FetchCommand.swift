import ArgumentParser
import Features
import Workflows

struct FetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Ask a running server for the features of a service, as a model would.",
        discussion: """
            Shows each feature with its value, its status (present, null, expired, missing) and the event time of the row \
            that it comes from; then the service's version, the fingerprints of its schema and of its rules, and the \
            position that is reflected.

            A key that comes a second time begins another row.

            Examples:
              asof fetch ranking user_id=1001
              asof fetch ranking user_id=1001 user_id=1002 --format csv
              asof fetch delay_model origin=JFK carrier=AA sched_dep=2013-07-04T14:00:00Z --at 2013-07-04T13:00:00Z
              asof fetch trip@2 origin=JFK dest=LAX --server features.internal:6567 --password-file password
            """
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json, csv
    }

    @Argument(help: "A service, or SERVICE@VERSION.")
    var service: String
    @Argument(help: ArgumentHelp("The service's keys and request fields.", valueName: "key=value"))
    var keys: [String] = []
    @OptionGroup var server: ServerOptions
    @Option(help: ArgumentHelp("Ask as of this time, at most now: an RFC 3339 time.", valueName: "time"))
    var at: String?
    @Option(help: "table, json (an object a row) or csv.")
    var format = Format.table

    func validate() throws {
        _ = try entities()
        _ = try at.map { try TimeArgument.parse($0, option: "--at") }
    }

    func run() throws {
        let client = try server.connect()
        let time = try at.map { try TimeArgument.parse($0, option: "--at") }
        let served = try FetchedFeatures(service, entities: try entities(), at: time, client)
        if let hint = Self.expiryHint(served) { Console.writeError(hint) }
        switch format {
        case .table: Console.write(Self.table(served))
        case .json: for row in served.rows { Console.write(Self.json(row, served)) }
        case .csv: Console.write(Self.csv(served))
        }
    }

    /// Where all that was found has expired: with data of years ago that is everything.
    private static func expiryHint(_ served: FetchedFeatures) -> String? {
        let statuses = served.rows.flatMap(\.statuses)
        guard statuses.contains("expired"), !statuses.contains(where: { ["present", "null"].contains($0) }),
            let newest = served.rows.flatMap(\.eventTimes).compactMap(\.self).max()
        else { return nil }
        return "asof: all values have expired: the newest row is of \(newest.text); --at \(newest.text) asks as of then"
    }

    /// Rows of keys; one without keys where none is given.
    private func entities() throws -> [[String: String]] {
        var rows: [[String: String]] = [[:]]
        for text in keys {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("'\(text)': expected key=value, as user_id=1001")
            }
            let name = String(parts[0])
            if rows[rows.count - 1][name] != nil { rows.append([:]) }
            rows[rows.count - 1][name] = String(parts[1])
        }
        return rows
    }

    // MARK: Output

    private static func table(_ served: FetchedFeatures) -> String {
        var parts: [String] = []
        for row in served.rows {
            var table = TextTable(["feature", "value", "status", "event time"])
            for (index, column) in served.columns.enumerated() {
                table.append([
                    column.name, Console.cell(row.values[index].text), row.statuses[index],
                    row.eventTimes[index]?.text ?? "-",
                ])
            }
            let name = zip(served.given, row.keys).map { "\($0.name)=\(Console.cell($1))" }.joined(separator: ", ")
            parts.append((name.isEmpty ? "" : name + "\n") + table.text)
        }
        parts.append(
            "service \(served.service)@\(served.version), schema \(served.fingerprint), "
                + (served.rules.map { "rules \($0), " } ?? "") + "position \(served.position)"
                + (served.time.map { ", at \($0.text)" } ?? "")
        )
        return parts.joined(separator: "\n\n")
    }

    private static func json(_ row: FetchedFeatures.Row, _ served: FetchedFeatures) -> String {
        var object = JSONObject([
            ("service", .string("\(served.service)@\(served.version)")), ("schema", .string(served.fingerprint)),
            ("rules", served.rules.map { .string($0) } ?? .null), ("position", .int64(served.position)),
            ("at", served.time.map { .timestamp($0) } ?? .null),
        ])
        var (keys, values, statuses, times) = (JSONObject(), JSONObject(), JSONObject(), JSONObject())
        for (key, text) in zip(served.given, row.keys) {
            let number = key.type == .int64 ? Int64(text) : nil
            keys.append(key.name, number.map { .int64($0) } ?? .string(text))
        }
        for (index, column) in served.columns.enumerated() {
            values.append(column.name, row.values[index])
            statuses.append(column.name, .string(row.statuses[index]))
            times.append(column.name, row.eventTimes[index].map { .timestamp($0) } ?? .null)
        }
        object.append("keys", keys)
        object.append("values", values)
        object.append("status", statuses)
        object.append("event_time", times)
        return object.text
    }

    private static func csv(_ served: FetchedFeatures) -> String {
        var lines = [(served.given.map(\.name) + served.columns.map(\.name)).joined(separator: ",")]
        for row in served.rows {
            let fields = row.keys.map { field(.string($0)) } + row.values.map(field)
            lines.append(fields.joined(separator: ","))
        }
        return lines.joined(separator: "\n")
    }

    /// Null is nothing, the empty string `""`, as everywhere.
    private static func field(_ value: Value) -> String {
        if case .null = value { return "" }
        let text = value.text
        guard text.isEmpty || text.contains(where: { ",\"\n\r".contains($0) || $0 == "\r\n" }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
