package import Columnar
package import Features
import Models
import PointInTime
import Postgres
import Store
import Training
import TrainingSets

/// Predictions that are wanted for the rows of a file.
package struct PredictRowsRequest: Sendable {
    /// `model`, `model@7` or `model@challenger`.
    package var model: String
    /// A file with keys and request fields; what else it has passes through.
    package var rows: String
    package var format: FileFormat?
    package var input = InputOptions()
    /// Where rows go with the answers behind them; `-` is standard output.
    package var out = "-"
    /// Of that; `nil` = what its extension says, CSV of standard output.
    package var outFormat: FileFormat?
    /// As of when rows are read; `nil` = now.
    package var time: Timestamp?
    /// The position of the state to read, and of the champion; `nil` = the newest.
    package var position: Int64?

    package init(model: String, rows: String) {
        self.model = model
        self.rows = rows
    }
}

package struct PredictRowsResult: Sendable {
    package let model: String
    package let version: Int
    /// That was read.
    package let position: Int64
    package let time: Timestamp
    package var rows = 0
    /// Rows that the fallback answered.
    package var fallbacks = 0
}

extension OpenStore {
    /// Predicts for each row of a file, all at one position and as of one time, as a server would answer then.
    ///
    /// - Throws: ``WorkflowError``, `ModelsError`, ``ColumnarError`` or as a training set's join; there is no file then but what
    ///   was there before.
    package func predict(_ request: PredictRowsRequest) throws -> PredictRowsResult {
        try control.run {
            let (model, fallback) = try answering(request.model, at: request.position)
            let version = model.version
            let ledger = Ledger(session)
            let state = try request.position.map { try ledger.state(at: $0) } ?? ledger.head()
            let now = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
            // An older state is read as of its commit, as for a single entity.
            let committed = request.position == nil ? nil : state.committedAt
            let time = request.time ?? Timestamp(microseconds: committed ?? now)
            let service = "\(version.service)@\(version.serviceVersion)"
            let plan = try Registry.load(session).plan(naming: service, session).plan
            let rows = try AskedRows(request, plan, answers: version.signature.outputNames)
            var blocks = try SpineBlocks(rows.reader)
            let join = try servedJoin(plan, rows: rows.needed, time: AskedRows.time, state, count: blocks.rowCount)
            let file = try rows.place.map { try TemporaryFile(for: $0, shown: request.out) }
            func naming<Result>(_ body: () throws -> Result) throws -> Result { try file?.naming(body) ?? body() }
            let writer = try naming {
                try TableWriter(path: file?.path ?? "-", format: rows.format, columns: rows.written)
            }
            var result = PredictRowsResult(
                model: version.model,
                version: version.version,
                position: state.position,
                time: time
            )
            while let batch = try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) {
                try control.check()
                let block = try join.joinBlock(rows.spine(batch, time))
                let answers = Answers(
                    model,
                    fallback: fallback,
                    columns: Array(block.batch.columns.suffix(plan.columns.count)),
                    presence: plan.presence(block),
                    rowCount: batch.rowCount
                )
                try naming { try writer.write(rows.written(batch, answers)) }
                result.rows += batch.rowCount
                result.fallbacks += answers.statuses.count { $0 == .fallback }
            }
            try join.finish()
            try naming { try writer.finish() }
            try control.check()
            try file?.send(control)
            try file?.place()
            return result
        }
    }
}

/// A file of rows that a model is asked about, and what is written of it.
private struct AskedRows {
    /// The spine's column of the run's time; no name of anybody's begins so.
    static let time = "_predict_time"
    static let status = "status"

    let reader: TableReader
    /// Keys and request fields.
    let needed: [ColumnSchema]
    /// `nil` = standard output.
    let place: String?
    let format: FileFormat
    let written: [WrittenColumn]
    private let outputs: Int

    init(_ request: PredictRowsRequest, _ plan: FeaturePlan, answers: [String]) throws {
        var needed = try plan.requestKeys().map { ColumnSchema(name: $0.name, type: $0.type.featureType) }
        for field in plan.requestFields where !needed.contains(where: { $0.name == field.name }) {
            needed.append(ColumnSchema(name: field.name, type: field.type))
        }
        self.needed = needed
        let reader = try TableReader(
            path: request.rows,
            format: try request.format
                ?? FileFormat(inputPath: request.rows, option: "an ending: \(FileFormat.spellings)"),
            options: request.input
        )
        var columns = try reader.inferTypes()
        for column in needed {
            guard let index = columns.firstIndex(where: { $0.sourceName == column.name }) else {
                let names = columns.map(\.sourceName)
                throw WorkflowError.refused(
                    "\(request.rows) has no column '\(column.name)', which the model needs\(Name.hint(for: column.name, among: names)); it has \(names.joined(separator: ", "))"
                )
            }
            columns[index].type = column.type
            columns[index].passed = nil
        }
        for name in answers + [Self.status] where columns.contains(where: { $0.sourceName == name }) {
            throw WorkflowError.refused(
                "\(request.rows) has a column '\(name)', as the answers have; give it another name, or leave it out"
            )
        }
        try reader.select(columns)
        self.reader = reader
        outputs = answers.count
        written =
            columns.map { WrittenColumn(name: $0.sourceName, type: $0.type, passed: $0.passed) }
            + answers.map { WrittenColumn(name: $0, type: .float32) } + [
                WrittenColumn(name: Self.status, type: .string)
            ]
        if request.out == "-" {
            format = request.outFormat ?? .csv
            guard format != .parquet else {
                throw WorkflowError.usage("--out -: Parquet goes to files only; name one, or take csv, jsonl or arrow")
            }
            place = nil
        } else {
            format = try request.outFormat ?? FileFormat(outputPath: request.out)
            place = try ExportTarget(request.out, format: format, spine: request.rows).place
        }
    }

    func spine(_ batch: ColumnBatch, _ time: Timestamp) -> ColumnBatch {
        let times = Column(type: .timestamp, values: .int64(Array(repeating: time.microseconds, count: batch.rowCount)))
        return ColumnBatch(
            names: needed.map(\.name) + [Self.time],
            columns: needed.compactMap { batch[$0.name] } + [times],
            rowCount: batch.rowCount
        )
    }

    func written(_ batch: ColumnBatch, _ answers: Answers) -> ColumnBatch {
        let scores = (0..<outputs).map { output in
            let own = (0..<batch.rowCount).map { answers.values[$0 * outputs + output] }
            return Column(
                type: .float32,
                validity: own.contains { $0 == nil } ? own.map { $0 != nil } : nil,
                values: .float32(own.map { $0 ?? 0 })
            )
        }
        let statuses = Column(type: .string, values: .text(TextValues(answers.statuses.map(\.rawValue))))
        return ColumnBatch(
            names: written.map(\.name),
            columns: batch.columns + scores + [statuses],
            rowCount: batch.rowCount
        )
    }
}
