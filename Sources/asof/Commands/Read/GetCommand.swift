import ArgumentParser
import Features
import Store
import TrainingSets
import Workflows

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Read the features of entities: the latest, or those of a moment.",
        discussion: """
            An ENTITY is the bare key of a one-key view (1001), else key=value pairs (origin=JFK,dest=LAX); \\, \\= and \
            '\\ ' stand for those characters in a value. A global view needs none.

            --at TIME reads what a training set with that label time would see: delay and strict apply. An entity that \
            nobody stored is no error: its values are null, their status missing. Request fields of a service stand beside \
            its keys; an empty one is null, unless it is a string or bytes.

            Examples:
              asof get user_stats 1001 1002
              asof get ranking 1001 --at 2026-01-31T12:00:00Z --json
              asof get route_delays origin=JFK,dest=LAX
              asof get delay_model origin=JFK,carrier=AA,sched_dep=2026-01-31T12:00:00Z
            """
    )

    @Argument(help: "A view, a service, SERVICE@VERSION, or features: view.feature,view.*")
    var what: String
    @Argument(help: "Entities.")
    var entities: [String] = []
    @Option(help: ArgumentHelp("Read the values of a moment: an RFC 3339 time.", valueName: "time"))
    var at: String?
    @Option(help: ArgumentHelp("Read the state that this ledger position names.", valueName: "n"))
    var position: Int64?
    @Flag(help: "One JSON object an entity; values in full, where tables cut them.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws { _ = try at.map { try TimeArgument.parse($0, option: "--at") } }

    func run() throws {
        let moment: EntityLookup.Moment = try at.map { .at(try TimeArgument.parse($0, option: "--at")) } ?? .latest
        let request = GetRequest(features: what, entities: entities, moment: moment, position: position)
        var expiry = ExpiryHint()
        try store.open(forWriting: false).features(request) { found in
            Console.write(json ? found.json : found.text)
            expiry.add(found)
        }
        if let hint = expiry.text(at: at) { Console.writeError(hint) }
    }
}

/// Says where nothing is shown since all of it has expired: with data of years ago that is everything.
private struct ExpiryHint {
    private var isAll = true
    /// The newest row of all, and its view's TTL.
    private var newest: (time: Timestamp, view: ViewDefinition, ttl: Interval)?

    mutating func add(_ found: EntityFeatures) {
        for (role, row) in zip(found.plan.roles, found.rows) {
            guard row.statuses.allSatisfy({ $0 == .expired }), let ttl = role.view.definition.ttl,
                let time = row.eventTime
            else {
                if row.isValid { isAll = false }
                continue
            }
            if time > newest?.time ?? .earliest { newest = (time, role.view.definition, ttl) }
        }
    }

    /// - Parameter moment: what --at says.
    func text(at moment: String?) -> String? {
        guard isAll, let newest else { return nil }
        let by = moment.map { "at \($0)" } ?? "by the clock"
        let known = newest.time.microseconds + newest.view.delay.microseconds + (newest.view.isStrict ? 1 : 0)
        return "asof: all values have expired \(by): the newest row is of \(newest.time.text), and the ttl of "
            + "'\(newest.view.name)' is \(newest.ttl.text); --at \(Timestamp(microseconds: known).text) reads as of then"
    }
}

extension EntityFeatures {
    fileprivate var json: String {
        var object = JSONObject()
        object.append("entity", JSONObject(zip(keys, entity).map { ($0.name, $1) }))
        var values = JSONObject()
        var statuses = JSONObject()
        for cell in cells {
            values.append(cell.column.outputName, cell.value)
            statuses.append(cell.column.outputName, .string(cell.status.rawValue))
        }
        object.append("values", values)
        object.append("status", statuses)
        var views = JSONObject()
        for (role, row) in zip(plan.roles, rows) {
            views.append(
                role.prefix,
                JSONObject([
                    ("event_time", row.eventTime.map { .timestamp($0) } ?? .null),
                    ("known_at", row.knownAt.map { .timestamp($0) } ?? .null),
                    ("position", row.position.map { .int64($0) } ?? .null),
                ])
            )
        }
        object.append("views", views)
        return object.text
    }

    fileprivate var text: String {
        var table = TextTable(
            ["feature", "value", "status", "event time", "known at", "position"],
            rightAligned: [5]
        )
        for cell in cells {
            let row = cell.row
            table.append([
                cell.column.outputName, Console.cell(cell.value.text), cell.status.rawValue,
                row?.eventTime?.text ?? "-", row?.knownAt?.text ?? "-", row?.position.map { String($0) } ?? "-",
            ])
        }
        let name = zip(keys, entity).map { "\($0.name)=\($1.text)" }.joined(separator: ", ")
        return (name.isEmpty ? "" : name + "\n") + table.text
    }
}
