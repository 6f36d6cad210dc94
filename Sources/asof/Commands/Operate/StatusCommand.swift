import ArgumentParser
import Features
import Operations
import Store
import Workflows

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the store and its views stand.",
        discussion: """
            age: PostgreSQL's clock minus the newest event time. lag: how late the newest event arrived, its commit minus \
            its event time. watermark: up to where `asof materialize` has asked the view's source.

            Features with expectations follow, with what commits of the last 7 days counted of them: rows and nulls in \
            commits that had something to count, values stored although they are not as expected (warned), and rows not \
            stored for that (refused), as far as a commit came of their batch.

            Exit code 1 if a view's age is over its max_age, or a view with a max_age has no rows.
            """
    )

    @Flag(help: "One JSON object a line: first the store's, then one a view, then one a feature with expectations.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let status = try store.open(forWriting: false).status()
        if json {
            Console.write(Self.json(status))
            for view in status.views { Console.write(Self.json(view)) }
            for feature in status.expectations { Console.write(Self.json(feature)) }
        } else {
            show(status)
        }
        let stale = status.views.filter(\.isStale)
        guard !stale.isEmpty else { return }
        for view in stale {
            let state = view.ageUs.map { "is \(Self.duration($0)) old" } ?? "has no rows"
            Console.writeError("asof: view '\(view.name)' \(state); its max_age is \(view.maxAge?.text ?? "")")
        }
        throw ExitCode(1)
    }

    private func show(_ status: StoreStatus) {
        let version = status.serverVersion
        Console.write(
            """
            store     \(status.storeID), schema \(status.schema)
            server    PostgreSQL \(version / 10_000).\(version % 10_000)\(status.isStandby ? ", a standby" : ""), \
            database \(Console.size(status.databaseBytes))
            position  \(status.head.position)\(status.head.committedAt.map { ", \(Timestamp(microseconds: $0).text)" } ?? "")
            ledger    \(CountText.count(status.head.position, "commit")), \(Console.size(status.ledgerBytes)); a day: \
            \(CountText.count(Int(status.commitsPerDay.rounded()), "commit")), \
            \(Console.size(Int64(status.ledgerBytesPerDay.rounded())))

            """
        )
        var table = TextTable(
            [
                "view", "rows", "newest event time", "age", "lag", "watermark", "max age", "history", "online", "parts",
                "last batch",
            ],
            rightAligned: [1, 3, 4, 6, 7, 8, 9]
        )
        for view in status.views {
            table.append([
                view.name, CountText.grouped(view.rows), view.newest?.text ?? "-",
                view.ageUs.map { Self.duration($0) + (view.isStale ? " !" : "") } ?? (view.isStale ? "!" : "-"),
                view.lagUs.map(Self.duration) ?? "-", view.watermark?.text ?? "-", view.maxAge?.text ?? "-",
                Console.size(view.historyBytes), Console.size(view.onlineBytes), CountText.grouped(view.partitions),
                view.lastBatch.map { "\($0.position) \($0.kind) \($0.committedAt.text)" } ?? "-",
            ])
        }
        Console.write(status.views.isEmpty ? "no views" : table.text)
        for denial in status.denied {
            Console.write(
                "role \(denial.role.onOneLine), which is connected, cannot read view '\(denial.view)': asof grant-sql "
                    + "\(StoreError.shellWord(denial.role)) writer (or reader) prints what gives it the rights"
            )
        }
        if !status.expectations.isEmpty { Console.write("\n" + Self.table(status.expectations).text) }
    }

    /// Features with what they expect, and what writes of the last days were like.
    private static func table(_ features: [ExpectationStatus]) -> TextTable {
        var table = TextTable(
            [
                "feature", "expected", "last \(OperationsLimits.expectationStatusDays)d: rows", "null %", "warned",
                "refused",
                "last",
            ],
            rightAligned: [2, 3, 4, 5]
        )
        for feature in features {
            let isOver = feature.isOverNullsMax ? " !" : ""
            table.append([
                feature.name, feature.expectations.text, CountText.grouped(feature.rows),
                feature.stored == 0 ? "-" : ExpectationTally.percent(feature.nulls, of: feature.stored) + isOver,
                CountText.grouped(feature.warned), CountText.grouped(feature.refused),
                feature.lastFailedAt?.text ?? "-",
            ])
        }
        return table
    }

    /// `3h 12m`: the two largest units.
    static func duration(_ microseconds: Int64) -> String {
        let sign = microseconds < 0 ? "-" : ""
        let seconds = microseconds.magnitude / 1_000_000
        let text: String
        switch seconds {
        case 0: text = microseconds == 0 ? "0s" : "\(microseconds.magnitude / 1_000)ms"
        case ..<60: text = "\(seconds)s"
        case ..<3_600: text = "\(seconds / 60)m \(seconds % 60)s"
        case ..<86_400: text = "\(seconds / 3_600)h \(seconds % 3_600 / 60)m"
        default: text = "\(seconds / 86_400)d \(seconds % 86_400 / 3_600)h"
        }
        return sign + text
    }

    private static func json(_ status: StoreStatus) -> String {
        JSONObject([
            ("store", .string(status.storeID)), ("schema", .int64(Int64(status.schema))),
            ("server_version", .int64(Int64(status.serverVersion))), ("standby", .bool(status.isStandby)),
            ("now", .timestamp(status.now)), ("position", .int64(status.head.position)),
            ("committed_at", status.head.committedAt.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null),
            ("database_bytes", .int64(status.databaseBytes)),
            ("ledger_bytes", .int64(status.ledgerBytes)), ("commits_per_day", .float64(status.commitsPerDay)),
            ("ledger_bytes_per_day", .float64(status.ledgerBytesPerDay)),
            ("denied", .listString(status.denied.map { "\($0.role) \($0.view)" })),
        ]).text
    }

    private static func json(_ view: StoreStatus.View) -> String {
        func seconds(_ microseconds: Int64?) -> Value { microseconds.map { .float64(Double($0) / 1e6) } ?? .null }
        let last = view.lastBatch
        return JSONObject([
            ("view", .string(view.name)), ("rows", .int64(view.rows)),
            ("newest_event_time", view.newest.map { .timestamp($0) } ?? .null), ("age_s", seconds(view.ageUs)),
            ("lag_s", seconds(view.lagUs)), ("watermark", view.watermark.map { .timestamp($0) } ?? .null),
            ("max_age_s", seconds(view.maxAge?.microseconds)), ("stale", .bool(view.isStale)),
            ("history_bytes", .int64(view.historyBytes)), ("online_bytes", .int64(view.onlineBytes)),
            ("partitions", .int64(Int64(view.partitions))),
            ("last_position", last.map { .int64($0.position) } ?? .null),
            ("last_kind", last.map { .string($0.kind) } ?? .null),
            ("last_committed_at", last.map { .timestamp($0.committedAt) } ?? .null),
            ("last_rows", last.map { .int64($0.rows) } ?? .null),
        ]).text
    }

    private static func json(_ feature: ExpectationStatus) -> String {
        JSONObject([
            ("feature", .string(feature.name)), ("expected", .string(feature.expectations.text)),
            ("rows", .int64(feature.rows)), ("nulls", .int64(feature.nulls)), ("warned", .int64(feature.warned)),
            ("refused", .int64(feature.refused)), ("over_max_null", .bool(feature.isOverNullsMax)),
            ("counted_since", feature.countedSince.map { .timestamp($0) } ?? .null),
            ("last_failed_at", feature.lastFailedAt.map { .timestamp($0) } ?? .null),
        ]).text
    }
}
