/// A run of training. The same rows, parameters and library give the same bytes, whatever the number of threads.
package struct XGBoostTraining {
    /// As the library names them; of `eval_metric` the last one judges.
    package var parameters: [(name: String, value: String)]
    /// At most so many rounds, 1 or more.
    package var rounds: Int
    /// Ends after so many rounds without a better metric on the rows to validate with; nil trains all.
    package var earlyStopping: Int?

    package init(parameters: [(name: String, value: String)], rounds: Int, earlyStopping: Int? = nil) {
        precondition(rounds >= 1, "a model has a round")
        self.parameters = parameters
        self.rounds = rounds
        self.earlyStopping = earlyStopping
    }

    package struct Result {
        /// The model, cut after its best round.
        package var model: XGBoostBooster
        /// Counted from 0; the last one where nothing stopped early.
        package var bestRound: Int
        /// The metric of each round on the rows to validate with, else on those trained with.
        package var history: [Double]
    }

    /// - Parameters:
    ///   - valid: what early stopping looks at; without it there is none.
    ///   - isMoreBetter: of the metric, as of `auc`; a loss otherwise.
    ///   - onRound: told each round and its metric; false ends the run after that round.
    package func run(
        _ library: XGBoostLibrary,
        train: XGBoostMatrix,
        valid: XGBoostMatrix?,
        names: [String],
        types: [String],
        isMoreBetter: Bool = false,
        onRound: (_ round: Int, _ metric: Double) -> Bool = { _, _ in true }
    ) throws(XGBoostError) -> Result {
        let matrices = [train] + (valid.map { [$0] } ?? [])
        let booster = try XGBoostBooster(library, matrices, parameters: parameters, names: names, types: types)
        var history: [Double] = []
        var best: (round: Int, loss: Double)?
        for round in 0..<rounds {
            try booster.update(round: round, on: train)
            let metric = try booster.metric(round: round, on: valid ?? train)
            history.append(metric)
            let goesOn = onRound(round, metric)
            if let earlyStopping, valid != nil {
                let loss = isMoreBetter ? -metric : metric
                if best.map({ loss < $0.loss }) ?? !loss.isNaN { best = (round, loss) }
                guard round - (best?.round ?? 0) < earlyStopping else { break }
            }
            guard goesOn else { break }
        }
        let bestRound = best?.round ?? history.count - 1
        let isWhole = bestRound + 1 == history.count
        return Result(
            model: isWhole ? booster : try booster.slice(rounds: bestRound + 1),
            bestRound: bestRound,
            history: history
        )
    }
}
