import Features
import Forest
import Models
import Training

/// Models of our own code: linear ones, and the base.
extension ModelTrial {
    func linear(_ algorithm: ModelDefinition.Algorithm, penalty: Double) throws -> FittedModel {
        let train = matrix(linear, split.train)
        let training = split.train.map { labels.values[Int($0)] }
        let fit = LinearFit(
            values: train.values,
            rowCount: train.rowCount,
            names: linear.featureNames,
            penalty: penalty
        )
        let fitted =
            switch (algorithm, task) {
            case (.logistic, .multiclass): fit.softmax(training.map { Int($0) }, classes: labels.classes.count)
            case (.logistic, _): fit.logistic(training)
            case (.ridge, _): fit.ridge(training)
            case (.base, _), (.xgboost, _), (.ftrl, _):
                LinearFit.base(task: task.rawValue, outputs: baseMargins, names: linear.featureNames)
            }
        return try judged(
            file: fitted.json,
            linear,
            train,
            importances: zip(linear.featureNames, fit.sizes(of: fitted)).map { (name: $0, share: $1) }
        )
    }

    /// A model of our own code, whose file is read again as a server reads it: judged, and with golden rows of it.
    ///
    /// - Parameters:
    ///   - json: the model's file.
    ///   - train: the rows that it was fitted to, by `signature`.
    ///   - importances: of the inputs, of any size.
    func judged(
        file json: String,
        _ signature: ModelSignature,
        _ train: DesignMatrix,
        importances: [(name: String, share: Double)],
        notes: [String] = []
    ) throws -> FittedModel {
        let file = Array(json.utf8)
        let forest = try Forest(bytes: file)
        let probe = GoldenRows.drawn(from: train.values, width: signature.width, seed: seed)
        return FittedModel(
            file: file,
            signature: signature,
            answers: answers(forest, signature),
            golden: GoldenRows(
                count: probe.count,
                inputs: probe.inputs,
                margins: forest.margins(probe.inputs, count: probe.count)
            ),
            importances: Self.shares(importances),
            library: "asof",
            notes: notes
        )
    }

    /// Of the base: what margins have to be for its predictions.
    private var baseMargins: [Double] {
        switch task {
        case .regression: base
        case .binary: base.map { Self.log($0 / (1 - $0)) }
        case .multiclass: base.map { Self.log($0) }
        }
    }
}
