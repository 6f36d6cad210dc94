import Features
import Forest
import Models
import PointInTime
import Training

/// What is looked at of a model beyond its metrics, where somebody wants a report.
struct TrialChecks {
    /// Of each input that the model reads: how much the loss grows where it is shuffled.
    var permutations: [(name: String, loss: Double)] = []
    /// How well training rows and test rows are told apart.
    var adversarialAUC: Double?

    /// - Complexity: a loss of ``TrainingLimits/permutationRowsMax`` rows for each input, and two small fits.
    init(_ trial: ModelTrial, _ fitted: FittedModel, forest: Forest) {
        adversarialAUC = LeakChecks.adversarialAUC(
            training: trial.matrix(trial.linear, trial.split.train).values,
            test: trial.matrix(trial.linear, trial.split.test).values,
            names: trial.linear.featureNames,
            seed: trial.seed
        )
        // Where the fallback answers, no column makes a difference.
        let isAnswered = trial.isTestUnknown.map { !$0 || trial.fallback == .model }
        let own = isAnswered.indices.filter { isAnswered[$0] }
        guard !own.isEmpty else { return }
        var random = SplitMix(seed: trial.seed)
        let signature = fitted.signature
        let rowsMax = TrainingLimits.permutationsMax / max(signature.inputs.count, 1)
        let drawnMax = max(1, min(TrainingLimits.permutationRowsMax, rowsMax))
        let places = random.drawn(drawnMax, of: own.count).map { own[$0] }.sorted()
        let matrix = trial.matrix(signature, places.map { trial.split.test[$0] })
        let labels = places.map { trial.testLabels[$0] }
        let losses = PermutationImportance.losses(
            matrix.values,
            widths: signature.inputs.map(\.width),
            seed: trial.seed
        ) { values in
            TestMetrics(
                trial.task,
                predictions: forest.predictions(values, count: labels.count),
                labels: labels,
                outputs: signature.outputs
            ).loss
        }
        permutations = zip(signature.inputs, losses).map { ($0.name, $1) }
    }

    /// The importances of a report: the model's own, and beside each of an input how much the loss grows without it. Inputs whose
    /// numbers the model counts one by one stand behind them.
    func importances(_ own: [(name: String, share: Double)]) -> [TrainingReport.Importance] {
        var rest = Dictionary(permutations.map { ($0.name, $0.loss) }) { first, _ in first }
        var all = own.map {
            TrainingReport.Importance($0.name, gain: $0.share, permutation: rest.removeValue(forKey: $0.name))
        }
        all += rest.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
            .map { TrainingReport.Importance($0.key, gain: nil, permutation: $0.value) }
        return all
    }
}
