import Features
import Forest
import Models
import Training
import XGBoost

/// Trees, which XGBoost fits.
extension ModelTrial {
    /// What may be set of XGBoost, with what it is otherwise.
    static let treeParameters: [String: String] = [
        "eta": "0.1", "max_depth": "6", "min_child_weight": "1", "subsample": "1", "colsample_bytree": "1",
        "colsample_bylevel": "1", "colsample_bynode": "1", "lambda": "1", "alpha": "0", "gamma": "0", "max_bin": "256",
        "max_leaves": "0", "max_cat_to_onehot": "4", "max_cat_threshold": "64", "num_parallel_tree": "1",
        "max_delta_step": "0",
    ]

    /// What may be set of how long is fitted, in rounds.
    static let countParameters: Set<String> = ["rounds", "early_stopping"]

    /// A number of rounds; `1e2` is 100.
    static func count(_ text: String) -> Int? {
        Double(text).flatMap { Int(exactly: $0) }.flatMap { (1...TrainingLimits.roundsMax).contains($0) ? $0 : nil }
    }

    /// - Returns: the job, its files, and the rows to predict from with the model that is kept.
    func treeJob(
        _ request: TrainRequest
    ) -> (XGBoostFit, files: [(name: String, values: [Float])], probe: (count: Int, inputs: [Float])) {
        var parameters = Self.treeParameters
        for (name, value) in request.parameters where parameters[name] != nil { parameters[name] = value }
        parameters["seed"] = "\(request.seed)"
        parameters["nthread"] = "\(request.fitting.threads)"
        parameters["tree_method"] = "hist"
        switch task {
        case .binary: (parameters["objective"], parameters["eval_metric"]) = ("binary:logistic", "logloss")
        case .regression: (parameters["objective"], parameters["eval_metric"]) = ("reg:squarederror", "rmse")
        case .multiclass:
            (parameters["objective"], parameters["eval_metric"]) = ("multi:softprob", "mlogloss")
            parameters["num_class"] = "\(labels.classes.count)"
        }
        let (train, valid) = (matrix(signature, split.train), matrix(signature, split.valid))
        let probe = GoldenRows.drawn(from: train.values, width: signature.width, seed: seed)
        let job = XGBoostFit(
            library: request.fitting.library,
            names: signature.featureNames,
            types: signature.featureTypes,
            parameters: parameters,
            rounds: request.parameters["rounds"].flatMap { Self.count($0) } ?? (request.isQuick ? 100 : 2_000),
            patience: request.parameters["early_stopping"].flatMap { Self.count($0) } ?? 50,
            trainRows: train.rowCount,
            validRows: valid.rowCount,
            probeRows: probe.count
        )
        return (
            job,
            [
                ("train.f32", train.values), ("train-labels.f32", split.train.map { Float(labels.values[Int($0)]) }),
                ("valid.f32", valid.values), ("valid-labels.f32", split.valid.map { Float(labels.values[Int($0)]) }),
                ("probe.f32", probe.inputs),
            ],
            probe
        )
    }

    /// - Parameter golden: with the margins that the library that fitted the trees had.
    func trees(_ file: [UInt8], _ golden: GoldenRows, _ result: XGBoostFit.Result) throws -> FittedModel {
        let forest = try Forest(bytes: file)
        if let difference = golden.difference(forest) {
            throw WorkflowError.refused(
                "the model that XGBoost \(result.libraryVersion) fitted \(difference); nothing was registered"
            )
        }
        return FittedModel(
            file: file,
            signature: signature,
            answers: answers(forest, signature),
            golden: golden,
            rounds: result.rounds,
            importances: Self.shares(result.gains.map { (name: $0.key, share: $0.value) }),
            library: "xgboost \(result.libraryVersion)"
        )
    }
}
