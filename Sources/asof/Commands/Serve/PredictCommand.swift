import ArgumentParser
import Columnar
import Features
import Foundation
import Models
import Training
import TrainingSets
import Workflows

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Predict for one entity, or for the rows of a file, from the store's features and what is given.",
        discussion: """
            The model's champion answers, or MODEL@VERSION, or MODEL@NAME. Keys and request fields of the model's service are \
            given as name=value; a single key may stand alone.

            With --rows they are columns of a file, and all of its rows are answered at one position and as of one time: each \
            with the answer and its status behind its own columns.

            Examples:
              asof predict delay origin=JFK carrier=AA sched_dep=2013-10-08T17:00:00Z
              asof predict delay@7 origin=JFK carrier=AA sched_dep=2013-10-08T17:00:00Z --explain
              asof predict like user_id=5 movie_id=17 --at 2008-01-31T12:00:00Z
              asof predict digits --rows x.csv --out answers.parquet
            """
    )

    @Argument(help: "A model: MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Argument(help: "Keys and request fields: name=value.")
    var values: [String] = []
    @Option(help: ArgumentHelp("Predict as of a moment: an RFC 3339 time.", valueName: "time"))
    var at: String?
    @Option(help: ArgumentHelp("Read the state, and the champion, that this ledger position names.", valueName: "n"))
    var position: Int64?
    @Option(help: ArgumentHelp("Predict for each row of a file.", valueName: "file"))
    var rows: String?
    @Option(
        help: ArgumentHelp(
            "With --rows: where they go with the answers; - is standard output, as CSV.",
            valueName: "file"
        )
    )
    var out = "-"
    @Option(help: ArgumentHelp("With --rows: the unit of integer times: s, ms, us or ns.", valueName: "unit"))
    var timeUnit: String?
    @Option(help: ArgumentHelp("With --rows: another spelling of null in CSV.", valueName: "text"))
    var null: [String] = []
    @OptionGroup var csv: CSVOptions
    @Flag(help: "Print each value that the model read, where it comes from, and how old it is.")
    var explain = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        _ = try at.map { try TimeArgument.parse($0, option: "--at") }
        try TimeArgument.checkUnit(timeUnit)
        if rows == nil {
            if out != "-" || timeUnit != nil || !null.isEmpty || csv.delimiter != nil || csv.escape != nil {
                throw ValidationError("--out, --time-unit, --null, --delimiter and --escape belong to --rows")
            }
            return
        }
        if !values.isEmpty {
            throw ValidationError("--rows: keys and request fields are columns of the file, not '\(values[0])'")
        }
        if explain || json {
            throw ValidationError("--rows writes a table: --explain and --json are for single entities")
        }
    }

    private func predictRows(_ path: String) throws {
        TableWriter.keepMemory()
        TemporaryPaths.removeOnSignals()
        var request = PredictRowsRequest(model: model, rows: path)
        request.input = InputOptions(nullTexts: null, timeUnit: timeUnit.flatMap { TimeUnit(rawValue: $0) })
        request.input.delimiter = csv.delimiterByte
        request.input.escape = csv.escapeByte
        request.out = out
        request.time = try at.map { try TimeArgument.parse($0, option: "--at") }
        request.position = position
        let result = try store.open(forWriting: false).predict(request)
        var told = "\(CountText.count(result.rows, "row")) answered by \(result.model)@\(result.version)"
        if result.fallbacks > 0 { told += ", \(result.fallbacks) of them by the fallback" }
        // Apart from the rows, which may be on standard output.
        Console.writeError("\(told); --at \(result.time.text) --position \(result.position)")
    }

    func run() throws {
        if let rows { return try predictRows(rows) }
        try checkValues()
        var request = PredictRequest(model: model, entities: values.isEmpty ? [] : [entity])
        if let at { request.moment = .served(try TimeArgument.parse(at, option: "--at")) }
        request.position = position
        try store.open(forWriting: false).predict(request) { prediction in
            Console.write(json ? Self.json(prediction) : text(prediction))
        }
    }

    private func checkValues() throws {
        let names = values.map { pair in pair.firstIndex(of: "=").map { String(pair[..<$0]) } }
        if values.count > 1, let place = names.firstIndex(of: nil) {
            throw WorkflowError.usage(
                "'\(values[place])': expected name=value; a key stands alone only where nothing else is given"
            )
        }
        if let name = names.compactMap(\.self).first(where: { $0.contains("__") }) {
            throw WorkflowError.usage(
                "'\(name)' is a column: `asof predict` takes keys and request fields, and reads columns from the store; "
                    + "ML.PREDICT of a server takes columns in place of stored ones"
            )
        }
    }

    /// The arguments as ``EntityText`` reads them.
    private var entity: String {
        if values.count == 1, !values[0].contains("=") { return values[0] }
        return values.map { pair in
            guard let equals = pair.firstIndex(of: "=") else { return pair }
            let value = pair[pair.index(after: equals)...]
                .replacing(",", with: "\\,").replacing("=", with: "\\=").replacing(" ", with: "\\ ")
            return "\(pair[..<equals])=\(value)"
        }.joined(separator: ",")
    }

    private func text(_ prediction: Prediction) -> String {
        let names = prediction.version.signature.outputNames
        let answers = prediction.answers
        var lines = zip(names, answers.values).map { "\($0): \($1.map { "\($0)" } ?? "null")" }
        let status = answers.statuses[0]
        lines.append("\(prediction.version.model)@\(prediction.version.version), \(status.rawValue)")
        guard explain else { return lines.joined(separator: "\n") }
        var table = TextTable(["column", "value", "status", "event time"])
        for cell in prediction.features.cells {
            table.append([
                cell.column.outputName, Console.cell(cell.value.text), cell.status.rawValue,
                cell.row?.eventTime?.text ?? "-",
            ])
        }
        return lines.joined(separator: "\n") + "\n" + table.text
    }

    private static func json(_ prediction: Prediction) -> String {
        var object = JSONObject([
            ("model", .string(prediction.version.model)), ("version", .int64(Int64(prediction.version.version))),
            ("status", .string(prediction.answers.statuses[0].rawValue)),
        ])
        let names = prediction.version.signature.outputNames
        object.append(
            "prediction",
            JSONObject(zip(names, prediction.answers.values).map { ($0, $1.map { .float32($0) } ?? .null) })
        )
        object.append(
            "features",
            JSONObject(prediction.features.cells.map { ($0.column.outputName, $0.value) })
        )
        return object.text
    }
}
