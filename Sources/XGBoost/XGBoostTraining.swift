/// A run of training: the same rows, parameters and library give the same bytes, whatever the number of threads.
package struct XGBoostTraining {
    /// As the library names them; `nthread` is best set to what the machine may give, `seed` to something.
    package var parameters: [(name: String, value: String)]
    /// At most so many rounds.
    package var rounds: Int
    /// Ends after so many rounds without a better last metric on `valid`; nil trains all.
    package var earlyStopping: Int?

    package init(parameters: [(name: String, value: String)], rounds: Int, earlyStopping: Int? = nil) {
        self.parameters = parameters
        self.rounds = rounds
        self.earlyStopping = earlyStopping
    }

    package struct Result {
        /// The model as UBJSON, cut after its best round.
        package var model: [UInt8]
        /// Counted from 0; the last one where nothing stopped early.
        package var bestRound: Int
        /// Metrics of each round, in the library's order: `train-…`, `valid-…`.
        package var history: [[(name: String, value: Double)]]
        package var gains: [(feature: String, gain: Float)]
    }

    /// Metrics of which more is better; all others are losses.
    private static let gaining = ["auc", "aucpr", "map", "ndcg", "pre"]

    /// - Parameters:
    ///   - valid: what early stopping looks at; needed for it.
    ///   - onRound: told each round and its metrics; false ends the run after that round.
    package func run(
        _ library: XGBoostLibrary,
        train: XGBoostMatrix,
        valid: XGBoostMatrix?,
        onRound: (_ round: Int, _ metrics: [(name: String, value: Double)]) -> Bool = { _, _ in true }
    ) throws(XGBoostError) -> Result {
        guard rounds >= 1 else { throw .badInput("\(rounds) rounds make no model; take 1 or more") }
        guard earlyStopping == nil || valid != nil else {
            throw .badInput("early stopping needs rows to validate with, and there are none")
        }
        let booster = try XGBoostBooster(
            library,
            matrices: [train] + (valid.map { [$0] } ?? []),
            parameters: parameters
        )
        try booster.describe(by: train)
        let sets = [(name: "train", matrix: train)] + (valid.map { [(name: "valid", matrix: $0)] } ?? [])
        var history = [[(name: String, value: Double)]]()
        var best: (round: Int, value: Double)?
        for round in 0..<rounds {
            try booster.update(round: round, train: train)
            let metrics = try booster.evaluate(round: round, on: sets)
            history.append(metrics)
            let goesOn = onRound(round, metrics)
            if let earlyStopping, let judged = metrics.last(where: { $0.name.hasPrefix("valid-") }) {
                let name = judged.name.dropFirst("valid-".count).prefix { $0 != "@" }
                let value = Self.gaining.contains(String(name)) ? -judged.value : judged.value
                if best.map({ value < $0.value }) ?? !value.isNaN { best = (round, value) }
                guard round - (best?.round ?? 0) < earlyStopping else { break }
            }
            guard goesOn else { break }
        }
        let bestRound = best?.round ?? history.count - 1
        let cut = bestRound + 1 == history.count ? booster : try booster.sliced(rounds: bestRound + 1)
        return Result(model: try cut.bytes(as: .ubj), bestRound: bestRound, history: history, gains: try cut.gains())
    }
}
