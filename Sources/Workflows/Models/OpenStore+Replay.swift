import Columnar
import Features
import Forest
import Models
import PointInTime
import Predictions
import Store
import Training
import TrainingSets

extension OpenStore {
    /// Makes logged predictions again, each at its position, by the engine of training sets, and compares bits.
    ///
    /// What a model read is not in the log: it is joined as a server joins it, with the request's fields, overrides and time,
    /// and scored by the version that answered then.
    /// - Throws: `ModelsError` for a model or version that there is not, or that does not answer here; ``WorkflowError`` for a
    ///   sample of no rows.
    package func replay(_ request: ReplayRequest) throws -> ReplayResult {
        try control.run {
            guard (1...WorkflowLimits.replayRowsMax).contains(request.sample) else {
                throw WorkflowError.usage(
                    "--sample \(request.sample): expected 1 to \(CountText.grouped(WorkflowLimits.replayRowsMax)) rows"
                )
            }
            let reference = ModelReference(request.model)
            let pinned = reference.isPinned ? try ModelRegistry(session).resolve(reference).version : nil
            if !reference.isPinned { _ = try ModelRegistry(session).resolve(reference) }
            let logged = try PredictionLog(session).sample(
                of: reference.model,
                version: pinned,
                from: request.from?.microseconds,
                to: request.to?.microseconds,
                count: request.sample,
                seed: request.seed
            )
            var result = ReplayResult()
            result.isLogging = try Registry.load(session).definitions.model(named: reference.model)?.log != nil
            let head = try Ledger(session).head()
            for (key, rows) in Dictionary(grouping: logged, by: ReplayGroup.Key.init).sorted(by: { $0.key < $1.key }) {
                try control.check()
                let rows = rows.filter { row in
                    guard let reason = Self.reason(row, head) else { return true }
                    result.notCompared[reason, default: 0] += 1
                    return false
                }
                if rows.isEmpty { continue }
                try replay(rows, key, of: reference.model, head, &result)
            }
            return result
        }
    }

    /// Why a row cannot be made again; `nil` = it can.
    private static func reason(_ row: LoggedPrediction, _ head: LedgerState) -> String? {
        if row.isCut { return "their request values were too large to be logged" }
        if !row.isExact { return "they read views that are not in the server's memory, at no position of their own" }
        if row.position > head.position { return "their positions are none of this store's: it was restored" }
        return nil
    }

    private func replay(
        _ rows: [LoggedPrediction],
        _ key: ReplayGroup.Key,
        of model: String,
        _ head: LedgerState,
        _ result: inout ReplayResult
    ) throws {
        let registry = ModelRegistry(session)
        let version = try registry.version(model, key.version)
        // Up to position 0 nothing is published: the version's file.
        let forest: Forest
        do throws(ModelsError) {
            forest = try registry.forest(version, key.publish, at: key.publish == nil ? 0 : nil).forest
        } catch {
            guard key.publish != nil, case .request = error else { throw error }
            result.notCompared[
                "the weights that answered are kept no more (`publish: keep` of the model)",
                default: 0
            ] +=
                rows.count
            return
        }
        let ready = ReadyModel(version, forest)
        let group: ReplayGroup
        do {
            let plan = try Registry.load(session).plan(naming: "\(version.service)@\(version.serviceVersion)", session)
                .plan
            group = try ReplayGroup(plan, version, rows, key)
        } catch {
            if case StoreError.database = error { throw error }
            result.notCompared["\(error)", default: 0] += rows.count
            return
        }
        let join = try TrainingSetJoin(
            try group.servedSpec(head),
            sessions: [try sessions(2)[1]],
            engine: EngineRequest(nil, spineRows: rows.count),
            measures: false
        )
        let blockRows = join.blockRows(rowBytes: 200)
        var matrices: [DesignMatrix] = []
        for start in stride(from: 0, to: rows.count, by: blockRows) {
            try control.check()
            let range = start..<min(rows.count, start + blockRows)
            let block = try join.joinBlock(group.spine.slice(range))
            matrices.append(compare(Array(rows[range]), group, block, ready, &result))
        }
        try join.finish()
        for removal in try join.earlierRemovals() where !result.removals.contains(removal) {
            result.removals.append(removal)
        }
        try addStaleness(group, head, blockRows, matrices, version, &result)
    }

    private func compare(
        _ rows: [LoggedPrediction],
        _ group: ReplayGroup,
        _ block: JoinedBlock,
        _ ready: ReadyModel,
        _ result: inout ReplayResult
    ) -> DesignMatrix {
        let version = ready.version
        let columns = Array(block.batch.columns.suffix(group.plan.columns.count))
        let presence = group.plan.presence(block, given: Set(group.given.keys))
        func answers(_ fallback: ModelDefinition.Fallback) -> Answers {
            Answers(ready, fallback: fallback, columns: columns, presence: presence, rowCount: rows.count)
        }
        // How an unknown entity was answered is a matter of the definitions then.
        let model = answers(.model)
        var byFallback: [String: Answers] = [:]
        let outputs = version.signature.outputs
        for (row, logged) in rows.enumerated() {
            var now = model
            if let text = logged.fallback, let fallback = ModelDefinition.Fallback(text: text) {
                now = byFallback[text] ?? answers(fallback)
                byFallback[text] = now
            }
            let score = (0..<outputs).map { now.values[row * outputs + $0] ?? .nan }
            let isSame =
                score.count == logged.score.count
                && zip(score, logged.score).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
            let status = now.statuses[row].rawValue
            let marks = InputMarks.marks(now.matrix, version.signature, row: row)
            result.compared += 1
            guard !isSame || marks != logged.marks || status != logged.status else { continue }
            result.different += 1
            var differing: [(name: String, now: String)] = []
            for (place, input) in version.signature.inputs.enumerated()
            where !logged.marks.indices.contains(place) || marks[place] != logged.marks[place] {
                let values = input.reads.map { columns[$0].value(row) }.map { $0 == .null ? "null" : $0.text }
                differing.append((input.name, values.joined(separator: ", ")))
                result.byColumn[input.name, default: 0] += 1
            }
            if differing.isEmpty { result.byColumn[isSame ? "status" : "score", default: 0] += 1 }
            guard result.differences.count < ReplayResult.differencesMax else { continue }
            result.differences.append(
                ReplayDifference(
                    servedAt: Timestamp(microseconds: logged.servedUs),
                    keys: logged.keyText,
                    version: version.version,
                    position: logged.position,
                    columns: differing,
                    score: logged.score,
                    scoreNow: score,
                    status: logged.status,
                    statusNow: status
                )
            )
        }
        return model.matrix
    }

    /// Compares what was served with what a training set of now has for the same rows.
    private func addStaleness(
        _ group: ReplayGroup,
        _ head: LedgerState,
        _ blockRows: Int,
        _ served: [DesignMatrix],
        _ version: ModelVersion,
        _ result: inout ReplayResult
    ) throws {
        let rowCount = group.spine.rowCount
        let join = try TrainingSetJoin(
            try group.trainedSpec(head),
            sessions: [try sessions(2)[1]],
            engine: EngineRequest(nil, spineRows: rowCount),
            measures: false
        )
        for (before, start) in zip(served, stride(from: 0, to: rowCount, by: blockRows)) {
            try control.check()
            let count = min(rowCount, start + blockRows) - start
            let block = try join.joinBlock(group.spine.slice(start..<start + count))
            let columns = Array(block.batch.columns.suffix(group.plan.columns.count))
            let matrix = DesignMatrix(columns, version.signature, rowCount: count)
            for row in 0..<count {
                var (offset, isStale) = (row * matrix.width, false)
                for input in version.signature.inputs {
                    let range = offset..<offset + input.width
                    offset += input.width
                    let isSame = range.allSatisfy { place in
                        let (now, then) = (matrix.values[place], before.values[place])
                        return now.bitPattern == then.bitPattern || (now.isNaN && then.isNaN)
                    }
                    if isSame { continue }
                    isStale = true
                    result.staleByColumn[input.name, default: 0] += 1
                }
                if isStale { result.stale += 1 }
            }
        }
        try join.finish()
    }
}
