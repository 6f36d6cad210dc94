import Features
package import Training

/// How a model did on some rows, by its task.
package enum TestMetrics: Sendable, Hashable {
    case binary(BinaryMetrics)
    case multiclass(MulticlassMetrics)
    case regression(RegressionMetrics)

    /// - Parameters:
    ///   - predictions: rows of `outputs` values.
    ///   - labels: 0 and 1, places of classes, or values.
    init(_ task: ModelTask, predictions: [Float], labels: [Double], outputs: Int) {
        let values = predictions.map(Double.init)
        switch task {
        case .binary: self = .binary(BinaryMetrics(scores: values, labels: labels))
        case .multiclass:
            self = .multiclass(
                MulticlassMetrics(probabilities: values, labels: labels.map { Int($0) }, classes: outputs)
            )
        case .regression: self = .regression(RegressionMetrics(predictions: values, labels: labels))
        }
    }

    /// By which models are compared: log loss, or the root of the mean square; less is better.
    package var loss: Double {
        switch self {
        case .binary(let metrics): metrics.logLoss
        case .multiclass(let metrics): metrics.logLoss
        case .regression(let metrics): metrics.rmse
        }
    }

    /// Names and values, the first of which people look at.
    package var named: [(name: String, value: Double?)] {
        switch self {
        case .binary(let metrics):
            [
                ("auc", metrics.auc), ("average_precision", metrics.averagePrecision), ("log_loss", metrics.logLoss),
                ("brier", metrics.brier), ("lift", metrics.lift), ("calibration_error", metrics.calibrationError),
            ]
        case .multiclass(let metrics):
            [
                ("accuracy", metrics.accuracy), ("macro_f1", metrics.macroF1), ("log_loss", metrics.logLoss),
                ("top_3", metrics.top3),
            ]
        case .regression(let metrics): [("rmse", metrics.rmse), ("mae", metrics.mae), ("r2", metrics.r2)]
        }
    }
}
