package import Forest
package import Metrics
package import Models

/// A version of a model, ready to answer.
package final class ServedModel: Sendable {
    package let version: ModelVersion
    package let forest: Forest
    package let counters = PredictionCounters()

    init(_ version: ModelVersion, _ forest: Forest) {
        self.version = version
        self.forest = forest
    }
}
