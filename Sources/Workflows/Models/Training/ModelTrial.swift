import Drift
import Features
import Forest
import Models
import PointInTime
import Training
import TrainingSets
import XGBoost

/// Rows split into parts, ready for models to be fitted to and judged by.
struct ModelTrial {
    let data: TrainingData
    let split: TimeSplit
    let task: ModelTask
    let labels: Labels
    /// Of the training rows: the rate, the shares of classes, or the mean.
    let base: [Double]
    private let model: ModelDefinition
    let seed: UInt64
    /// What the algorithm that was asked for reads.
    let signature: ModelSignature
    /// Of ``signature``.
    let collisions: [Collisions]
    /// What suspects are looked for in.
    private let trees: ModelSignature
    /// What the linear model beside the other reads.
    let linear: ModelSignature
    private(set) var warnings: [String] = []
    private(set) var suspects: [(name: String, auc: Double)] = []

    init(
        _ data: TrainingData,
        _ split: TimeSplit,
        _ model: ModelDefinition,
        _ algorithm: ModelDefinition.Algorithm,
        seed: UInt64
    ) throws {
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
        let times = split.train.map { data.times[Int($0)] }
        func fit(_ family: EncoderFit.Family, isLenient: Bool = false) throws -> EncoderFit {
            try EncoderFit(columns, for: family, encodings: model.encode, times: times, isLenient: isLenient)
        }
        let chosen = Self.family(algorithm)
        let own = try fit(chosen, isLenient: algorithm == .base)
        collisions = own.collisions
        signature = own.signature(task, classes: labels.classes)
        // What the others are for takes what it can of the encodings.
        trees = chosen == .trees ? signature : try fit(.trees, isLenient: true).signature(task, classes: labels.classes)
        linear =
            chosen == .linear ? signature : try fit(.linear, isLenient: true).signature(task, classes: labels.classes)
        try checkCollisions()
        try checkFinite()
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

    private static func family(_ algorithm: ModelDefinition.Algorithm) -> EncoderFit.Family {
        switch algorithm {
        case .xgboost: .trees
        case .logistic, .ridge, .base: .linear
        case .ftrl: .slots
        }
    }

    private func checkCollisions() throws {
        for found in collisions where found.share * 100 > model.collisions {
            throw WorkflowError.refused(
                """
                \(Self.percent(found.share)) of the \(found.keys) values of '\(found.feature)' share one of its \(found.buckets) buckets with \
                another; \(model.collisions) % are allowed. Take hash(\(found.suggestedBuckets)), or say collisions: \
                \(Int((found.share * 100).rounded(.up)))% in the model
                """
            )
        }
    }

    static func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }

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

    var fallback: ModelDefinition.Fallback { model.fallback }

    var testLabels: [Double] { split.test.map { labels.values[Int($0)] } }

    func matrix(_ signature: ModelSignature, _ rows: [Int32]) -> DesignMatrix {
        DesignMatrix(data.columns(rows), signature, rowCount: rows.count)
    }

    /// What a model that was fitted to the training rows is to answer for the test rows.
    func answers(_ forest: Forest, _ signature: ModelSignature) -> TestAnswers {
        let test = matrix(signature, split.test)
        let predictions = forest.predictions(test.values, count: test.rowCount)
        return answers(predictions, outputs: signature.outputs)
    }

    private func answers(_ predictions: [Float], outputs: Int) -> TestAnswers {
        TestAnswers(predictions, outputs: outputs, isUnknown: isTestUnknown, fallback: model.fallback, base: base)
    }

    /// Of each test row whether no view knows its entity.
    var isTestUnknown: [Bool] { split.test.map { data.isUnknown[Int($0)] } }

    /// What traffic of a version is to be compared with.
    func reference(of fitted: FittedModel) -> ReferenceHistograms {
        ReferenceHistograms(
            matrix(fitted.signature, split.train),
            fitted.signature,
            predictions: fitted.answers.known
        )
    }

    // MARK: Baselines

    var baseAnswers: TestAnswers {
        answers(split.test.flatMap { _ in base.map { Float($0) } }, outputs: base.count)
    }

    func linearAnswers() throws -> TestAnswers {
        try linear(task == .regression ? .ridge : .logistic, penalty: 1).answers
    }

    /// Largest first; none where all are 0.
    static func shares(_ sizes: [(name: String, share: Double)]) -> [(name: String, share: Double)] {
        let total = sizes.reduce(0) { $0 + $1.share }
        guard total > 0 else { return [] }
        return sizes.map { (name: $0.name, share: $0.share / total) }.sorted {
            $0.share != $1.share ? $0.share > $1.share : $0.name < $1.name
        }
    }
}
