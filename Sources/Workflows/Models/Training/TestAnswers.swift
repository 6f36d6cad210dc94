import Features
import Models
import Training

/// What is served of the test rows by one model: its predictions, and its fallback where no view knows a row's entity.
struct TestAnswers {
    /// Rows of ``outputs`` values; `nil` = null is served.
    let values: [Float?]
    let outputs: Int
    /// Rows of entities that no view knows.
    let unknown: Int

    /// - Parameters:
    ///   - predictions: of the model, rows of `outputs` values.
    ///   - base: of the version that answers.
    init(
        _ predictions: [Float],
        outputs: Int,
        isUnknown: [Bool],
        fallback: ModelDefinition.Fallback,
        base: [Double]
    ) {
        var values = predictions.map { Float?.some($0) }
        if let instead = Answers.fallback(fallback, base: base, outputs: outputs) {
            for row in isUnknown.indices where isUnknown[row] {
                for output in 0..<outputs { values[row * outputs + output] = instead[output] }
            }
        }
        self.values = values
        self.outputs = outputs
        unknown = isUnknown.count { $0 }
    }

    /// Without those that are null.
    var known: [Float] { values.compactMap(\.self) }

    func isAnswered(_ row: Int) -> Bool { values[row * outputs..<(row + 1) * outputs].allSatisfy { $0 != nil } }
}

/// The test rows that models are compared on: those that each of them answers.
struct Judgement {
    let task: ModelTask
    /// Places among the trial's test rows, ascending.
    let places: [Int]
    /// One for each of ``places``.
    let labels: [Double]

    /// - Throws: ``WorkflowError/refused(_:)`` where no row is left.
    init(_ trial: ModelTrial, _ answers: [TestAnswers]) throws {
        task = trial.task
        let all = trial.testLabels
        places = all.indices.filter { row in answers.allSatisfy { $0.isAnswered(row) } }
        labels = places.map { all[$0] }
        guard !places.isEmpty else {
            throw WorkflowError.refused(
                """
                none of the \(all.count) test rows is of an entity that a view knows at its label time, and the model's fallback \
                answers null: nothing can be judged. Do the spine's keys match those of the views? Is their history as old as \
                the labels?
                """
            )
        }
    }

    /// Rows of the outputs, one for each of ``places``.
    func predictions(_ answers: TestAnswers) -> [Float] {
        places.flatMap { row in
            (0..<answers.outputs).map { answers.values[row * answers.outputs + $0] ?? .nan }
        }
    }

    func metrics(_ answers: TestAnswers) -> TestMetrics {
        TestMetrics(task, predictions: predictions(answers), labels: labels, outputs: answers.outputs)
    }
}
