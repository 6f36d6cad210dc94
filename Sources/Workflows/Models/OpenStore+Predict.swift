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
    /// The version of a model that answers, ready to.
    ///
    /// - Parameters:
    ///   - name: `model`, `model@7` or `model@challenger`.
    ///   - position: whose champion is meant by `model`; `nil` = the newest.
    func answering(
        _ name: String,
        at position: Int64?
    ) throws -> (version: ModelVersion, forest: Forest, fallback: ModelDefinition.Fallback) {
        let registry = ModelRegistry(session)
        let reference = ModelReference(name)
        var version = try registry.resolve(reference)
        if let position, !reference.isPinned {
            guard let champion = try registry.champion(of: reference.model, at: position) else {
                throw ModelsError.request("\(reference.model) had no champion at position \(position)")
            }
            version = try registry.version(reference.model, champion)
        }
        let forest = try Forest(bytes: try registry.file(version))
        if let difference = try registry.golden(version)?.difference(forest) {
            throw ModelsError.notReady("version \(version.version) of \(version.model) \(difference)")
        }
        let definition = try Registry.load(session).definitions.model(named: version.model)
        return (version, forest, definition?.fallback ?? .base)
    }

    /// Predicts for single entities, by the code that servers predict with.
    ///
    /// - Parameter each: gets the entities in order, each before the next is read.
    /// - Throws: `ModelsError`, or as ``features(_:each:)``.
    package func predict(_ request: PredictRequest, each: (Prediction) throws -> Void) throws {
        let (version, forest, fallback) = try control.run { try answering(request.model, at: request.position) }
        let get = GetRequest(
            features: "\(version.service)@\(version.serviceVersion)",
            entities: request.entities,
            moment: request.moment,
            position: request.position
        )
        try features(get) { found in
            let cells = found.cells
            let answers = Answers(
                version,
                forest,
                fallback: fallback,
                columns: cells.map { Column(type: $0.column.type, value: $0.value) },
                stored: cells.filter { $0.row != nil }.map { [$0.status] },
                rowCount: 1
            )
            try each(Prediction(version: version, features: found, answers: answers))
        }
    }
}
