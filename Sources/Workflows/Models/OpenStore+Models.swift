package import Features
package import Models
import Store

/// A model as it stands.
package struct ModelListing: Sendable {
    package var name: String
    /// `nil` = it is defined no more.
    package var definition: ModelDefinition?
    package var versions: [ModelVersion]
    package var aliases: [String: Int]
}

extension OpenStore {
    /// Models that are defined or have versions, by name.
    /// - Parameter name: of one of them; `nil` = all.
    /// - Throws: `ModelsError` for a name that is none.
    package func models(_ name: String? = nil) throws -> [ModelListing] {
        try control.run {
            let defined = try Registry.load(session).definitions.models
            let registry = ModelRegistry(session)
            let versions = Dictionary(grouping: try registry.versions(of: name), by: \.model)
            let names = Set(defined.map(\.name)).union(versions.keys).sorted()
            if let name, !names.contains(name) {
                throw ModelsError.noModel(name: name, hint: Name.hint(for: name, among: names))
            }
            return try names.filter { name == nil || $0 == name }.map { model in
                ModelListing(
                    name: model,
                    definition: defined.first { $0.name == model },
                    versions: versions[model] ?? [],
                    aliases: try registry.aliases(of: model)
                )
            }
        }
    }

    /// What happened to a model, newest first.
    package func modelHistory(_ name: String, limit: Int) throws -> [ModelEvent] {
        _ = try models(name)
        return try control.run { try ModelRegistry(session).history(of: name, limit: limit) }
    }

    /// See ``ModelRegistry/setAlias(_:_:to:ifCurrent:allowsUnproven:reason:)``.
    /// - Returns: what it stood for before, and the position.
    package func setModelAlias(
        _ model: String,
        _ alias: String,
        to version: Int,
        ifCurrent: Int?,
        allowsUnproven: Bool,
        reason: String?
    ) throws -> (from: Int?, position: Int64) {
        _ = try models(model)
        return try control.run {
            let (from, state) = try ModelRegistry(session).setAlias(
                model,
                alias,
                to: version,
                ifCurrent: ifCurrent,
                allowsUnproven: allowsUnproven,
                reason: reason
            )
            return (from, state.position)
        }
    }

    /// See ``ModelRegistry/rollBack(_:to:reason:)``.
    package func rollBackModel(
        _ model: String,
        to version: Int?,
        reason: String
    ) throws -> (from: Int, to: Int, position: Int64) {
        _ = try models(model)
        return try control.run {
            let (from, to, state) = try ModelRegistry(session).rollBack(model, to: version, reason: reason)
            return (from, to, state.position)
        }
    }

    /// See ``ModelRegistry/retire(_:_:)``.
    package func retireModel(_ model: String, _ version: Int) throws -> Int64 {
        _ = try models(model)
        return try control.run { try ModelRegistry(session).retire(model, version).position }
    }
}
