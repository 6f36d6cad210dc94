import Features
import PointInTime
import Store
import Training

extension OpenStore {
    /// Parts of the labelled rows, none of which is empty.
    static func split(
        _ data: TrainingData,
        _ model: ModelDefinition,
        _ request: TrainRequest
    ) throws -> TimeSplit {
        let isLabelled = (0..<data.rowCount).map { !data.label.isNull($0) }
        guard isLabelled.contains(true) else {
            throw WorkflowError.refused(
                "the label '\(model.label)' is null in all \(data.rowCount) rows of the spine, so that 0 labelled rows are left; is it the column that is meant?"
            )
        }
        let split: TimeSplit
        switch request.split {
        case .times(let validFrom, let testFrom):
            guard validFrom.microseconds <= testFrom.microseconds else {
                throw WorkflowError.usage("--valid-from \(validFrom.text) lies behind --test-from \(testFrom.text)")
            }
            split = TimeSplit(
                times: data.times,
                isLabelled: isLabelled,
                validFrom: validFrom.microseconds,
                testFrom: testFrom.microseconds,
                embargo: model.labelDelay.microseconds
            )
        case .shares(let train, let valid, let test):
            let times = data.times.indices.compactMap { isLabelled[$0] ? data.times[$0] : nil }
            guard let cuts = TimeSplit.cuts(times, shares: (train, valid, test)) else {
                throw WorkflowError.refused(
                    "the \(times.count) labelled rows have fewer than three label times, so that no time splits them; --split-random splits by chance"
                )
            }
            split = TimeSplit(
                times: data.times,
                isLabelled: isLabelled,
                validFrom: cuts.validFrom,
                testFrom: cuts.testFrom,
                embargo: model.labelDelay.microseconds
            )
        case .random(let train, let valid, let test):
            split = TimeSplit(isLabelled: isLabelled, shares: (train, valid, test), seed: request.seed)
        }
        for (part, rows) in [("training", split.train), ("valid", split.valid), ("test", split.test)] where rows.isEmpty
        {
            throw WorkflowError.refused(
                """
                no rows are left to be \(part) rows: \(split.train.count) train, \(split.valid.count) valid, \(split.test.count) test, \
                \(split.embargoed) whose label was not known at a cut (label_delay \(model.labelDelay.text)), \(split.unlabelled) \
                without a label or a label time
                """
            )
        }
        return split
    }
}

extension SplitCounts {
    init(_ split: TimeSplit) {
        self.init(
            train: split.train.count,
            valid: split.valid.count,
            test: split.test.count,
            embargoed: split.embargoed,
            unlabelled: split.unlabelled
        )
    }
}
