package import Features
package import Models
import Store
package import Training

/// A model as it stands.
package struct ModelListing: Sendable {
    package var name: String
    /// `nil` = it is defined no more.
    package var definition: ModelDefinition?
    package var versions: [ModelVersion]
    package var aliases: [String: ModelTarget]
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
        to version: ModelTarget,
        ifCurrent: Int?,
        allowsUnproven: Bool,
        reason: String?
    ) throws -> (from: ModelTarget?, position: Int64) {
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
        to version: ModelTarget?,
        reason: String
    ) throws -> (from: ModelTarget, to: ModelTarget, position: Int64) {
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

    /// How many values share a bucket, of each hash of a version, as it was measured when the version was trained.
    /// - Parameter name: `model`, `model@7` or `model@challenger`.
    /// - Throws: `ModelsError`.
    package func collisions(_ name: String) throws -> (version: ModelVersion, collisions: [Collisions]) {
        try control.run {
            let registry = ModelRegistry(session)
            let reference = ModelReference(name)
            // A version that did not become the champion has been measured, too.
            let newest = reference.isPinned ? nil : try registry.versions(of: reference.model).last
            let version = try newest ?? registry.resolve(reference)
            let manifest = try JSONDocument.decode(MeasuredCollisions.self, from: version.manifest)
            return (version, manifest.collisions ?? [])
        }
    }

    /// What is needed of ``VersionManifest`` here.
    private struct MeasuredCollisions: Decodable {
        var collisions: [Collisions]?
    }
}
