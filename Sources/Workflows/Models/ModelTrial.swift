import Features
import Forest
import Models
import PointInTime
import Training
import TrainingSets
import XGBoost

/// A model that was fitted and judged.
struct FittedModel {
    var file: [UInt8]
    var signature: ModelSignature
    var metrics: TestMetrics
    /// Of the test rows: what the model says of each.
    var testPredictions: [Float]
    var golden: GoldenRows
    var rounds: Int?
    var importances: [(name: String, share: Double)] = []
    /// What fitted it, with its version.
    var library: String
}

/// Rows split into parts, ready for models to be fitted to and judged by.
struct ModelTrial {
    let data: TrainingData
    let split: TimeSplit
    let task: ModelTask
    let labels: Labels
    /// Of the training rows: the rate, the shares of classes, or the mean.
    let base: [Double]
    private let model: ModelDefinition
    private let seed: UInt64
    let trees: ModelSignature
    let linear: ModelSignature
    private(set) var warnings: [String] = []
    private(set) var suspects: [(name: String, auc: Double)] = []

    init(_ data: TrainingData, _ split: TimeSplit, _ model: ModelDefinition, seed: UInt64) throws {
        self.data = data
        self.split = split
        self.model = model
        self.seed = seed
        task = model.task
        let labels = try Labels(data.label, name: model.label, model.task, training: split.train)
        self.labels = labels
        try Self.check(labels, split, model)
        let training = split.train.map { labels.values[Int($0)] }
        switch task {
        case .binary, .regression: base = [training.reduce(0, +) / Double(training.count)]
        case .multiclass:
            base = labels.classes.indices.map { place in
                Double(training.count { $0 == Double(place) }) / Double(training.count)
            }
        }
        let columns = zip(data.features, data.columns(split.train)).map { (name: $0.name, column: $1) }
        for (name, column) in columns where column.nullCount == column.rowCount {
            throw WorkflowError.refused(
                "the column '\(name)' is null in all \(column.rowCount) training rows: it has no history there, its keys do not match, or its TTL is too short; take it out of the service '\(model.service)' or fill it"
            )
        }
        var encodings: [String: TextEncoding] = [:]
        for (name, encoding) in model.encode {
            switch encoding {
            case .categories: encodings[name] = .categories
            case .onehot(let minCount): encodings[name] = .onehot(minCount: minCount)
            }
        }
        let classes = labels.classes
        trees = ModelSignature(
            task: task,
            inputs: try EncoderFit.fit(columns, texts: .categories, encodings: encodings),
            classes: classes
        )
        // A dictionary's places mean nothing to a linear model.
        let levels = encodings.filter { $0.value != .categories }
        linear = ModelSignature(
            task: task,
            inputs: try EncoderFit.fit(columns, texts: .onehot(minCount: 20), encodings: levels),
            classes: classes
        )
        for (name, column) in columns where column.type == .int64 {
            let large = column.int64Values.count { abs($0 == .min ? .max : $0) > 1 << 24 }
            guard large > 0 else { continue }
            warnings.append(
                "the column '\(name)' is beyond 2^24 in \(large) of \(column.rowCount) training rows: models read single precision, which rounds them"
            )
        }
        if split.isRandom {
            warnings.append(
                "rows were split by chance: the model is judged on times that it was trained on, and promises more than it will do"
            )
        }
        if task == .binary { findSuspects() }
    }

    private static func check(_ labels: Labels, _ split: TimeSplit, _ model: ModelDefinition) throws {
        guard model.task != .regression else { return }
        let training = Set(split.train.map { labels.values[Int($0)] })
        guard training.count >= 2 else {
            throw WorkflowError.refused(
                "the label '\(model.label)' is the same in all \(split.train.count) training rows; there is nothing to tell apart"
            )
        }
        if model.task == .multiclass {
            guard labels.classes.count <= ForestLimits.outputsMax else {
                throw WorkflowError.refused(
                    "the label '\(model.label)' has \(labels.classes.count) classes; \(ForestLimits.outputsMax) are allowed"
                )
            }
            let unknown = (split.valid + split.test).count { labels.values[Int($0)].isNaN }
            guard unknown == 0 else {
                throw WorkflowError.refused(
                    "\(unknown) rows of valid and test have a class of '\(model.label)' that no training row has; give training rows of it, or leave those out"
                )
            }
        }
    }

    private mutating func findSuspects() {
        let matrix = matrix(trees, split.test)
        let labels = testLabels
        let aucs = LeakChecks.singleAUCs(values: matrix.values, names: trees.featureNames, labels: labels)
        for (name, auc) in zip(trees.featureNames, aucs) {
            if let auc, auc > LeakChecks.suspectAUC { suspects.append((name, auc)) }
        }
    }

    var testLabels: [Double] { split.test.map { labels.values[Int($0)] } }

    private func matrix(_ signature: ModelSignature, _ rows: [Int32]) -> DesignMatrix {
        DesignMatrix(data.columns(rows), signature, rowCount: rows.count)
    }

    private func predictions(_ forest: Forest, _ signature: ModelSignature) -> [Float] {
        let test = matrix(signature, split.test)
        return forest.predictions(fromMargins: forest.margins(test.values, count: test.rowCount))
    }

    private func metrics(_ predictions: [Float], _ signature: ModelSignature) -> TestMetrics {
        TestMetrics(task, predictions: predictions, labels: testLabels, outputs: signature.outputs)
    }

    // MARK: Baselines

    var baseMetrics: TestMetrics {
        let predictions = split.test.flatMap { _ in base.map { Float($0) } }
        return TestMetrics(task, predictions: predictions, labels: testLabels, outputs: base.count)
    }

    func linearMetrics() throws -> TestMetrics {
        try linear(task == .regression ? .ridge : .logistic, penalty: 1).metrics
    }

    /// How a version that was registered before does on the same rows; `nil` where its columns or classes are others.
    func metrics(of version: ModelVersion, _ file: [UInt8]) throws -> TestMetrics? {
        let (own, other) = (trees.inputs, version.signature.inputs)
        guard own.map(\.name) == other.map(\.name), own.map(\.type) == other.map(\.type),
            version.signature.task == task, version.signature.classes == trees.classes
        else { return nil }
        return metrics(predictions(try Forest(bytes: file), version.signature), version.signature)
    }

    // MARK: Linear models

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
            case (.base, _), (.xgboost, _):
                LinearFit.base(task: task.rawValue, outputs: baseMargins, names: linear.featureNames)
            }
        let file = Array(fitted.json.utf8)
        let forest = try Forest(bytes: file)
        let probe = GoldenRows.drawn(from: train.values, width: linear.width, seed: seed)
        let answers = predictions(forest, linear)
        return FittedModel(
            file: file,
            signature: linear,
            metrics: metrics(answers, linear),
            testPredictions: answers,
            golden: GoldenRows(
                count: probe.count,
                inputs: probe.inputs,
                margins: forest.margins(probe.inputs, count: probe.count)
            ),
            importances: Self.shares(zip(linear.featureNames, fit.sizes(of: fitted)).map { (name: $0, share: $1) }),
            library: "asof"
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

    /// Largest first; none where all are 0.
    private static func shares(_ sizes: [(name: String, share: Double)]) -> [(name: String, share: Double)] {
        let total = sizes.reduce(0) { $0 + $1.share }
        guard total > 0 else { return [] }
        return sizes.map { (name: $0.name, share: $0.share / total) }.sorted {
            $0.share != $1.share ? $0.share > $1.share : $0.name < $1.name
        }
    }

    // MARK: Trees

    /// What may be set of XGBoost, with what it is otherwise.
    static let treeParameters: [String: String] = [
        "eta": "0.1", "max_depth": "6", "min_child_weight": "1", "subsample": "1", "colsample_bytree": "1",
        "colsample_bylevel": "1", "colsample_bynode": "1", "lambda": "1", "alpha": "0", "gamma": "0", "max_bin": "256",
        "max_leaves": "0", "max_cat_to_onehot": "4", "max_cat_threshold": "64", "num_parallel_tree": "1",
        "max_delta_step": "0",
    ]

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
        let (train, valid) = (matrix(trees, split.train), matrix(trees, split.valid))
        let probe = GoldenRows.drawn(from: train.values, width: trees.width, seed: seed)
        let job = XGBoostFit(
            library: request.fitting.library,
            names: trees.featureNames,
            types: trees.featureTypes,
            parameters: parameters,
            rounds: request.parameters["rounds"].flatMap { Int($0) } ?? (request.isQuick ? 100 : 2_000),
            patience: request.parameters["early_stopping"].flatMap { Int($0) } ?? 50,
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
        let answers = predictions(forest, trees)
        return FittedModel(
            file: file,
            signature: trees,
            metrics: metrics(answers, trees),
            testPredictions: answers,
            golden: golden,
            rounds: result.rounds,
            importances: Self.shares(result.gains.map { (name: $0.key, share: $0.value) }),
            library: "xgboost \(result.libraryVersion)"
        )
    }
}
