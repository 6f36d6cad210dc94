import Features
import Forest
import Models
import Training

/// Parameters that are tried one after the other, on one training set.
package struct ExperimentGrid: Sendable {
    /// By parameter, its values in the order in which they were given; by name.
    package let values: [(name: String, values: [String])]

    /// - Parameter settings: by name, values apart by commas.
    /// - Throws: ``WorkflowError/usage(_:)`` where there are too many combinations, or a value is missing or there twice.
    package init(_ settings: [String: String]) throws {
        values = try settings.sorted { $0.key < $1.key }.map { name, text in
            let values = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if values.count > 1,
                let bad = values.first(where: { value in value.isEmpty || values.count { $0 == value } > 1 })
            {
                throw WorkflowError.usage(
                    "the parameter \(name) has the values \(text): \(bad.isEmpty ? "one is empty" : "\(bad) stands there twice")"
                )
            }
            return (name, values)
        }
        var count = 1
        for (_, values) in values { count *= min(values.count, WorkflowLimits.experimentRunsMax + 1) }
        guard count <= WorkflowLimits.experimentRunsMax else {
            throw WorkflowError.usage(
                "the parameters have more than \(WorkflowLimits.experimentRunsMax) combinations; try the one that matters most, then the next"
            )
        }
    }

    /// Every combination, the last parameter's values next to one another; one without any where nothing is set.
    package var runs: [[String: String]] {
        values.reduce([[:]]) { runs, parameter in
            runs.flatMap { run in parameter.values.map { run.merging([parameter.name: $0]) { $1 } } }
        }
    }
}

/// One of several fits.
package struct ExperimentRun: Sendable {
    package var parameters: [String: String]
    /// By which the runs are compared: of the valid rows, which no run was judged on otherwise.
    package var validLoss: Double
    /// Of trees.
    package var rounds: Int?
    package var isChosen = false

    /// `eta=0.1 max_depth=4`, by name.
    package var text: String {
        parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

extension OpenStore {
    /// Fits once for each combination of parameters, and keeps what does best on the valid rows; of equal ones the first.
    ///
    /// - Returns: the best, the request with its parameters, and all runs where there were several.
    func fitBest(
        _ trial: ModelTrial,
        _ algorithm: ModelDefinition.Algorithm,
        _ request: TrainRequest,
        _ event: (TrainEvent) -> Void
    ) throws -> (fitted: FittedModel, request: TrainRequest, runs: [ExperimentRun]) {
        let combinations = try ExperimentGrid(request.parameters).runs
        var runs: [ExperimentRun] = []
        var best: (fitted: FittedModel, request: TrainRequest, place: Int)?
        for (place, parameters) in combinations.enumerated() {
            try control.check()
            var own = request
            own.parameters = parameters
            let fitted = try fit(trial, algorithm, own, event)
            let run = ExperimentRun(
                parameters: parameters,
                validLoss: try combinations.count > 1 ? trial.validLoss(fitted) : 0,
                rounds: fitted.rounds
            )
            if combinations.count > 1 { event(.run(run, of: combinations.count)) }
            runs.append(run)
            if best.map({ run.validLoss < runs[$0.place].validLoss }) ?? true { best = (fitted, own, place) }
        }
        guard let best else { throw WorkflowError.refused("nothing was fitted") }
        runs[best.place].isChosen = true
        return (best.fitted, best.request, combinations.count > 1 ? runs : [])
    }
}

extension ModelTrial {
    /// What the valid rows' loss is by a model that was fitted to the training rows.
    func validLoss(_ fitted: FittedModel) throws -> Double {
        let forest = try Forest(bytes: fitted.file)
        let valid = matrix(fitted.signature, split.valid)
        return TestMetrics(
            task,
            predictions: forest.predictions(valid.values, count: valid.rowCount),
            labels: split.valid.map { labels.values[Int($0)] },
            outputs: fitted.signature.outputs
        ).loss
    }
}
