import ArgumentParser
import Columnar
import Features
import TrainingSets
import Workflows

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Export a point-in-time correct training set.",
        discussion: """
            For each row of the spine and each view: the newest row of history at or before the label time (minus the \
            view's delay), not older than its TTL. The spine's rows keep their order; its columns come first.

            OUT.manifest.json says how the set was made; `asof verify` makes it again and compares. Nothing appears under \
            the name OUT before it is complete. `--out - --manifest FILE` writes to standard output as the rows come.

            Examples:
              asof export --spine labels.csv --label-time at --features ranking --out training.parquet
              asof export --spine-sql 'SELECT user_id, at, bought FROM sales' --label-time at --features 'user_stats.*' \
            --out training.csv --witness
            """
    )

    @OptionGroup var spine: SpineOptions
    @Option(help: "A service, SERVICE@VERSION, a view, or features: view.feature,view.*")
    var features: String
    @Option(
        help: ArgumentHelp(
            "The file to write: .parquet, .arrow, .csv or .jsonl; - is standard output, with --format and --manifest.",
            valueName: "file"
        )
    )
    var out: String?
    @Option(help: ArgumentHelp("With --out -: where the manifest goes.", valueName: "file"))
    var manifest: String?
    @Flag(
        help:
            "Print as JSON what is to be joined: features, rules, position, segments; for engines that read segments themselves."
    )
    var specOnly = false
    @Option(help: "csv, jsonl, parquet or arrow; by default what --out's extension says.")
    var format: String?
    @Option(
        help: ArgumentHelp("Read the state that this ledger position names, instead of the newest.", valueName: "n")
    )
    var position: Int64?
    @Option(
        help: ArgumentHelp(
            "Read for each row the state at its own ledger position, which this column of the spine has.",
            valueName: "column"
        )
    )
    var positionColumn: String?
    @Option(help: ArgumentHelp("Read the state as it was committed by this time.", valueName: "time"))
    var knownAsOf: String?
    @Flag(
        help: ArgumentHelp(
            "Read rows as a server read them when it was asked at the label time: stored features by the newest row, whatever "
                + "its time; no delay, not strict. With --position or --position-column, what it answered."
        )
    )
    var served = false
    @Option(
        help: ArgumentHelp(
            "With --served: the spine's column of each row's AT; empty where the request had none.",
            valueName: "column"
        )
    )
    var atColumn: String?
    @Flag(help: "Use a row only if it was known by the label time: its known-at time, or else its commit.")
    var knownAtLabel = false
    @Flag(help: "Add each view's matched event time and position.")
    var witness = false
    @Flag(help: "Print how the export is made, and afterwards what was read and where the time went.")
    var explain = false
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if specOnly { return try validateSpecOnly() }
        try spine.require()
        if out == nil { throw ValidationError("--out names the file to write; or say --spec-only") }
        if (out == "-") != (manifest != nil) {
            throw ValidationError(
                out == "-"
                    ? "--out - needs --manifest FILE, which says how the set was made"
                    : "--manifest belongs to --out -; of a file it goes next to it"
            )
        }
        if let position, position < 0 { throw ValidationError("--position \(position): positions count from 0") }
        _ = try knownAsOf.map { try TimeArgument.parse($0, option: "--known-as-of") }
        if [position != nil, knownAsOf != nil, positionColumn != nil].count(where: \.self) > 1 {
            throw ValidationError("give one of --position, --known-as-of and --position-column")
        }
        if atColumn != nil, !served { throw ValidationError("--at-column belongs to --served") }
        if served, knownAtLabel {
            throw ValidationError("--served is what a server answered, --known-at-label what was known: give one")
        }
        try SpineOptions.check(format, option: "--format")
    }

    /// What is not part of a specification is refused, so that nobody thinks that it was.
    private func validateSpecOnly() throws {
        let others: [(name: String, isGiven: Bool)] = [
            ("--spine", spine.spine != nil), ("--spine-sql", spine.spineSql != nil), ("--out", out != nil),
            ("--manifest", manifest != nil),
            ("--position-column", positionColumn != nil), ("--known-at-label", knownAtLabel), ("--served", served),
            ("--at-column", atColumn != nil), ("--witness", witness), ("--drop", !spine.drop.isEmpty),
            ("--explain", explain),
        ]
        if let other = others.first(where: \.isGiven) {
            throw ValidationError("\(other.name) is no part of what --spec-only prints; whoever joins says that")
        }
        if let position, position < 0 { throw ValidationError("--position \(position): positions count from 0") }
        _ = try knownAsOf.map { try TimeArgument.parse($0, option: "--known-as-of") }
        if position != nil, knownAsOf != nil { throw ValidationError("give one of --position and --known-as-of") }
    }

    private func writeSpecification() throws {
        let specification = try store.open(forWriting: false).specify(
            features,
            labelTime: spine.labelTime,
            state: try state(),
            segments: engine.segments.location
        )
        Console.write(String(try specification.json.dropLast()))
    }

    private func state() throws -> LedgerStateChoice {
        if let position { return .position(position) }
        return try knownAsOf.map { .committed(by: try TimeArgument.parse($0, option: "--known-as-of")) } ?? .newest
    }

    func run() throws {
        if specOnly { return try writeSpecification() }
        TableWriter.keepMemory()
        let request = try request()
        let open = try store.open(forWriting: false)
        TemporaryPaths.removeOnSignals()
        Cancellation.begin(open.control)
        let explanation = Explanation(isForProgram: json || out == "-")
        var line = Progress(isQuiet: true)
        defer { line.clear() }
        let result = try open.export(request) { event in
            switch event {
            case .warning(let text): Console.writeError("WARNING: \(text)")
            case .planned(let plan):
                if explain { explanation.plan(plan, engine) }
                line = Progress(isQuiet: quiet || json)
            case .progress(let progress): line.update(progress.spine, rows: progress.rows, done: progress.done)
            }
        }
        line.clear()
        for warning in result.warnings { Console.writeError("WARNING: \(warning)") }
        if explain { explanation.outcome(result) }
        if !quiet, !json { for note in result.notes { tell("note: \(note)") } }
        report(result, line.elapsed)
    }

    /// Says something of the set where its rows do not go.
    private func tell(_ text: String) { out == "-" ? Console.writeError(text) : Console.write(text) }

    private func request() throws -> ExportRequest {
        let target = try ExportTarget(
            out ?? "",
            format: format.flatMap { FileFormat(name: $0) },
            spine: spine.spine,
            manifest: manifest
        )
        var request = ExportRequest(spine: spine.source, labelTime: spine.labelTime, features: features, target: target)
        request.positionColumn = positionColumn
        request.dropped = spine.drop
        request.state = try state()
        request.knownAtLabel = knownAtLabel
        request.witness = witness
        request.isServed = served
        request.atColumn = atColumn
        request.lookup = try engine.lookup()
        return request
    }

    private func report(_ result: ExportResult, _ elapsed: Duration) {
        let manifest = result.manifest
        if json {
            tell(
                JSONObject([
                    ("out", .string(out ?? "")), ("manifest", .string(result.manifestPath)),
                    ("rows", .int64(Int64(manifest.rows))), ("position", .int64(manifest.store.position)),
                    ("content_digest", .string(manifest.contentDigest)), ("fingerprint", .string(manifest.fingerprint)),
                    ("finer_labels", .int64(Int64(result.finerLabels))),
                ]).text
            )
            return
        }
        guard !quiet else { return }
        tell(
            "\(out == "-" ? "standard output" : out ?? ""): \(CountText.count(manifest.rows, "row")), \(manifest.spine.columns.count) + \(manifest.columns.count) columns, "
                + "position \(manifest.store.position); \(Console.seconds(elapsed)), \(Console.rate(manifest.rows, elapsed))"
        )
        var table = TextTable(["view", "matched", "missing", "expired"], rightAligned: [1, 2, 3])
        for role in manifest.roles {
            table.append([
                role.prefix, CountText.grouped(role.matched), CountText.grouped(role.missing),
                CountText.grouped(role.expired),
            ])
        }
        tell(table.text)
        for column in manifest.columns {
            guard let errors = column.errors, errors > 0 else { continue }
            tell(
                "\(column.name): null in \(CountText.count(errors, "row")) where PostgreSQL would raise an error"
            )
        }
        if result.finerLabels > 0 {
            tell(
                "\(CountText.count(result.finerLabels, "label time")) finer than µs, rounded down: what became true within that µs is not seen"
            )
        }
        tell("content \(manifest.contentDigest)")
        tell(
            "manifest \(result.manifestPath)\(result.isRecorded ? "" : " (not recorded in the store: the role, or an asof of this version, may only read)")"
        )
    }
}
