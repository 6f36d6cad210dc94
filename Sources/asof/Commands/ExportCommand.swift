import ArgumentParser
import Columnar
import Features
import Foundation
import Glibc
import PointInTime
import Store
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
            the name OUT before it is complete.

            Examples:
              asof export --spine labels.csv --label-time at --features ranking --out training.parquet
              asof export --spine-sql 'SELECT user_id, at, bought FROM sales' --label-time at --features 'user_stats.*' \
            --out training.csv --witness
            """
    )

    @Option(
        help: ArgumentHelp(
            "The spine: a file of entity keys, label times and anything else; - is standard input.",
            valueName: "file"
        )
    )
    var spine: String?
    @Option(help: ArgumentHelp("The spine as a query, run read-only as the connected role.", valueName: "select"))
    var spineSql: String?
    @Option(
        help: ArgumentHelp(
            "csv, jsonl, parquet or arrow; by default what the spine's extension says.",
            valueName: "format"
        )
    )
    var spineFormat: String?
    @Option(help: "A service, SERVICE@VERSION, a view, or features: view.feature,view.*")
    var features: String
    @Option(help: ArgumentHelp("The spine's column of label times.", valueName: "column"))
    var labelTime: String
    @Option(help: ArgumentHelp("The file to write: .parquet, .arrow, .csv or .jsonl.", valueName: "file"))
    var out: String
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
    @Flag(help: "Use a row only if it was known by the label time: its known-at time, or else its commit.")
    var knownAtLabel = false
    @Flag(help: "Add each view's matched event time and position.")
    var witness = false
    @Option(help: ArgumentHelp("Leave out this column of the spine; may be given several times.", valueName: "column"))
    var drop: [String] = []
    @Option(help: ArgumentHelp("Another spelling of null in a CSV spine.", valueName: "text"))
    var null: [String] = []
    @Option(help: ArgumentHelp("The unit of the spine's integer times: s, ms, us or ns.", valueName: "unit"))
    var timeUnit: String?
    @Flag(name: .customLong("allow-1970"), help: "Accept integer times in the first 100 days of 1970.")
    var allow1970 = false
    @Flag(help: "Print how the export is made, and afterwards what was read and where the time went.")
    var explain = false
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        if (spine == nil) == (spineSql == nil) { throw ValidationError("give one of --spine and --spine-sql") }
        if out == "-" { throw ValidationError("--out needs a file: the manifest goes next to it") }
        if let position, position < 0 { throw ValidationError("--position \(position): positions count from 0") }
        _ = try knownAsOf.map { try TimeArgument.parse($0, option: "--known-as-of") }
        if [position != nil, knownAsOf != nil, positionColumn != nil].count(where: \.self) > 1 {
            throw ValidationError("give one of --position, --known-as-of and --position-column")
        }
        for (option, value) in [("--format", format), ("--spine-format", spineFormat)] {
            if let value, FileFormat(name: value) == nil {
                throw ValidationError("\(option) '\(value)': expected \(FileFormat.spellings)")
            }
        }
        try TimeArgument.checkUnit(timeUnit)
    }

    func run() throws {
        TableWriter.keepMemory()
        let outFormat = try format.flatMap { FileFormat(name: $0) } ?? FileFormat(outputPath: out)
        try checkTarget()
        let pinned = try knownAsOf.map { try TimeArgument.parse($0, option: "--known-as-of") }
        let open = try store.open(forWriting: false)
        let registry = try Registry.load(open.session)
        let (plan, service) = try FeatureArgument.plan(features, registry, open.session)
        let state = try state(pinned, Ledger(open.session))
        let input = try spineInput(plan, outFormat, open.session)
        let notes = try outFormat.notes(on: input.columns, out: out)
        let spec = try TrainingSetSpec(
            plan: plan,
            labelTime: labelTime,
            positionColumn: positionColumn,
            spine: input.columns,
            state: state,
            options: JoinOptions(knownAtLabel: knownAtLabel, witness: witness)
        )
        var blocks = try SpineBlocks(input.reader)
        let join = try TrainingSetJoin(
            spec,
            sessions: try open.sessions(2),
            engine: try engine.request(open, spineRows: blocks.rowCount)
        )
        let explanation = Explanation(isForProgram: json)
        let blockRows = join.blockRows(rowBytes: blocks.rowBytes)
        if explain {
            explanation.plan(join.plan, spineRows: blocks.rowCount, engine: engine, blockRows: blockRows)
        }
        TableWriter.limitThreads(Workers(engine.threadCount).halves.0.count)
        var progress = ExportProgress(Progress(isQuiet: quiet || json), input)
        let data = TemporaryFile(for: out)
        let target = OutputTarget(path: out, temporaryPath: data.path)
        let writer = try target.naming {
            try TableWriter(path: data.path, format: outFormat, columns: input.written(spec.columns))
        }
        join.prepare()
        defer { join.settle() }
        var warnings: [String] = []
        join.onProgress = { share in progress.joined(share, rows: join.rowCount) }
        while let batch = try join.clock.measure(
            .spine,
            { try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) }
        ) {
            progress.read()
            let spine = input.spine(of: batch)
            if knownAtLabel && join.rowCount == 0 { warnings += try join.knownAtWarnings(spine) }
            let block = try join.joinBlock(spine)
            let written = input.written(block.batch, of: batch)
            try join.record(block) {
                try join.clock.measure(.write) { try target.naming { try writer.write(written) } }
            }
            progress.written(rows: join.rowCount)
        }
        try join.finish()
        warnings += try join.earlierRemovals().map { "\($0.text): the set has not what it had at its position" }
        warnings += join.warnings
        try join.clock.measure(.write) { try target.naming { try writer.finish() } }
        let manifest = TrainingSetManifest(
            join,
            storeID: try open.session.storeID(),
            features: features,
            service: service.map { .init(name: $0.definition.name, version: $0.version) },
            spineSource: spine ?? spineSql ?? "",
            output: .init(file: URL(fileURLWithPath: out).lastPathComponent, format: outFormat.rawValue)
        )
        try place(data, manifest)
        let isRecorded = try manifest.record(open.session)
        progress.clear()
        for warning in warnings { Console.writeError("WARNING: \(warning)") }
        if explain { explanation.outcome(join) }
        if !quiet, !json { for note in notes { Console.write("note: \(note)") } }
        report(manifest, progress.elapsed, isRecorded: isRecorded, finerLabels: join.finerLabels)
    }

    /// Refuses a target that a finished file could not take the place of, before the work begins.
    private func checkTarget() throws {
        var target = stat()
        if stat(out, &target) == 0 {
            guard target.st_mode & S_IFMT == S_IFREG else {
                let kind = target.st_mode & S_IFMT == S_IFDIR ? "a directory" : "no regular file"
                throw WorkflowError.refused(
                    "\(out): cannot be written: it is \(kind); name a file, new or to be replaced"
                )
            }
            var source = stat()
            if let spine, stat(spine, &source) == 0, source.st_ino == target.st_ino, source.st_dev == target.st_dev {
                throw WorkflowError.refused("\(out) is the spine itself; give the training set another name")
            }
        }
        let folder = URL(fileURLWithPath: out).deletingLastPathComponent().path
        guard access(folder, W_OK | X_OK) == 0 else {
            throw WorkflowError.refused(
                "\(out): cannot be written: the folder \(folder): \(String(cString: strerror(errno)))"
            )
        }
    }

    private func state(_ pinned: Timestamp?, _ ledger: Ledger) throws -> LedgerState {
        if let position { return try ledger.state(at: position) }
        if let pinned { return try ledger.state(committedBy: pinned) }
        return try ledger.head()
    }

    private func spineInput(_ plan: FeaturePlan, _ out: FileFormat, _ session: Session) throws -> SpineInput {
        let typed =
            try plan.requestKeys().map { ColumnSchema(name: $0.name, type: $0.type.featureType) }
            + [ColumnSchema(name: labelTime, type: .timestamp)]
            + (positionColumn.map { [ColumnSchema(name: $0, type: .int64)] } ?? [])
        let dropped = Set(drop)
        if let needed = typed.first(where: { dropped.contains($0.name) }) {
            throw WorkflowError.refused(
                "--drop \(needed.name): it is a key, the label time or the position of the rows"
            )
        }
        if let spineSql { return try SpineInput(sql: spineSql, session: session, typed: typed, dropping: dropped) }
        let file = spine ?? ""
        let fileFormat = try spineFormat.flatMap { FileFormat(name: $0) } ?? FileFormat(inputPath: file)
        var options = InputOptions(nullTexts: null, timeUnit: timeUnit.flatMap { TimeUnit(rawValue: $0) })
        options.allowsEarly1970 = allow1970
        return try SpineInput(
            file: file,
            format: fileFormat,
            out: out,
            options: options,
            typed: typed,
            dropping: dropped
        )
    }

    /// The data first: a manifest never stands next to data that is not its own.
    private func place(_ data: TemporaryFile, _ manifest: TrainingSetManifest) throws {
        let path = out + ".manifest.json"
        let file = TemporaryFile(for: path)
        do {
            try Data(try manifest.json.utf8).write(to: URL(fileURLWithPath: file.path))
        } catch let error as CocoaError {
            throw WorkflowError.refused("\(path): cannot be written: \(error.localizedDescription)")
        }
        unlink(path)
        try data.place(at: out)
        try file.place(at: path)
    }

    private func report(_ manifest: TrainingSetManifest, _ elapsed: Duration, isRecorded: Bool, finerLabels: Int) {
        if json {
            Console.write(
                JSONObject([
                    ("out", .string(out)), ("manifest", .string(out + ".manifest.json")),
                    ("rows", .int64(Int64(manifest.rows))), ("position", .int64(manifest.store.position)),
                    ("content_digest", .string(manifest.contentDigest)), ("fingerprint", .string(manifest.fingerprint)),
                    ("finer_labels", .int64(Int64(finerLabels))),
                ]).text
            )
            return
        }
        guard !quiet else { return }
        Console.write(
            "\(out): \(Console.count(manifest.rows, "row")), \(manifest.spine.columns.count) + \(manifest.columns.count) columns, "
                + "position \(manifest.store.position); \(Console.seconds(elapsed)), \(Console.rate(manifest.rows, elapsed))"
        )
        var table = TextTable(["view", "matched", "missing", "expired"], rightAligned: [1, 2, 3])
        for role in manifest.roles {
            table.append([
                role.prefix, Console.grouped(role.matched), Console.grouped(role.missing),
                Console.grouped(role.expired),
            ])
        }
        Console.write(table.text)
        if finerLabels > 0 {
            Console.write(
                "\(Console.count(finerLabels, "label time")) finer than µs, rounded down: what became true within that µs is not seen"
            )
        }
        Console.write("content \(manifest.contentDigest)")
        Console.write(
            "manifest \(out).manifest.json\(isRecorded ? "" : " (not recorded in the store: the role, or an asof of this version, may only read)")"
        )
    }
}
