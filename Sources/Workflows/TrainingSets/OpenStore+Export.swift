import Columnar
import Features
import Foundation
import PointInTime
import Store
import TrainingSets

extension OpenStore {
    /// Makes a training set: joins a spine with history, writes it and its manifest, puts both in place and records them.
    ///
    /// Nothing appears under the target's name before it is complete. A cancelled run, or one whose deadline passes, ends
    /// between two blocks of the spine or in a wait for PostgreSQL, and leaves the target as it was; once the set is in place
    /// only its record can still fall away.
    ///
    /// - Parameter event: gets what happens, on the caller's thread.
    /// - Throws: ``WorkflowError``, ``StoreError`` or ``ColumnarError``; there is no file then but what was there before.
    ///   Only where the database fails at the record of a set is that one in place.
    /// - Complexity: time as the rows of the spine and, in a scan, of history; memory as ``LookupOptions/memory``. Sets the
    ///   process's ``TableWriter/limitThreads(_:)``.
    package func export(
        _ request: ExportRequest,
        event: @escaping (ExportEvent) -> Void = { _ in }
    ) throws -> ExportResult {
        try export(request, eachBlock: { _, _ in }, event: event)
    }

    /// As ``export(_:event:)``, for somebody who looks at what is joined, too.
    /// - Parameters:
    ///   - plan: of the columns, where they are not those that the request's features mean now; such a set is not recorded.
    ///   - eachBlock: gets the plan and the joined blocks, in the order of the spine.
    func export(
        _ request: ExportRequest,
        plan given: FeaturePlan? = nil,
        eachBlock: (FeaturePlan, JoinedBlock) -> Void,
        event: @escaping (ExportEvent) -> Void
    ) throws -> ExportResult {
        try control.run {
            let (plan, service) =
                try given.map { (plan: $0, service: nil) }
                ?? Registry.load(session).plan(naming: request.features, session)
            let state = try request.state.state(Ledger(session))
            let input = try SpineInput(request, plan, self)
            let notes = try request.target.format.notes(on: input.columns, out: request.target.path)
            let spec = try TrainingSetSpec(
                plan: plan,
                labelTime: request.labelTime,
                positionColumn: request.positionColumn,
                spine: input.columns,
                state: state,
                options: JoinOptions(knownAtLabel: request.knownAtLabel, witness: request.witness),
                isServed: request.isServed,
                atColumn: request.atColumn
            )
            var blocks = try input.reading { try SpineBlocks(input.reader) }
            let engine = try request.lookup.request(self, spineRows: blocks.rowCount) { event(.warning($0)) }
            let join = try TrainingSetJoin(spec, sessions: try sessions(2), engine: engine)
            let blockRows = join.blockRows(rowBytes: blocks.rowBytes)
            event(.planned(ExportPlan(join: join.plan, spineRows: blocks.rowCount, blockRows: blockRows)))
            TableWriter.limitThreads(Workers(request.lookup.threads).halves.0.count)
            let data = try request.target.place.map { try TemporaryFile(for: $0, shown: request.target.path) }
            let warnings = try write(join, input, &blocks, to: data, request.target.format, eachBlock, event)
            let manifest = TrainingSetManifest(
                join,
                storeID: try session.storeID(),
                features: request.features,
                service: service.map { .init(name: $0.definition.name, version: $0.version) },
                spineSource: request.spine.text,
                output: .init(
                    file: data == nil ? "-" : request.target.fileName,
                    format: request.target.format.rawValue
                )
            )
            try place(data, manifest, request.target)
            return ExportResult(
                manifest: manifest,
                manifestPath: request.target.manifestPath,
                warnings: warnings,
                notes: notes,
                finerLabels: join.finerLabels,
                isRecorded: try given == nil && record(manifest),
                scan: join.scanReport,
                stages: join.clock.stages
            )
        }
    }

    /// Joins the spine's blocks and writes them.
    /// - Returns: warnings.
    private func write(
        _ join: TrainingSetJoin,
        _ input: SpineInput,
        _ blocks: inout SpineBlocks,
        to data: TemporaryFile?,
        _ format: FileFormat,
        _ eachBlock: (FeaturePlan, JoinedBlock) -> Void,
        _ event: @escaping (ExportEvent) -> Void
    ) throws -> [String] {
        var progress = SpineProgress(input)
        var warnings: [String] = []
        func naming<Result>(_ body: () throws -> Result) throws -> Result { try data?.naming(body) ?? body() }
        let writer = try naming {
            try TableWriter(path: data?.path ?? "-", format: format, columns: input.written(join.spec.columns))
        }
        join.prepare()
        defer { join.settle() }
        join.onProgress = { [unowned join] share in
            event(.progress(progress.joined(share, rows: join.rowCount)))
        }
        while let batch = try join.clock.measure(
            .spine,
            { try input.reading { try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) } }
        ) {
            try control.check()
            progress.read()
            let spine = input.spine(of: batch)
            try input.refuseNul(in: spine, firstRow: join.rowCount + 1, format)
            if join.spec.options.knownAtLabel && join.rowCount == 0 { warnings += try join.knownAtWarnings(spine) }
            let block = try join.joinBlock(spine)
            eachBlock(join.spec.plan, block)
            let written = input.written(block.batch, of: batch)
            try join.record(block) {
                try join.clock.measure(.write) { try naming { try writer.write(written) } }
            }
            event(.progress(progress.written(rows: join.rowCount)))
        }
        try join.finish()
        warnings += try join.earlierRemovals().map { "\($0.text): the set has not what it had at its position" }
        warnings += join.warnings
        warnings += Self.derivedErrors(join)
        try join.clock.measure(.write) { try naming { try writer.finish() } }
        if let row = input.reader.openEndedRow {
            let place = input.reader.origin(ofRow: row).map { "row \($0.row) of \($0.file)" } ?? "row \(row)"
            warnings.append(
                "\(input.name): the last line, \(place), has no line end: where the file was cut off, its last value may be too"
            )
        }
        return warnings
    }

    /// Derived columns of which more than one row in a hundred is null because of an error.
    private static func derivedErrors(_ join: TrainingSetJoin) -> [String] {
        zip(join.spec.plan.columns.compactMap(\.derived), join.derivedErrors).compactMap { column, errors in
            guard errors * 100 > join.rowCount else { return nil }
            return """
                \(column.outputName) is null in \(errors) of \(join.rowCount) rows where PostgreSQL would raise an error, as a \
                division by zero: \(column.expression)
                """
        }
    }

    /// The data first: a manifest never stands next to data that is not its own.
    private func place(_ data: TemporaryFile?, _ manifest: TrainingSetManifest, _ target: ExportTarget) throws {
        let path = target.manifestPath
        let file = try TemporaryFile(for: target.manifestPlace, shown: path)
        do {
            try Data(try manifest.json.utf8).write(to: URL(fileURLWithPath: file.path))
        } catch let error as CocoaError {
            throw WorkflowError.refused("\(path): cannot be written: \(error.localizedDescription)")
        }
        try data?.send(control)
        try file.send(control)
        try control.check()
        if let data {
            try target.removeManifest()
            try data.place()
        }
        try file.place()
    }

    private func record(_ manifest: TrainingSetManifest) throws -> Bool {
        do {
            return try manifest.record(session)
        } catch {
            // The set is in place, whole: the end that was asked for comes too late for it.
            guard control.isOver else { throw error }
            return false
        }
    }
}
