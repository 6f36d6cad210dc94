package import Features
import Store
package import Training

/// A model that is to be fitted.
package struct TrainRequest: Sendable {
    package enum Split: Sendable, Hashable {
        /// First label times of valid and of test.
        case times(validFrom: Timestamp, testFrom: Timestamp)
        /// Shares in percent, in the order of label times.
        case shares(train: Int, valid: Int, test: Int)
        /// Shares by chance.
        case random(train: Int, valid: Int, test: Int)
    }

    /// When a version becomes the champion.
    package enum Promotion: String, Sendable, CaseIterable {
        case never
        /// Where it is better on the test rows than the champion, or than the base where there is none.
        case ifBetter = "if-better"
        case always
    }

    package var model: String
    package var spine: SpineSource
    package var labelTime: String
    package var state: LedgerStateChoice = .newest
    package var split = Split.shares(train: 70, valid: 15, test: 15)
    /// `nil` = the model's.
    package var algorithm: ModelDefinition.Algorithm?
    /// Parameters of the algorithm, by name; of several values apart by commas each is tried, see ``ExperimentGrid``.
    package var parameters: [String: String] = [:]
    package var seed: UInt64 = 1
    package var promotion = Promotion.ifBetter
    /// Fewer rounds: for a first look.
    package var isQuick = false
    /// Fits and judges, and registers nothing.
    package var isDryRun = false
    package var note: String?
    /// The command line, for the report that is wanted; `nil` = none is.
    package var reportedCommand: String?
    /// Careless joins that the same model is fitted to as well, for comparison.
    package var twins: [NaiveJoin] = []
    /// Columns of the spine to leave out.
    package var dropped: [String] = []
    package var lookup = LookupOptions()
    /// Where the process that fits trees is started from, and which library it opens.
    package var fitting: FitProcess

    package init(model: String, spine: SpineSource, labelTime: String, fitting: FitProcess) {
        self.model = model
        self.spine = spine
        self.labelTime = labelTime
        self.fitting = fitting
    }
}

/// What happens while a model is fitted, in this order.
package enum TrainEvent: Sendable {
    case exporting(ExportEvent)
    case split(SplitCounts)
    case round(Int, of: Int, metric: Double)
    /// One of several has been fitted.
    case run(ExperimentRun, of: Int)
    case warning(String)
}

/// Rows of each part, and those that are in none.
package struct SplitCounts: Sendable, Hashable {
    package var train: Int
    package var valid: Int
    package var test: Int
    /// Whose label was not known at a cut.
    package var embargoed: Int
    /// Without a label or a label time.
    package var unlabelled: Int
}

/// What became of it.
package struct TrainResult: Sendable {
    /// How one model did on the test rows.
    package struct Judged: Sendable {
        /// `base`, `logistic`, `new`, or `delay@3`.
        package var name: String
        package var metrics: TestMetrics
    }

    package var algorithm: ModelDefinition.Algorithm
    package var split: SplitCounts
    package var testFrom: Int64?
    /// Of trees.
    package var rounds: Int?
    /// The base, logistic regression where it is not the algorithm, the champion where there is one, and the new one last.
    package var judged: [Judged]
    /// Features that tell the label nearly by themselves, with their AUC.
    package var suspects: [(name: String, auc: Double)]
    /// The most important first; of trees by gain.
    package var importances: [(name: String, share: Double)]
    /// Never of one that could not be compared with the champion.
    package var isBetter: Bool
    /// Why the champion was not judged on the same rows: `not compared with delay@3: …`; `nil` = it was, or there is none.
    package var notCompared: String?
    /// What rows of entities that no view knows are served, and judged by.
    package var fallback: ModelDefinition.Fallback
    /// Test rows of entities that no view knows.
    package var unknown: Int
    /// Test rows of which null is served, so that nobody is judged on them.
    package var unanswered: Int
    /// `nil` of a dry run.
    package var version: Int?
    package var position: Int64?
    /// The champion before, where the new version took its place.
    package var promotedFrom: Int??
    package var setPosition: Int64
    package var contentDigest: String
    /// Where several combinations of parameters were tried.
    package var runs: [ExperimentRun] = []
    /// One for each of ``TrainRequest/twins``.
    package var twins: [NaiveTwin] = []
    /// Where one was asked for.
    package var report: TrainingReport?

    /// ``unknown`` of all test rows.
    package var unknownShare: Double { Double(unknown) / Double(max(split.test, 1)) }

    /// How many test rows are of entities that no view knows, and what they are judged by; `nil` where none is.
    package var unknownText: String? {
        guard unknown > 0 else { return nil }
        let share = (unknownShare * 1_000).rounded() / 10
        let rows = "\(CountText.grouped(unknown)) of \(CountText.count(split.test, "test row")) (\(share) %)"
        let judged =
            switch fallback {
            case .model: "the model itself answers them (`fallback: model`)"
            case .null: "null is served there, and nobody is judged on them (`fallback: null`)"
            case .base, .value: "judged as they are served, by the model's fallback (\(fallback.text))"
            }
        return "\(rows) are of entities that no view knows: \(judged)"
    }
}
