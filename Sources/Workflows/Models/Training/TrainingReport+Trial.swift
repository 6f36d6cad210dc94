import Features
import PointInTime
import Training
import TrainingSets

/// From a trial to the page that shows it.
extension TrainingReport {
    /// - Parameters:
    ///   - judged: as ``TrainResult/judged``, the new one last.
    ///   - draws: of days, for intervals.
    init(
        _ trial: ModelTrial,
        _ fitted: FittedModel,
        _ checks: TrialChecks,
        _ judgement: Judgement,
        _ model: ModelDefinition,
        _ request: TrainRequest,
        _ set: TrainingSetManifest,
        judged: [TrainResult.Judged],
        algorithm: ModelDefinition.Algorithm,
        command: String,
        draws: Int
    ) {
        self.init(
            model: model.name,
            version: nil,
            task: model.task.rawValue,
            algorithm: algorithm.rawValue,
            service: set.service.map { "\($0.name)@\($0.version)" } ?? model.service,
            label: model.label,
            split: Split(trial.split, times: trial.data.times, embargoUs: model.labelDelay.microseconds),
            command: command
        )
        warnings = trial.warnings
        let (labels, predictions) = (judgement.labels, judgement.predictions(fitted.answers))
        let times = judgement.places.map { trial.data.times[Int(trial.split.test[$0])] }
        let days = times.map { ($0 ?? 0).flooredQuotient(86_400_000_000) }
        let outputs = fitted.signature.outputs
        let intervals = DayBootstrap.intervals(days: days, draws: draws, seed: request.seed) { rows in
            TestMetrics(
                trial.task,
                predictions: rows.flatMap { predictions[$0 * outputs..<($0 + 1) * outputs] },
                labels: rows.map { labels[$0] },
                outputs: outputs
            ).named.map(\.value)
        }
        self.judged = judged.map { entry in
            let isNew = entry.name == "new"
            let metrics = entry.metrics.named.enumerated().map { place, named in
                var metric = Metric(named.name, named.value)
                if isNew, intervals.indices.contains(place), let bounds = intervals[place] {
                    (metric.low, metric.high) = (bounds.low, bounds.high)
                }
                return metric
            }
            return Judged(isNew ? algorithm.rawValue : entry.name, isNew: isNew, metrics: metrics)
        }
        if case .binary(let metrics) = judgement.metrics(fitted.answers) {
            let scores = predictions.map(Double.init)
            curves = Curves(scores: scores, labels: labels)
            histogram = ScoreHistogram(scores: scores, labels: labels)
            calibration = metrics.calibration
            calibrationLine = CalibrationLine(scores: scores, labels: labels)
        }
        months = Self.months(trial.task, times, predictions, labels, outputs: outputs)
        importances = checks.importances(fitted.importances)
        leaks.adversarialAUC = checks.adversarialAUC
        features = Self.features(trial)
        leaks.suspects = trial.suspects.map { Metric($0.name, $0.auc) }
        facts = [
            Fact("training set", "position \(set.store.position), content \(set.contentDigest)"),
            Fact("fitted by", fitted.library), Fact("seed", "\(request.seed)"),
            Fact("spine", request.spine.text),
        ]
        facts += request.parameters.sorted { $0.key < $1.key }.map { Fact($0.key, $0.value) }
        if let rounds = fitted.rounds { facts.append(Fact("rounds", "\(rounds)")) }
        if let note = request.note { facts.append(Fact("note", note)) }
    }

    private static func months(
        _ task: ModelTask,
        _ times: [Int64?],
        _ predictions: [Float],
        _ labels: [Double],
        outputs: Int
    ) -> [Month] {
        var rows: [String: [Int]] = [:]
        for (place, time) in times.enumerated() {
            guard let time else { continue }
            rows[String(Timestamp(microseconds: time).text.prefix(7)), default: []].append(place)
        }
        return rows.sorted { $0.key < $1.key }.compactMap { name, places in
            let metrics = TestMetrics(
                task,
                predictions: places.flatMap { Array(predictions[$0 * outputs..<($0 + 1) * outputs]) },
                labels: places.map { labels[$0] },
                outputs: outputs
            )
            return metrics.named.first.map { Month(name, rows: places.count, Metric($0.name, $0.value)) }
        }
    }

    private static func features(_ trial: ModelTrial) -> [Feature] {
        let (train, test) = (trial.data.columns(trial.split.train), trial.data.columns(trial.split.test))
        let signature = trial.signature
        return signature.inputs.map { input in
            func nulls(_ column: Column) -> Double {
                column.rowCount > 0 ? Double(column.nullCount) / Double(column.rowCount) : 0
            }
            var shown = input
            // What people know is the value, not what it is scaled to.
            let isNumber = input.reads.count == 1 && (input.type.isNumber || input.type == .bool)
            if isNumber { shown.encoder = .number }
            let own = Encoders(ModelSignature(task: trial.task, columns: signature.columns, inputs: [shown]))
            let (place, rows) = (input.reads[0], trial.split)
            let seen = DesignMatrix(train, own, rowCount: rows.train.count)
            let asked = DesignMatrix(test, own, rowCount: rows.test.count)
            var feature = Feature(
                input.name,
                type: input.type.text,
                trainNulls: nulls(train[place]),
                testNulls: nulls(test[place])
            )
            let askedRows = Double(max(asked.rowCount, 1))
            if isNumber {
                let values = seen.values.lazy.filter { !$0.isNaN }
                guard let low = values.min(), let high = values.max() else { return feature }
                (feature.low, feature.high) = (Double(low), Double(high))
                feature.outside = Double(asked.values.count { $0 < low || $0 > high }) / askedRows
            } else {
                switch input.encoder {
                case .categories, .onehot, .levels, .mapped: feature.outside = Double(asked.unseen[0]) / askedRows
                default: break
                }
            }
            return feature
        }
    }
}
