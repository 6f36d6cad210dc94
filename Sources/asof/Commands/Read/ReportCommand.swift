import ArgumentParser
import Features
import Foundation
import TrainingSets
import Workflows

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Print what a training set is like, before training on it.",
        discussion: """
            From the manifest alone: per feature nulls, NaN and infinities, smallest, mean, greatest and quantiles (a t-digest's, \
            exact for fewer than 4,096 values); per view how look-ups ended and how old matched values were at the label time. What \
            looks wrong is listed at the end. Of strings and bytes the numbers are lengths in bytes, of lists elements.
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Argument(help: "The manifest: FILE.manifest.json, or the FILE beside it.")
    var manifest: String

    func run() throws {
        let manifest = ManifestArgument.path(manifest)
        guard let described = try TrainingSetManifest(contentsOf: manifest) else {
            throw WorkflowError.refused("\(manifest): there is no such file, or it cannot be read")
        }
        let features = described.service.map { "\($0.name)@\($0.version)" } ?? described.features
        Console.write(
            "\(described.output.file): \(CountText.count(described.rows, "row")) of \(features), position "
                + "\(described.store.position), exported \(described.createdAt)\n"
        )
        Console.write(Self.views(described) + "\n")
        guard let quality = described.quality else {
            Console.write("the manifest has no numbers on features: an older asof made it")
            return
        }
        Console.write(Self.features(described, quality))
        let warnings = described.qualityWarnings
        if !warnings.isEmpty { Console.write("\n" + warnings.map { "WARNING: \($0.text)" }.joined(separator: "\n")) }
    }

    private static func views(_ manifest: TrainingSetManifest) -> String {
        var table = TextTable(
            ["view", "matched %", "missing %", "expired %", "age min", "p50", "p95", "max"],
            rightAligned: [1, 2, 3, 4, 5, 6, 7]
        )
        for (index, role) in manifest.roles.enumerated() {
            let ages = manifest.quality.flatMap { index < $0.ages.count ? $0.ages[index] : nil }
            table.append(
                [
                    role.prefix, percent(role.matched, manifest.rows), percent(role.missing, manifest.rows),
                    percent(role.expired, manifest.rows),
                ] + [ages?.minUs, ages?.p50Us, ages?.p95Us, ages?.maxUs].map { $0.map(StatusCommand.duration) ?? "-" }
            )
        }
        return table.text
    }

    private static func features(_ manifest: TrainingSetManifest, _ quality: TrainingSetQuality) -> String {
        let isComputed = manifest.columns.contains { $0.errors != nil }
        var table = TextTable(
            ["feature", "type", "null %"] + (isComputed ? ["error %"] : [])
                + ["nan", "inf", "min", "p1", "p5", "p25", "p50", "p75", "p95", "p99", "max", "mean"],
            rightAligned: Set(2..<(isComputed ? 16 : 15))
        )
        for (column, feature) in zip(manifest.columns, quality.features) {
            let quantiles = feature.quantiles
            table.append(
                [feature.name, column.type, percent(feature.nulls, manifest.rows)]
                    + (isComputed ? [column.errors.map { percent($0, manifest.rows) } ?? "-"] : [])
                    + [CountText.grouped(feature.nans), CountText.grouped(feature.infinities), number(feature.min)]
                    + [
                        quantiles?.p1, quantiles?.p5, quantiles?.p25, quantiles?.p50, quantiles?.p75, quantiles?.p95,
                        quantiles?.p99, feature.max, feature.mean,
                    ].map(number)
            )
        }
        return table.text
    }

    private static func percent(_ part: Int, _ whole: Int) -> String {
        String(format: "%.1f", Double(part) * 100 / Double(max(whole, 1)))
    }

    /// Five significant digits; times to the second, midnights as dates.
    private static func number(_ number: QualityNumber?) -> String {
        switch number {
        case nil: "-"
        case .integer(let value): value.magnitude < 1_000_000 ? String(value) : String(format: "%.5g", Double(value))
        case .real(let value): String(format: "%.5g", value)
        case .time(let text) where text.hasSuffix("T00:00:00Z"): String(text.prefix(10))
        case .time(let text): text.count > 20 ? text.prefix(19) + "Z" : text
        }
    }
}
