import Drift
package import Forest
package import Metrics
package import Models

/// A version of a model, ready to answer.
package final class ServedModel: Sendable {
    package let model: ReadyModel
    /// Of a version that learns, whose weights these are; `nil` = its file's.
    package let publish: ModelPublish?
    package let counters: PredictionCounters
    /// What traffic is like; `nil` = the version has nothing to compare it with.
    package let traffic: TrafficTally?

    /// Answers of static tasks, of all models together.
    package let cache: AnswerCache

    init(_ model: ReadyModel, _ reference: ReferenceHistograms?, _ cache: AnswerCache) {
        self.model = model
        self.cache = cache
        publish = nil
        counters = PredictionCounters()
        traffic = reference.map { TrafficTally(TrafficCounter($0, model.version.signature)) }
    }

    /// Other weights of a version that answers already: its figures go on.
    init(_ model: ReadyModel, publish: ModelPublish, of served: ServedModel) {
        self.model = model
        self.publish = publish
        cache = served.cache
        counters = served.counters
        traffic = served.traffic
    }

    package var version: ModelVersion { model.version }
    package var forest: Forest { model.forest }
    package var isOfTrees: Bool { model.forest.treeCount > 0 }
}
