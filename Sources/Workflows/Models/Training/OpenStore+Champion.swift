import Columnar
import Features
import Forest
import Models
import PointInTime
import Store
import Training
import TrainingSets

/// What a version that was registered before answers for the test rows, or why that cannot be told.
enum RivalAnswers {
    case answers(TestAnswers)
    case notCompared(String)
}

/// A training set that was made, with what it takes to join its rows again.
struct MadeSet {
    var manifest: TrainingSetManifest
    /// The file, in Arrow.
    var path: String
    var plan: FeaturePlan
}

extension OpenStore {
    /// What a version answers for the test rows of a trial, by the columns of its own service version, of the same position.
    ///
    /// Of a version that learns its file answers, what it was trained to be: its publishes have seen the labels that judge.
    /// - Throws: where the database fails or the run is over; everything else is a reason.
    func answers(
        of version: ModelVersion,
        for trial: ModelTrial,
        _ model: ModelDefinition,
        _ set: MadeSet,
        _ request: TrainRequest
    ) throws -> RivalAnswers {
        do {
            if let reason = Self.difference(version, trial) { return .notCompared(reason) }
            let forest = try Forest(bytes: try ModelRegistry(session).file(version))
            let rows = try testRows(version, trial, set, request)
            let matrix = DesignMatrix(rows.columns, version.signature, rowCount: trial.split.test.count)
            return .answers(
                TestAnswers(
                    forest.predictions(matrix.values, count: matrix.rowCount),
                    outputs: version.signature.outputs,
                    isUnknown: rows.isUnknown,
                    fallback: version.fallback(under: model),
                    base: version.base
                )
            )
        } catch StoreError.database(let error) {
            throw StoreError.database(error)
        } catch ModelsError.store(let error) {
            throw ModelsError.store(error)
        } catch {
            try control.check()
            return .notCompared("\(error)")
        }
    }

    private static func difference(_ version: ModelVersion, _ trial: ModelTrial) -> String? {
        let signature = version.signature
        guard signature.task == trial.task else {
            return "it answers a \(signature.task.rawValue) label, the new one a \(trial.task.rawValue) label"
        }
        guard signature.classes == trial.labels.classes else {
            let (own, others) = (Set(trial.labels.classes), Set(signature.classes))
            let more = own.subtracting(others).sorted().prefix(3).joined(separator: ", ")
            let fewer = others.subtracting(own).sorted().prefix(3).joined(separator: ", ")
            return "its classes are not those of the label now"
                + (more.isEmpty ? "" : "; it does not know \(more)") + (fewer.isEmpty ? "" : "; only it knows \(fewer)")
        }
        return nil
    }

    /// The test rows as a version's service has them.
    private func testRows(
        _ version: ModelVersion,
        _ trial: ModelTrial,
        _ set: MadeSet,
        _ request: TrainRequest
    ) throws -> (columns: [Column], isUnknown: [Bool]) {
        let test = trial.split.test
        let own = set.manifest.service
        if own?.name == version.service, own?.version == version.serviceVersion {
            try Self.check(set.plan, version)
            return (trial.data.columns(test), trial.isTestUnknown)
        }
        let name = "\(version.service)@\(version.serviceVersion)"
        let plan = try Registry.load(session).plan(naming: name, session).plan
        try Self.check(plan, version)
        return try rejoined(plan, rows: test, of: set, request)
    }

    /// How rows are joined as a server reads them, instead of as of their label times.
    struct ServedReading {
        /// Of each row of the set, up to when events count, µs; `nil` = there is no bound.
        var bounds: [Int64]?
        /// The spine's column of them; no name of anybody's begins so.
        static let column = "_asof_bound"
    }

    /// Rows of a set's spine, joined once more, at the set's position.
    ///
    /// - Parameters:
    ///   - plan: of the columns that are wanted.
    ///   - rows: numbers of the set's rows, ascending.
    ///   - served: `nil` = as of their label times.
    func rejoined(
        _ plan: FeaturePlan,
        rows test: [Int32],
        of set: MadeSet,
        _ request: TrainRequest,
        served: ServedReading? = nil
    ) throws -> (columns: [Column], isUnknown: [Bool]) {
        var export = ExportRequest(
            spine: request.spine,
            labelTime: request.labelTime,
            features: set.manifest.features,
            target: try ExportTarget(set.path + ".other.arrow", format: .arrow, spine: nil)
        )
        export.dropped = request.dropped
        switch request.spine {
        case .file(let path, _, _) where path != "-" && served == nil: break
        case .file, .query:
            // What cannot be read twice alike is read from the set, which has the spine's columns.
            export.spine = .file(set.path, format: .arrow, InputOptions())
            export.dropped = set.plan.columns.map(\.outputName)
        }
        let input = try SpineInput(export, plan, self)
        let bounds = served?.bounds
        let bound = bounds.map { _ in ColumnSchema(name: ServedReading.column, type: .timestamp) }
        let spec = try TrainingSetSpec(
            plan: plan,
            labelTime: request.labelTime,
            spine: input.columns + (bound.map { [$0] } ?? []),
            state: try Ledger(session).state(at: set.manifest.store.position),
            options: JoinOptions(),
            isServed: served != nil,
            atColumn: bound?.name
        )
        var blocks = try SpineBlocks(input.reader)
        let engine = try request.lookup.request(self, spineRows: test.count) { _ in }
        let join = try TrainingSetJoin(spec, sessions: try sessions(2), engine: engine, measures: false)
        var columns = plan.columns.map { Column(emptyOf: $0.type) }
        var isUnknown: [Bool] = []
        var (seen, next) = (0, 0)
        while let batch = try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) {
            try control.check()
            let first = next
            while next < test.count, Int(test[next]) < seen + batch.rowCount { next += 1 }
            let wanted = test[first..<next].map { $0 - Int32(seen) }
            let read = seen..<seen + batch.rowCount
            seen += batch.rowCount
            if wanted.isEmpty { continue }
            var spine = input.spine(of: batch)
            if let bounds {
                guard read.upperBound <= bounds.count else { break }
                spine.names.append(ServedReading.column)
                spine.columns.append(Column(type: .timestamp, values: .int64(Array(bounds[read]))))
            }
            let block = try join.joinBlock(
                ColumnBatch(
                    names: spine.names,
                    columns: spine.columns.map { $0.gather(wanted) },
                    rowCount: wanted.count
                )
            )
            let joined = block.batch.columns.suffix(columns.count)
            for (index, column) in joined.enumerated() { columns[index].append(column) }
            isUnknown += plan.presence(block).unknown(wanted.count)
        }
        try join.finish()
        guard seen == set.manifest.rows else {
            throw WorkflowError.refused(
                "the spine has \(seen) rows by now and had \(set.manifest.rows) when the model was fitted"
            )
        }
        return (columns, isUnknown)
    }

    private static func check(_ plan: FeaturePlan, _ version: ModelVersion) throws {
        guard plan.hasColumns(of: version.signature) else {
            throw WorkflowError.refused(
                "the columns of \(version.service)@\(version.serviceVersion) are not those that it reads"
            )
        }
    }
}
