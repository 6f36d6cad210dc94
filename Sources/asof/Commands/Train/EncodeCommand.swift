import ArgumentParser
import Columnar
import Features
import Models
import Workflows

struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Write the numbers that a version of a model reads, for other trainers.",
        discussion: """
            The version's encoders, fitted when it was trained, turn the service's columns into numbers, as for training and \
            serving. The file has the label time, the model's label where the spine has it, and a float32 column for each \
            number, null where it is missing. FILE.encoding.json beside it has the fingerprint of the encoders, the position \
            that was read, and XGBoost's types of the columns.

            Examples:
              asof encode delay@3 --spine flights.csv --label-time time_hour --out matrix.parquet
              asof encode delay --spine flights.csv --label-time time_hour --position 812 --out matrix.csv
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @OptionGroup var spine: SpineOptions
    @Option(
        help: ArgumentHelp(
            "The file that is written: csv, jsonl, parquet or arrow, by its extension.",
            valueName: "file"
        )
    )
    var out: String
    @Option(
        help: ArgumentHelp("Read the state that this ledger position names, instead of the newest.", valueName: "n")
    )
    var position: Int64?
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        try spine.require()
        if let position, position < 0 { throw ValidationError("--position \(position): positions count from 0") }
    }

    func run() throws {
        TableWriter.keepMemory()
        var request = EncodeRequest(
            model: model,
            spine: spine.source,
            labelTime: spine.labelTime,
            target: try ExportTarget(out, format: nil, spine: spine.spine)
        )
        if let position { request.state = .position(position) }
        request.dropped = spine.drop
        request.lookup = try engine.lookup()
        let open = try store.open(forWriting: true, onStandby: true)
        TemporaryPaths.removeOnSignals()
        let result = try open.encode(request)
        guard !quiet else { return }
        let name = "\(result.version.model)@\(result.version.version)"
        Console.write(
            "\(out): \(CountText.count(result.rows, "row")) of \(CountText.count(result.names.count, "number")) as \(name) reads them, \(result.fingerprint)"
        )
        for (input, rows) in result.unseen {
            Console.write("note: \(input) has \(CountText.count(rows, "value")) that training did not have")
        }
    }
}
