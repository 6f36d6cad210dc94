import ArgumentParser
import Columnar
import Features
import Foundation
import Glibc
import PointInTime
import Store
import Workflows

struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Store rows of files in a view.",
        discussion: """
            Columns match by name: the view's entity keys, its features, and one column of event times. A file that was \
            stored before is not stored again; one that grew goes on where it ended; a run that was stopped goes on with \
            the first row that is not stored yet.

            In CSV an unquoted empty field is null, "" is the empty string. Times are RFC 3339, UTC where no zone is \
            given; integer times need --time-unit. Files may be compressed with gzip or zstd.

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
    @Flag(help: "Leave out columns that the view does not have.")
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
    @Option(help: ArgumentHelp("The unit of integer times: s, ms, us or ns.", valueName: "unit"))
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
    @Option(help: ArgumentHelp("The most rows of one batch, which is one transaction.", valueName: "n"))
    var batchRows = Limits.batchRowsMax
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
        if !(1...Limits.batchRowsMax).contains(batchRows) {
            throw ValidationError("--batch-rows \(batchRows): expected 1 to \(Limits.batchRowsMax)")
        }
        if (onError == .skip) != (rejects != nil) {
            throw ValidationError("--on-error skip and --rejects FILE belong together")
        }
        if rejects != nil && fileCount > 1 { throw ValidationError("--rejects is for one file; give one") }
        if newPartitionsMax < 1 { throw ValidationError("--new-partitions-max must be positive") }
    }

    func run() throws {
        let open = try store.open(forWriting: true)
        let registry = try Registry.load(open.session)
        if isLineProtocol { return try ingestLines(registry, open) }
        let view = try registry.view(named: viewAndFiles[0])
        for file in viewAndFiles.dropFirst() { try ingest(file, view, open) }
    }

    private func ingest(_ file: String, _ view: StoredView, _ open: OpenStore) throws {
        let shown = file == "-" ? "standard input" : file
        let fileFormat = try format.flatMap { FileFormat(name: $0) } ?? FileFormat(inputPath: file)
        var options = InputOptions(nullTexts: null, timeUnit: timeUnit.flatMap { TimeUnit(rawValue: $0) })
        options.allowsEarly1970 = allow1970
        options.isExtraIgnored = ignoreExtra
        options.skipsBadRows = onError == .skip
        options.batchRows = min(options.batchRows, batchRows)
        let reader = try TableReader(path: file, format: fileFormat, options: options)
        if fileFormat == .jsonLines, reader.sourceColumns.isEmpty, try reader.next() == nil {
            // Nothing to lay out: there is no object that could have keys.
            report(IngestionSummary(), shown, view.name, .zero)
            return
        }
        let layout = try IngestLayout(view: view, source: reader.sourceColumns, format: fileFormat, rules: rules(shown))
        try reader.select(layout.requests)
        var ingestionOptions = ingestionOptions()
        ingestionOptions.meaning = meaning(layout)
        let identity = try identity(file)
        let ingestion = try Ingestion(
            session: open.session,
            view: view,
            source: identity,
            columns: layout.digestColumns,
            options: ingestionOptions
        )
        let rejected = try rejects.map { try RejectedRows(path: $0, reader, layout, ingestion) }
        var progress = Progress(isQuiet: quiet || json)
        do {
            while let batch = try reader.next() {
                let rows = layout.rows(batch)
                if let rejected { try rejected.append(rows) } else { try ingestion.append(rows) }
                progress.update(shown, rows: reader.rowsRead, bytes: reader.bytesRead, totalBytes: reader.totalBytes)
            }
            let summary = try ingestion.finish()
            progress.clear()
            report(summary, shown, view.name, progress.elapsed)
            if let rejects, summary.rejected > 0 { try RejectedRows.report(summary, shown, rejects, isQuiet: json) }
        } catch let code as ExitCode {
            throw code
        } catch {
            progress.clear()
            // An error of the batch under way adds nothing to the one that came first.
            try? ingestion.settle()
            throw located(error, shown, ingestion.summary, isResumable: identity != nil) { row in
                let offset = row - reader.batchFirstRow
                guard offset >= 0, row <= reader.rowsRead else { return nil }
                return reader.line(ofBatchRow: offset - reader.batchRejects.count { $0.offset < offset })
            }
        }
    }

    func ingestionOptions() -> IngestionOptions {
        var options = IngestionOptions()
        options.refusesFuture = !allowFuture
        options.startsOver = again
        options.newPartitionsMax = newPartitionsMax
        options.batchRowsMax = batchRows
        return options
    }

    /// Says where an error of the store stands, and what is stored already.
    /// - Parameter line: the line of a row of the input, where it is known.
    func located(
        _ error: any Error,
        _ shown: String,
        _ summary: IngestionSummary,
        isResumable: Bool,
        line: (Int) -> Int?
    ) -> any Error {
        var text = "\(error)"
        switch error as? StoreError {
        case .input: text = "\(shown): \(text)"
        case .row(let row, let reason):
            text = "\(shown): row \(row)\(line(row).map { " (line \($0))" } ?? ""): \(reason)"
        default: break
        }
        if let state = summary.state {
            text += "\n\(Console.count(summary.rows, "row")) of \(shown) are stored (position \(state.position)); "
            text +=
                isResumable
                ? "the same command goes on after them"
                : "\(shown) without --source starts over: give it a name to go on after them"
        }
        return WorkflowError.refused(text)
    }

    private func rules(_ shown: String) -> IngestLayout.Rules {
        var mapped: [(column: String, target: String)] = []
        for pair in map {
            guard let sign = pair.dropFirst().firstIndex(of: "=") else { continue }
            mapped.append((String(pair[..<sign]), String(pair[pair.index(after: sign)...])))
        }
        return IngestLayout.Rules(
            file: shown,
            mapped: mapped,
            eventTime: eventTime,
            knownAt: knownAt,
            deleted: deleted,
            ignoresExtra: ignoreExtra,
            missing: missing.flatMap { MissingPolicy(rawValue: $0) }
        )
    }

    private func meaning(_ layout: IngestLayout) -> String {
        var words = ["event_time=\(layout.eventTimeColumn)"]
        if let knownAt { words.append("known_at=\(knownAt)") }
        if let deleted { words.append("deleted=\(deleted)") }
        words += map.sorted().map { "map=\($0)" }
        words += null.sorted().map { "null=\(Value.quote($0))" }
        if let timeUnit { words.append("time_unit=\(timeUnit)") }
        return words.joined(separator: " ")
    }

    func identity(_ file: String) throws -> SourceIdentity? {
        if let source { return SourceIdentity(name: source) }
        guard file != "-" else { return nil }
        var status = stat()
        // What a pipe has given is gone: a second look at its head would take bytes from the reader.
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        let head = try InputHead.read(path: file, bytesMax: Limits.sourceHeadBytesMax)
        return SourceIdentity(name: URL(fileURLWithPath: file).lastPathComponent, head: head)
    }

    func report(_ summary: IngestionSummary, _ shown: String, _ view: String, _ elapsed: Duration) {
        for warning in summary.expectationWarnings { Console.writeError("WARNING: \(shown): \(warning)") }
        if json {
            Console.write(
                JSONObject([
                    ("file", .string(shown)), ("view", .string(view)), ("rows", .int64(Int64(summary.rows))),
                    ("stored", .int64(Int64(summary.counts.stored))),
                    ("duplicates", .int64(Int64(summary.counts.duplicates))),
                    ("late", .int64(Int64(summary.counts.late))), ("resumed", .int64(Int64(summary.resumedRows))),
                    ("rejected", .int64(Int64(summary.rejected))), ("warned", .int64(Int64(summary.warned))),
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
                summary.resumedRows == 1 ? "its row was" : "its \(Console.grouped(summary.resumedRows)) rows were"
            Console.write("\(shown): nothing new; \(rows) stored before")
            return
        }
        if summary.rows == 0 {
            Console.write("\(shown): 0 rows; nothing to store in view \(view)")
            return
        }
        var line = "\(shown): \(Console.count(summary.rows, "row")) into view \(view)"
        if summary.resumedRows > 0 { line += " after \(Console.grouped(summary.resumedRows)) that were stored before" }
        if let times = summary.eventTimes {
            line += ", events from \(times.lowerBound.text) to \(times.upperBound.text)"
        }
        if summary.counts.duplicates > 0 {
            line += "; \(Console.grouped(summary.counts.duplicates)) replaced by a later row of the same key and time"
        }
        if summary.roundedUp > 0 {
            line += "; \(Console.count(summary.roundedUp, "row")) with times finer than µs, rounded up"
        }
        if summary.counts.late > 0 { line += "; \(Console.count(summary.counts.late, "entity", "entities")) late" }
        line += "; \(Console.seconds(elapsed)), \(Console.rate(summary.rows, elapsed))"
        if let state = summary.state { line += ", position \(state.position)" }
        Console.write(line)
    }
}
