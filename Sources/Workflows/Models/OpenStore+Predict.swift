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
    ) throws -> (model: ReadyModel, fallback: ModelDefinition.Fallback) {
        let registry = ModelRegistry(session)
        let reference = ModelReference(name)
        var version = try registry.resolve(reference)
        var publish: Int?
        switch reference.version {
        case .target(let target): publish = target.publish
        case .alias(let alias): publish = try registry.aliases(of: reference.model)[alias]?.publish
        }
        if let position, !reference.isPinned {
            guard let champion = try registry.champion(of: reference.model, at: position) else {
                throw ModelsError.request("\(reference.model) had no champion at position \(position)")
            }
            version = try registry.version(reference.model, champion.version)
            publish = champion.publish
        }
        let forest = try registry.forest(version, publish, at: position).forest
        return (ReadyModel(version, forest), version.fallback(in: try Registry.load(session).definitions))
    }

    /// Features of rows as a server has them that is asked now, of one state: by one session.
    ///
    /// - Parameters:
    ///   - columns: of the rows: keys and request fields.
    ///   - time: the name of a column beside them, as of when each row is read.
    ///   - count: how many rows there are, as far as it is known.
    func servedJoin(
        _ plan: FeaturePlan,
        rows columns: [ColumnSchema],
        time: String,
        _ state: LedgerState,
        count: Int?
    ) throws -> TrainingSetJoin {
        let spec = try TrainingSetSpec(
            plan: plan,
            labelTime: time,
            spine: columns + [ColumnSchema(name: time, type: .timestamp)],
            state: state,
            options: JoinOptions(),
            isServed: true,
            atColumn: time
        )
        return try TrainingSetJoin(
            spec,
            sessions: [try sessions(2)[1]],
            engine: EngineRequest(nil, spineRows: count),
            measures: false
        )
    }

    /// Predicts for single entities, by the code that servers predict with.
    ///
    /// - Parameter each: gets the entities in order, each before the next is read.
    /// - Throws: `ModelsError`, or as ``features(_:each:)``.
    package func predict(_ request: PredictRequest, each: (Prediction) throws -> Void) throws {
        let (model, fallback) = try control.run { try answering(request.model, at: request.position) }
        let version = model.version
        let get = GetRequest(
            features: "\(version.service)@\(version.serviceVersion)",
            entities: request.entities,
            moment: request.moment,
            position: request.position
        )
        try features(get) { found in
            let cells = found.cells
            let answers = Answers(
                model,
                fallback: fallback,
                columns: cells.map { Column(type: $0.column.type, value: $0.value) },
                presence: found.presence,
                rowCount: 1
            )
            try each(Prediction(version: version, features: found, answers: answers))
        }
    }
}

extension ModelVersion {
    /// What it answers for entities that no view knows, by its own word or, of one from before versions had one, by its model's.
    func fallback(in definitions: Definitions) -> ModelDefinition.Fallback {
        fallback(under: definitions.model(named: model))
    }
}
