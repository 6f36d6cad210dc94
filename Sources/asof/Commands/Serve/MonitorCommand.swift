import ArgumentParser
import Drift
import Features
import Foundation
import Models
import Workflows

struct MonitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Compare a model's traffic with its training set, and its predictions with labels.",
        usage: "asof monitor <model> [<options>]",
        discussion: """
            Servers count what a model reads and says, of all traffic, in the bins of its training set, and store sums each \
            minute. A column alarms where the shift matters and is no chance: its PSI above 0.2 after its sampling noise was \
            subtracted, and above twice the largest of the column's eight windows before; nulls 5 points and three times more; \
            texts that training had not seen above 20 % (from 5 % on a warning); values beyond what training had above 1 %. \
            Fewer than 500 rows say nothing.

            With --labels, logged predictions of the last --days days are joined with the first label of their keys from their \
            time on, up to the model's label_delay, and judged by day and version.

            Exit codes: 0 done, 1 data or state error, or with --fail an alarm, 2 usage error.

            Examples:
              asof monitor delay
              asof monitor delay --window 7d --fail
              asof monitor delay --labels arrivals.late
              asof monitor delay --labels labels.parquet --label-time at --json
            """
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Option(help: ArgumentHelp("Traffic of this time up to now, as 1d.", valueName: "duration"))
    var window = "1d"
    @Option(help: ArgumentHelp("Where labels are: VIEW.FEATURE, or a file.", valueName: "source"))
    var labels: String?
    @Option(help: ArgumentHelp("Of a file of labels: its column of times.", valueName: "column"))
    var labelTime: String?
    @Option(help: ArgumentHelp("Unit of integer times of that file: s, ms, us or ns.", valueName: "unit"))
    var timeUnit: String?
    @Option(help: ArgumentHelp("Judge predictions of so many days.", valueName: "n"))
    var days = 14
    @Flag(help: "Exit with 1 where something alarms.")
    var fail = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws { _ = try request() }

    private func request() throws -> MonitorRequest {
        var request = MonitorRequest(model: model)
        guard let interval = Interval(text: window) else {
            throw ValidationError("--window '\(window)': expected a duration, as 1d")
        }
        request.window = interval
        request.days = days
        if let labels {
            if let labelTime {
                try TimeArgument.checkUnit(timeUnit)
                request.labels = .file(labels, labelTime: labelTime, unit: timeUnit.flatMap { TimeUnit(rawValue: $0) })
            } else {
                let parts = labels.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2, !FileManager.default.fileExists(atPath: labels) else {
                    throw ValidationError(
                        "--labels '\(labels)': expected VIEW.FEATURE, or a file with --label-time COLUMN"
                    )
                }
                request.labels = .view(parts[0], feature: parts[1])
            }
        }
        let isFile = labels != nil && labelTime != nil
        guard isFile || (labelTime == nil && timeUnit == nil) else {
            throw ValidationError("--label-time and --time-unit belong to --labels FILE")
        }
        return request
    }

    func run() throws {
        let report = try store.open(forWriting: false).monitor(try request())
        Console.write(json ? Self.json(report) : text(report))
        if fail, report.isAlarm { throw ExitCode(1) }
    }

    // MARK: Text

    private func text(_ report: MonitorReport) -> String {
        let name = "\(report.version.model)@\(report.version.version)"
        var parts: [String] = []
        if let findings = report.findings {
            parts.append(
                "\(name): \(CountText.count(report.rows, "prediction")) from \(report.from.text) to \(report.to.text), beside its training set"
            )
            var table = TextTable(
                ["column", "psi", "alarm from", "null", "in training", "unseen", "beyond", ""],
                rightAligned: [1, 2, 3, 4, 5, 6]
            )
            for finding in findings {
                table.append([
                    finding.name, finding.psi.map { Self.number($0) } ?? "-", Self.number(finding.threshold),
                    Self.percent(finding.nullShare), Self.percent(finding.referenceNullShare),
                    Self.percent(finding.unseenShare), Self.percent(finding.outsideShare),
                    finding.isAlarm ? "ALARM" : finding.signs.isEmpty ? "" : "warning",
                ])
            }
            parts.append(table.text)
            for (column, sign) in report.alarms {
                parts.append("\(sign.severity == .alarm ? "ALARM" : "warning") \(column): \(sign.text)")
            }
            let silent = findings.filter { $0.psi == nil }.map(\.name)
            if silent.count == findings.count {
                parts.append("too few rows to say more: 500 are needed, of traffic and of training")
            } else if !silent.isEmpty {
                parts.append("no PSI of \(silent.joined(separator: ", ")): training had fewer than 500 rows of it")
            }
            if report.alarms.isEmpty { parts.append("nothing alarms") }
        } else {
            parts.append(
                "\(name) has nothing to compare traffic with: it was registered without its training rows, or before they were kept; train it again"
            )
        }
        if let quality = report.quality { parts.append(Self.text(quality)) }
        return parts.joined(separator: "\n")
    }

    private static func text(_ quality: [DayQuality]) -> String {
        guard !quality.isEmpty else { return "no predictions are logged in these days" }
        let names = quality.compactMap(\.metrics).first?.named.map(\.name) ?? []
        var table = TextTable(
            ["day", "version", "predictions", "due", "without label"] + names,
            rightAligned: Set(1..<5 + names.count)
        )
        for day in quality {
            let values = day.metrics?.named.map { $0.value.map { Self.number($0) } ?? "-" } ?? names.map { _ in "-" }
            let missing = day.due > 0 ? percent(Double(day.missing) / Double(day.due)) : "-"
            table.append(
                [day.day, "\(day.version)", CountText.grouped(day.predictions), CountText.grouped(day.due), missing]
                    + values
            )
        }
        return table.text
    }

    private static func number(_ value: Double) -> String { String(format: "%.3f", value) }

    private static func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }

    // MARK: JSON

    private static func json(_ report: MonitorReport) -> String {
        var object = JSONObject([
            ("model", .string(report.version.model)), ("version", .int64(Int64(report.version.version))),
            ("from", .string(report.from.text)), ("to", .string(report.to.text)), ("rows", .int64(Int64(report.rows))),
            ("is_watched", .bool(report.findings != nil)), ("alarm", .bool(report.isAlarm)),
        ])
        var columns = JSONObject()
        for finding in report.findings ?? [] {
            var column = JSONObject([
                ("rows", .int64(Int64(finding.rows))), ("psi", finding.psi.map { .float64($0) } ?? .null),
                ("threshold", .float64(finding.threshold)), ("null_share", .float64(finding.nullShare)),
                ("reference_null_share", .float64(finding.referenceNullShare)),
                ("unseen_share", .float64(finding.unseenShare)), ("outside_share", .float64(finding.outsideShare)),
            ])
            column.append("signs", .listString(finding.signs.map { "\($0.severity.rawValue): \($0.text)" }))
            columns.append(finding.name, column)
        }
        object.append("columns", columns)
        guard let quality = report.quality else { return object.text }
        var days = JSONObject()
        for day in quality {
            var entry = JSONObject([
                ("day", .string(day.day)), ("version", .int64(Int64(day.version))),
                ("predictions", .int64(Int64(day.predictions))), ("due", .int64(Int64(day.due))),
                ("missing", .int64(Int64(day.missing))),
            ])
            for (name, value) in day.metrics?.named ?? [] { entry.append(name, value.map { .float64($0) } ?? .null) }
            days.append("\(day.day) \(report.version.model)@\(day.version)", entry)
        }
        object.append("quality", days)
        return object.text
    }
}
