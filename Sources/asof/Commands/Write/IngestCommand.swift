import ArgumentParser
import Columnar
import Features
import Foundation
import Store
import Workflows

enum OnError: String, ExpressibleByArgument {
    case stop, skip
}

struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Store rows of files in a view.",
        discussion: """
            Columns match by name: the view's entity keys, its features, and one column of event times. A file that was \
            stored before is not stored again; one that grew goes on where it ended; a run that was stopped goes on with \
            the first row that is not stored yet.

            In CSV an unquoted empty field is null, "" is the empty string. Times are RFC 3339, UTC where no zone is \
            given; times that are numbers need --time-unit. Files may be compressed with gzip or zstd.

            Rows go in by batches, each one transaction. A bad row stops the ingest and is named; batches before it stay, \
            and when the file is mended the same command goes on after them.

            Examples:
              asof ingest user_stats stats.csv
              asof ingest user_stats day1.parquet day2.parquet --map uid=user_id --ignore-extra
              producer | asof ingest user_stats - --format jsonl --time-unit ms --source events
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The view and files of its rows; - is standard input. Line protocol may go without the view.",
            valueName: "view> <file"
        )
    )
    var viewAndFiles: [String]
    @Option(help: "csv, jsonl, parquet, arrow or lp (line protocol); by default what the file's extension says.")
    var format: String?
    @Option(help: ArgumentHelp("A column of another name than its key or feature.", valueName: "column=feature"))
    var map: [String] = []
    @Option(
        help: ArgumentHelp("The column of event times; by default the only one that could be.", valueName: "column")
    )
    var eventTime: String?
    @Option(
        help: ArgumentHelp(
            "A column of times from when on the row was known; by default that is its commit.",
            valueName: "column"
        )
    )
    var knownAt: String?
    @Option(help: ArgumentHelp("A column of bools: true makes the row a tombstone.", valueName: "column"))
    var deleted: String?
    @Flag(help: "Leave out columns, tags and fields that the view does not have.")
    var ignoreExtra = false
    @Option(
        help: ArgumentHelp(
            "'null' stores null for features that the file or a JSON object does not have; 'error' refuses. Default: what "
                + "the view says.",
            valueName: "null|error"
        )
    )
    var missing: String?
    @Option(help: ArgumentHelp("Another spelling of null in CSV.", valueName: "text"))
    var null: [String] = []
    @OptionGroup var csv: CSVOptions
    @Option(help: ArgumentHelp("The unit of times that are numbers: s, ms, us or ns.", valueName: "unit"))
    var timeUnit: String?
    @Option(
        help: ArgumentHelp("The unit of times in line protocol: s, ms, us or ns. Default: ns.", valueName: "unit")
    )
    var precision: String?
    @Option(
        help: ArgumentHelp(
            "A name for the source instead of the file's: with it, standard input resumes, too.",
            valueName: "name"
        )
    )
    var source: String?
    @Flag(help: "Store the source from its start again.")
    var again = false
    @Flag(help: "Accept event times more than 5 minutes ahead of the clock.")
    var allowFuture = false
    @Flag(name: .customLong("allow-1970"), help: "Accept integer times in the first 100 days of 1970.")
    var allow1970 = false
    @Option(
        help: ArgumentHelp("How many partitions of history the ingest may open for its event times.", valueName: "n")
    )
    var newPartitionsMax = Limits.newPartitionsMax
    @Option(
        help: ArgumentHelp(
            "The most rows of one batch, which is one transaction; by default \(Limits.onlineBatchRowsMax) where a view has latest values, "
                + "else \(Limits.batchRowsMax).",
            valueName: "n"
        )
    )
    var batchRows: Int?
    @Option(
        help: ArgumentHelp(
            "What a row does that cannot be read or stored: 'stop' ends the ingest, 'skip' goes on and sets it aside in "
                + "--rejects.",
            valueName: "stop|skip"
        )
    )
    var onError = OnError.stop
    @Option(
        help: ArgumentHelp(
            "Where --on-error skip puts rows, as they came. Beside it, FILE.reasons.csv has row, line, column and reason "
                + "for each.",
            valueName: "file"
        )
    )
    var rejects: String?
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object a file.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if let format, FileFormat(name: format) == nil, !LineProtocolReader.isFormat(name: format) {
            throw ValidationError("--format '\(format)': expected \(FileFormat.spellings)|lp")
        }
        if isLineProtocol {
            try validateLineProtocol()
        } else if viewAndFiles.count < 2 {
            throw ValidationError("give the view and its files")
        } else if precision != nil {
            throw ValidationError("--precision is for line protocol; integer times of other files have --time-unit")
        }
        try TimeArgument.checkUnit(timeUnit)
        if let missing, MissingPolicy(rawValue: missing) == nil {
            throw ValidationError("--missing '\(missing)': expected null or error")
        }
        for pair in map where !pair.dropFirst().contains("=") || pair.hasSuffix("=") {
            throw ValidationError("--map '\(pair)': expected column=feature")
        }
        if source != nil && fileCount > 1 { throw ValidationError("--source names one source; give one file") }
        if let batchRows, !(1...Limits.batchRowsMax).contains(batchRows) {
            throw ValidationError("--batch-rows \(batchRows): expected 1 to \(Limits.batchRowsMax)")
        }
        if (onError == .skip) != (rejects != nil) {
            throw ValidationError("--on-error skip and --rejects FILE belong together")
        }
        if rejects != nil && fileCount > 1 { throw ValidationError("--rejects is for one file; give one") }
        if newPartitionsMax < 1 { throw ValidationError("--new-partitions-max must be positive") }
    }

    /// Told by the format or, without one, by the first file's name.
    private var isLineProtocol: Bool {
        if let format { return LineProtocolReader.isFormat(name: format) }
        return viewAndFiles.prefix(2).contains { LineProtocolReader.isFile(path: $0) }
    }

    /// Before it is known whether the first argument is a view.
    private var fileCount: Int {
        viewAndFiles.count - (isLineProtocol && LineProtocolReader.isFile(path: viewAndFiles[0]) ? 0 : 1)
    }

    private func validateLineProtocol() throws {
        let others: [(String, Bool)] = [
            ("--map", !map.isEmpty), ("--event-time", eventTime != nil), ("--known-at", knownAt != nil),
            ("--deleted", deleted != nil), ("--null", !null.isEmpty), ("--time-unit", timeUnit != nil),
            (csv.given ?? "", csv.given != nil),
        ]
        if let option = others.first(where: \.1) {
            throw ValidationError("\(option.0) does not go with line protocol; it has --precision s|ms|us|ns")
        }
        if let precision, TimeUnit(rawValue: precision) == nil {
            throw ValidationError("--precision '\(precision)': expected s, ms, us or ns")
        }
    }

    func run() throws {
        let open = try store.open(forWriting: true)
        Cancellation.begin(open.control)
        let workflow = try IngestWorkflow(store: open)
        if workflow.isBatchView(named: viewAndFiles[0]), !quiet {
            Console.writeError(
                "WARNING: view '\(viewAndFiles[0])' has SQL of its own: `asof materialize` stores rows beside those of files, and "
                    + "of equal keys and times the later commit wins"
            )
        }
        guard isLineProtocol else {
            for file in viewAndFiles.dropFirst() { try ingest(file, .table(tableRules), workflow) }
            return
        }
        let first = viewAndFiles[0]
        let isView =
            viewAndFiles.count > 1
            && (workflow.hasView(named: first) || (first != "-" && !FileManager.default.fileExists(atPath: first)))
        let content = IngestRequest.Content.lineProtocol(
            view: isView ? first : nil,
            precision: precision.flatMap { TimeUnit(rawValue: $0) } ?? .ns,
            ignoresExtra: ignoreExtra
        )
        for file in viewAndFiles.dropFirst(isView ? 1 : 0) { try ingest(file, content, workflow) }
    }

    private var tableRules: TableRules {
        var rules = TableRules(view: viewAndFiles[0])
        rules.format = format.flatMap { FileFormat(name: $0) }
        for pair in map {
            guard let sign = pair.dropFirst().firstIndex(of: "=") else { continue }
            rules.mapped.append((String(pair[..<sign]), String(pair[pair.index(after: sign)...])))
        }
        rules.eventTime = eventTime
        rules.knownAt = knownAt
        rules.deleted = deleted
        rules.ignoresExtra = ignoreExtra
        rules.nullTexts = null
        rules.delimiter = csv.delimiterByte
        rules.escape = csv.escapeByte
        rules.timeUnit = timeUnit.flatMap { TimeUnit(rawValue: $0) }
        return rules
    }

    private func ingest(_ file: String, _ content: IngestRequest.Content, _ workflow: IngestWorkflow) throws {
        var request = IngestRequest(file: file, content: content)
        request.source = source
        request.missing = missing.flatMap { MissingPolicy(rawValue: $0) }
        request.allowsEarly1970 = allow1970
        request.rejects = rejects
        request.options.refusesFuture = !allowFuture
        request.options.startsOver = again
        request.options.newPartitionsMax = newPartitionsMax
        request.options.batchRowsMax = batchRows ?? workflow.batchRowsMax(of: content)
        var progress = Progress(isQuiet: quiet || json)
        defer { progress.clear() }
        let summary = try workflow.run(request) {
            progress.update(request.shown, rows: $0.rows, bytes: $0.bytes, totalBytes: $0.totalBytes)
        }
        progress.clear()
        let views = isLineProtocol ? summary.rowsByView.keys.sorted().joined(separator: ", ") : viewAndFiles[0]
        report(summary, request.shown, views, progress.elapsed)
        if let rejects, summary.rejected > 0 { try reportRejected(summary, request.shown, rejects) }
    }

    /// - Throws: ``ExitCode`` where every row was bad: that is no ingest, but a wrong option.
    private func reportRejected(_ summary: IngestionSummary, _ shown: String, _ path: String) throws {
        let isEmpty = summary.rows == 0 && summary.resumedRows == 0
        if !json || isEmpty {
            Console.writeError(
                "\(isEmpty ? "asof: " : "WARNING: ")\(shown): \(CountText.count(summary.rejected, "row")) rejected: \(path), "
                    + "reasons in \(RejectsFile.reasonsPath(path))"
            )
        }
        if isEmpty { throw ExitCode.failure }
    }

    private func report(_ summary: IngestionSummary, _ shown: String, _ view: String, _ elapsed: Duration) {
        for warning in summary.expectationWarnings { Console.writeError("WARNING: \(shown): \(warning)") }
        if json {
            Console.write(
                JSONObject([
                    ("file", .string(shown)), ("view", .string(view)), ("rows", .int64(Int64(summary.rows))),
                    ("stored", .int64(Int64(summary.counts.stored))),
                    ("duplicates", .int64(Int64(summary.counts.duplicates))),
                    ("late", .int64(Int64(summary.counts.late))), ("resumed", .int64(Int64(summary.resumedRows))),
                    ("rejected", .int64(Int64(summary.rejected))),
                    ("rejected_before", .int64(Int64(summary.rejectedBefore))),
                    ("warned", .int64(Int64(summary.warned))),
                    ("rounded_up", .int64(Int64(summary.roundedUp))),
                    ("batches", .int64(Int64(summary.batches))),
                    ("min_event_time", summary.eventTimes.map { .timestamp($0.lowerBound) } ?? .null),
                    ("max_event_time", summary.eventTimes.map { .timestamp($0.upperBound) } ?? .null),
                    ("position", summary.state.map { .int64($0.position) } ?? .null),
                ]).text
            )
            return
        }
        guard !quiet else { return }
        if summary.resumedRows > 0 && summary.rows == 0 {
            let rows =
                summary.resumedRows == 1 ? "its row was" : "its \(CountText.grouped(summary.resumedRows)) rows were"
            Console.write(
                "\(shown): nothing new; \(rows) stored \(rejects == nil ? "" : "or set aside ")before"
                    + (summary.rejectedBefore > 0 ? " (\(CountText.grouped(summary.rejectedBefore)) set aside)" : "")
            )
            return
        }
        if summary.rows == 0 {
            Console.write("\(shown): 0 rows; nothing to store in view \(view)")
            return
        }
        var line = "\(shown): \(CountText.count(summary.rows, "row")) into view \(view)"
        if summary.resumedRows > 0 {
            line += " after \(CountText.grouped(summary.resumedRows)) that were stored before"
        }
        if let times = summary.eventTimes {
            line += ", events from \(times.lowerBound.text) to \(times.upperBound.text)"
        }
        if summary.counts.duplicates > 0 {
            line += "; \(CountText.grouped(summary.counts.duplicates)) replaced by a later row of the same key and time"
        }
        if summary.roundedUp > 0 {
            line += "; \(CountText.count(summary.roundedUp, "row")) with times finer than µs, rounded up"
        }
        if summary.counts.late > 0 { line += "; \(CountText.count(summary.counts.late, "entity", "entities")) late" }
        line += "; \(Console.seconds(elapsed)), \(Console.rate(summary.rows, elapsed))"
        if let state = summary.state { line += ", position \(state.position)" }
        Console.write(line)
    }
}
