import Features
import Forest
package import Models
import PointInTime
import Store
package import TrainingSets

/// A prediction that is wanted.
package struct PredictRequest: Sendable {
    /// `model`, `model@7` or `model@challenger`.
    package var model: String
    /// As ``GetRequest/entities``: keys and request fields.
    package var entities: [String]
    package var moment: EntityLookup.Moment = .latest
    /// The position of the state to read, and of the champion; `nil` = the newest.
    package var position: Int64?

    package init(model: String, entities: [String]) {
        self.model = model
        self.entities = entities
    }
}

/// What a model says of one entity.
package struct Prediction: Sendable {
    package let version: ModelVersion
    package let features: EntityFeatures
    package let answers: Answers
}

extension OpenStore {
    /// Predicts for single entities, by the code that servers predict with.
    ///
    /// - Parameter each: gets the entities in order, each before the next is read.
    /// - Throws: `ModelsError`, or as ``features(_:each:)``.
    package func predict(_ request: PredictRequest, each: (Prediction) throws -> Void) throws {
        let registry = ModelRegistry(session)
        let version = try control.run {
            let reference = ModelReference(request.model)
            let newest = try registry.resolve(reference)
            guard let position = request.position, !reference.isPinned else { return newest }
            guard let champion = try registry.champion(of: reference.model, at: position) else {
                throw ModelsError.request("\(reference.model) had no champion at position \(position)")
            }
            return try registry.version(reference.model, champion)
        }
        let forest = try control.run { try Forest(bytes: try registry.file(version)) }
        if let difference = try control.run({ try registry.golden(version) })?.difference(forest) {
            throw ModelsError.notReady("version \(version.version) of \(version.model) \(difference)")
        }
        let definition = try control.run { try Registry.load(session) }.definitions.model(named: version.model)
        let get = GetRequest(
            features: "\(version.service)@\(version.serviceVersion)",
            entities: request.entities,
            moment: request.moment,
            position: request.position
        )
        try features(get) { found in
            if case .at = request.moment {
                for role in found.plan.roles
                where role.view.definition.rules.delay.microseconds > 0 || role.view.definition.rules.isStrict {
                    throw WorkflowError.refused(
                        "--at: the view '\(role.view.name)' has a delay or is strict, which training sets go by and servers do not; ask a server, ML.PREDICT … AT"
                    )
                }
            }
            let cells = found.cells
            let answers = Answers(
                version,
                forest,
                fallback: definition?.fallback ?? .base,
                columns: cells.map { Column(type: $0.column.type, value: $0.value) },
                stored: cells.filter { $0.row != nil }.map { [$0.status] },
                rowCount: 1
            )
            try each(Prediction(version: version, features: found, answers: answers))
        }
    }
}
