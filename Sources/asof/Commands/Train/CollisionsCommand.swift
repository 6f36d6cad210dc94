import ArgumentParser
import Features
import Models
import Training
import Workflows

struct CollisionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collisions",
        abstract: "Show how many values of a model's hashes share a bucket.",
        discussion: """
            As it was measured on the training rows of the model's newest version. A share is of different values that have \
            another one in their bucket; expected is what chance gives on average. `10 % at` is the number of values at which \
            that average is 10 %: training refuses a measured share beyond it, unless the model says collisions: 20%.

            Examples:
              asof collisions delay
              asof collisions delay@3 --json
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Flag(help: "Print one JSON object for each hash.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let (version, all) = try store.open(forWriting: false).collisions(model)
        if json {
            for found in all { Console.write(Self.json(found)) }
            return
        }
        guard !all.isEmpty else {
            Console.write("\(version.model)@\(version.version) has no hashes")
            return
        }
        var table = TextTable(
            ["hash", "values", "buckets", "share", "expected", "of rows", "10 % at", "new a week", "suggested"],
            rightAligned: [1, 2, 3, 4, 5, 6, 7, 8]
        )
        for found in all {
            table.append([
                found.feature, "\(found.keys)", "\(found.buckets)", Self.percent(found.share),
                Self.percent(found.expected), Self.percent(found.rowShare), "\(found.keysAtTenPercent)",
                found.newAWeek.map { "\($0)" } ?? "-", "\(found.suggestedBuckets)",
            ])
        }
        Console.write(table.text)
        for found in all where !found.worst.isEmpty {
            Console.write(
                "\(found.feature): the worst pair is \(found.worst.joined(separator: " and ")), the rarer of which has \(CountText.count(found.worstRows, "row"))"
            )
        }
    }

    private static func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }

    private static func json(_ found: Collisions) -> String {
        JSONObject([
            ("hash", .string(found.feature)), ("values", .int64(Int64(found.keys))),
            ("buckets", .int64(Int64(found.buckets))), ("share", .float64(found.share)),
            ("expected", .float64(found.expected)), ("row_share", .float64(found.rowShare)),
            ("ten_percent_at", .int64(Int64(found.keysAtTenPercent))),
            ("new_a_week", found.newAWeek.map { .int64(Int64($0)) } ?? .null),
            ("suggested_buckets", .int64(Int64(found.suggestedBuckets))),
            ("worst", .string(found.worst.joined(separator: " and "))), ("worst_rows", .int64(Int64(found.worstRows))),
        ]).text
    }
}
