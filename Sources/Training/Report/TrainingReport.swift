/// What a training found, as a page for people shows it: numbers and names, no rows and no keys.
///
/// Parts that a task does not have are empty or `nil`, and the page leaves them out.
package struct TrainingReport: Hashable, Sendable, Codable {
    package var model: String
    /// `nil` where nothing was registered.
    package var version: Int?
    /// `binary`, `multiclass` or `regression`.
    package var task: String
    package var algorithm: String
    package var service: String
    package var label: String
    /// Everyone judged on the test rows, baselines first; exactly one is the new model.
    package var judged: [Judged] = []
    /// What became of the new model, in one sentence.
    package var decision: String = ""
    package var warnings: [String] = []
    package var split: Split
    package var curves: Curves?
    package var calibration: [BinaryMetrics.CalibrationBin] = []
    /// `nil` where no line fits best.
    package var calibrationLine: CalibrationLine?
    package var histogram: ScoreHistogram?
    /// By time, ascending.
    package var months: [Month] = []
    /// Largest first.
    package var importances: [Importance] = []
    /// In the order of the service.
    package var features: [Feature] = []
    package var leaks = Leaks()
    /// What else it takes to make the model again: names and values, such as the position and digest of the set.
    package var facts: [Fact] = []
    /// The command line that repeats the training.
    package var command: String

    package init(
        model: String,
        version: Int?,
        task: String,
        algorithm: String,
        service: String,
        label: String,
        split: Split,
        command: String
    ) {
        self.model = model
        self.version = version
        self.task = task
        self.algorithm = algorithm
        self.service = service
        self.label = label
        self.split = split
        self.command = command
    }

    package struct Fact: Hashable, Sendable, Codable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    package struct Metric: Hashable, Sendable, Codable {
        /// `auc`, `average_precision`, `log_loss`, `brier`, `lift`, `calibration_error`, `accuracy`, `macro_f1`, `top_3`, `rmse`, `mae`, `r2`.
        package var name: String
        /// `nil` where the rows do not define it, as AUC with one class only.
        package var value: Double?
        /// Bounds of 95 % by days drawn again.
        package var low: Double?
        package var high: Double?

        package init(_ name: String, _ value: Double?, low: Double? = nil, high: Double? = nil) {
            (self.name, self.value, self.low, self.high) = (name, value, low, high)
        }
    }

    package struct Judged: Hashable, Sendable, Codable {
        /// `base`, `logistic`, `ridge`, `MODEL@VERSION`, or the algorithm of the new model.
        package var name: String
        package var isNew: Bool
        /// Of each the same, in the same order.
        package var metrics: [Metric]

        package init(_ name: String, isNew: Bool = false, metrics: [Metric]) {
            (self.name, self.isNew, self.metrics) = (name, isNew, metrics)
        }
    }

    /// Rows by parts, and the label times at which these begin, µs since 1970-01-01 UTC.
    package struct Split: Hashable, Sendable, Codable {
        package var train: Int
        package var valid: Int
        package var test: Int
        package var embargoed: Int
        package var unlabelled: Int
        /// The first and the last label time of all rows.
        package var firstUs: Int64?
        package var lastUs: Int64?
        package var validFromUs: Int64?
        package var testFromUs: Int64?
        package var embargoUs: Int64
        package var isRandom: Bool

        /// - Parameter times: label times of the rows that the split was made of, µs.
        package init(_ split: TimeSplit, times: [Int64?], embargoUs: Int64) {
            (train, valid, test) = (split.train.count, split.valid.count, split.test.count)
            (embargoed, unlabelled) = (split.embargoed, split.unlabelled)
            let known = times.compactMap { $0 }
            (firstUs, lastUs) = (known.min(), known.max())
            (validFromUs, testFromUs) = (split.validFrom, split.testFrom)
            self.embargoUs = embargoUs
            isRandom = split.isRandom
        }
    }

    package struct Point: Hashable, Sendable, Codable {
        package var x: Double
        package var y: Double

        package init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
    }

    /// Of a binary label: false over true positive rate, and precision over recall.
    package struct Curves: Hashable, Sendable, Codable {
        package var roc: [Point]
        package var precision: [Point]
        /// The share of true labels, which is the precision of chance.
        package var rate: Double

        /// - Parameters: as of ``BinaryMetrics/init(scores:labels:weights:)``.
        package init(scores: [Double], labels: [Double], points: Int = 200) {
            let curve = ScoreCurve(scores: scores, labels: labels)
            roc = curve.rocPoints(points).map { Point($0.x, $0.y) }
            precision = curve.precisionPoints(points).map { Point($0.x, $0.y) }
            rate = labels.isEmpty ? 0 : labels.reduce(0, +) / Double(labels.count)
        }
    }

    /// Rows by twentieths of probability, apart by label.
    package struct ScoreHistogram: Hashable, Sendable, Codable {
        package var positives: [Int]
        package var negatives: [Int]

        /// - Parameters: as of ``BinaryMetrics/init(scores:labels:weights:)``.
        package init(scores: [Double], labels: [Double]) {
            positives = [Int](repeating: 0, count: 20)
            negatives = positives
            for (score, label) in zip(scores, labels) where !score.isNaN {
                let bin = Int(min(max(score * 20, 0), 19))
                if label == 1 { positives[bin] += 1 } else { negatives[bin] += 1 }
            }
        }
    }

    package struct Month: Hashable, Sendable, Codable {
        /// Such as `2013-10`.
        package var name: String
        package var rows: Int
        /// Of the new model; the name is the same in all months.
        package var metric: Metric

        package init(_ name: String, rows: Int, _ metric: Metric) {
            (self.name, self.rows, self.metric) = (name, rows, metric)
        }
    }

    package struct Importance: Hashable, Sendable, Codable {
        package var name: String
        /// The share of the total gain, or of the total of standardized weights.
        package var gain: Double?
        /// How much worse the loss on test becomes when the column is shuffled.
        package var permutation: Double?

        package init(_ name: String, gain: Double?, permutation: Double? = nil) {
            (self.name, self.gain, self.permutation) = (name, gain, permutation)
        }
    }

    package struct Feature: Hashable, Sendable, Codable {
        package var name: String
        package var type: String
        /// Shares of null of the training rows and of the test rows.
        package var trainNulls: Double
        package var testNulls: Double
        /// Of the training rows, of numbers alone.
        package var low: Double?
        package var high: Double?
        /// The share of test rows whose value no training row had: outside of low to high, or a text not met.
        package var outside: Double?

        package init(
            _ name: String,
            type: String,
            trainNulls: Double,
            testNulls: Double,
            low: Double? = nil,
            high: Double? = nil,
            outside: Double? = nil
        ) {
            (self.name, self.type, self.trainNulls, self.testNulls) = (name, type, trainNulls, testNulls)
            (self.low, self.high, self.outside) = (low, high, outside)
        }
    }

    package struct Leaks: Hashable, Sendable, Codable {
        /// Features whose AUC by themselves is above ``LeakChecks/suspectAUC``.
        package var suspects: [Metric] = []
        /// How well a model tells training rows from test rows: 0.5 = not at all. `nil` = not tried.
        package var adversarialAUC: Double?
        /// The same model on what careless joins give: what it promises and what it would deliver.
        package var naive: [NaiveTwin] = []

        package init() {}
    }

    /// A model that was fitted to other values than those known at the labels' times, by the first metric of its task.
    package struct NaiveTwin: Hashable, Sendable, Codable {
        /// Which values, as in `the newest values`.
        package var join: String
        /// On test rows that were joined as its training rows.
        package var promised: Metric?
        /// On the test rows as they are served.
        package var delivered: Metric?
        /// Why it could not be fitted; `nil` = it was.
        package var reason: String?

        package init(join: String, promised: Metric?, delivered: Metric?, reason: String? = nil) {
            (self.join, self.promised, self.delivered, self.reason) = (join, promised, delivered, reason)
        }
    }
}
