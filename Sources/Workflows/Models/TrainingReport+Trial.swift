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
        let labels = trial.testLabels
        let days = trial.split.test.map { (trial.data.times[Int($0)] ?? 0).flooredQuotient(86_400_000_000) }
        self.judged = judged.map { entry in
            let isNew = entry.name == "new"
            let metrics = entry.metrics.named.map { name, value in
                var metric = Metric(name, value)
                if isNew, let bounds = Self.interval(name, fitted, labels, days, draws, request.seed) {
                    (metric.low, metric.high) = (bounds.low, bounds.high)
                }
                return metric
            }
            return Judged(isNew ? algorithm.rawValue : entry.name, isNew: isNew, metrics: metrics)
        }
        if case .binary(let metrics) = fitted.metrics {
            let scores = fitted.testPredictions.map(Double.init)
            curves = Curves(scores: scores, labels: labels)
            histogram = ScoreHistogram(scores: scores, labels: labels)
            calibration = metrics.calibration
        }
        months = Self.months(trial, fitted, labels)
        importances = fitted.importances.map { Importance($0.name, gain: $0.share) }
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

    private static func interval(
        _ name: String,
        _ fitted: FittedModel,
        _ labels: [Double],
        _ days: [Int64],
        _ draws: Int,
        _ seed: UInt64
    ) -> (low: Double, high: Double)? {
        guard case .binary = fitted.metrics, name == "auc" else { return nil }
        let scores = fitted.testPredictions.map(Double.init)
        return DayBootstrap.interval(days: days, draws: draws, seed: seed) { rows in
            ScoreCurve(scores: rows.map { scores[$0] }, labels: rows.map { labels[$0] }).auc
        }
    }

    private static func months(_ trial: ModelTrial, _ fitted: FittedModel, _ labels: [Double]) -> [Month] {
        var rows: [String: [Int]] = [:]
        for (place, row) in trial.split.test.enumerated() {
            guard let time = trial.data.times[Int(row)] else { continue }
            rows[String(Timestamp(microseconds: time).text.prefix(7)), default: []].append(place)
        }
        let outputs = fitted.signature.outputs
        return rows.sorted { $0.key < $1.key }.compactMap { name, places in
            let metrics = TestMetrics(
                trial.task,
                predictions: places.flatMap { Array(fitted.testPredictions[$0 * outputs..<($0 + 1) * outputs]) },
                labels: places.map { labels[$0] },
                outputs: outputs
            )
            return metrics.named.first.map { Month(name, rows: places.count, Metric($0.name, $0.value)) }
        }
    }

    private static func features(_ trial: ModelTrial) -> [Feature] {
        let (train, test) = (trial.data.columns(trial.split.train), trial.data.columns(trial.split.test))
        return trial.trees.inputs.enumerated().map { place, input in
            func nulls(_ column: Column) -> Double {
                column.rowCount > 0 ? Double(column.nullCount) / Double(column.rowCount) : 0
            }
            let signature = ModelSignature(task: trial.task, inputs: [input])
            let seen = DesignMatrix([train[place]], signature, rowCount: train[place].rowCount)
            let asked = DesignMatrix([test[place]], signature, rowCount: test[place].rowCount)
            var feature = Feature(
                input.name,
                type: input.type.text,
                trainNulls: nulls(train[place]),
                testNulls: nulls(test[place])
            )
            let askedRows = Double(max(asked.rowCount, 1))
            switch input.encoder {
            case .number:
                let values = seen.values.lazy.filter { !$0.isNaN }
                guard let low = values.min(), let high = values.max() else { break }
                (feature.low, feature.high) = (Double(low), Double(high))
                feature.outside = Double(asked.values.count { $0 < low || $0 > high }) / askedRows
            case .categories, .onehot: feature.outside = Double(asked.unseen[0]) / askedRows
            case .elements: break
            }
            return feature
        }
    }
}
