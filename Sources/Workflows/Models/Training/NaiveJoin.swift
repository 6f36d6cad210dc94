import Features
import Forest
import Models
import PointInTime
import Store
import Training

/// How features are joined where nobody asks what was known: what a model is worth that was fitted so.
package enum NaiveJoin: String, Sendable, CaseIterable {
    /// The newest values that there are, as a look-up in a table of latest values gives them.
    case latest
    /// The newest values of the label's day, UTC, as a join on the calendar day gives them.
    case day

    /// As in `fitted to the newest values`.
    package var text: String {
        switch self {
        case .latest: "the newest values"
        case .day: "the values of the label's day"
        }
    }

    /// Up to when events count, of each row, µs; `nil` = there is no bound.
    func bounds(_ times: [Int64?]) -> [Int64]? {
        let day: Int64 = 86_400_000_000
        switch self {
        case .latest: return nil
        case .day:
            return times.map { time in
                let (start, _) = (time ?? 0).flooredQuotient(day).multipliedReportingOverflow(by: day)
                let (end, isBeyond) = start.addingReportingOverflow(day - 1)
                return isBeyond ? .max : end
            }
        }
    }
}

/// The same model as another, fitted to rows that were joined naively.
package struct NaiveTwin: Sendable {
    package enum Outcome: Sendable {
        /// On test rows that were joined as its training rows, and on the test rows as they are served.
        case judged(promised: TestMetrics, delivered: TestMetrics)
        /// Why it could not be fitted.
        case notFitted(String)
    }

    package var join: NaiveJoin
    package var outcome: Outcome

    /// As a report has it: by the first metric of the task.
    var reported: TrainingReport.NaiveTwin {
        func metric(_ metrics: TestMetrics) -> TrainingReport.Metric? {
            metrics.named.first.map { TrainingReport.Metric($0.name, $0.value) }
        }
        switch outcome {
        case .judged(let promised, let delivered):
            return .init(join: join.text, promised: metric(promised), delivered: metric(delivered))
        case .notFitted(let reason): return .init(join: join.text, promised: nil, delivered: nil, reason: reason)
        }
    }
}

extension OpenStore {
    /// Fits the model of a trial once more, to rows joined naively, and judges it by what it promises and by what it would do.
    ///
    /// Both are of the same split and seed, and read the same state of the store.
    /// - Throws: where the database fails or the run is over; whatever else happens is an outcome.
    func naiveTwin(
        _ join: NaiveJoin,
        of trial: ModelTrial,
        _ model: ModelDefinition,
        _ algorithm: ModelDefinition.Algorithm,
        _ set: MadeSet,
        _ request: TrainRequest
    ) throws -> NaiveTwin {
        do {
            let rows = (0..<Int32(trial.data.rowCount)).map { $0 }
            let joined = try rejoined(
                set.plan,
                rows: rows,
                of: set,
                request,
                served: .init(bounds: join.bounds(trial.data.times))
            )
            let data = TrainingData(trial.data, features: joined.columns, isUnknown: joined.isUnknown)
            let naive = try ModelTrial(data, trial.split, model, algorithm, seed: trial.seed)
            let fitted = try fit(naive, algorithm, request) { _ in }
            let forest = try Forest(bytes: fitted.file)
            let test = trial.matrix(fitted.signature, trial.split.test)
            let delivered = TestAnswers(
                forest.predictions(test.values, count: test.rowCount),
                outputs: fitted.signature.outputs,
                isUnknown: trial.isTestUnknown,
                fallback: model.fallback,
                base: naive.base
            )
            let judgement = try Judgement(trial, [fitted.answers, delivered])
            return NaiveTwin(
                join: join,
                outcome: .judged(
                    promised: judgement.metrics(fitted.answers),
                    delivered: judgement.metrics(delivered)
                )
            )
        } catch StoreError.database(let error) {
            throw StoreError.database(error)
        } catch {
            try control.check()
            return NaiveTwin(join: join, outcome: .notFitted("\(error)"))
        }
    }
}
