import Features
package import Models
import PointInTime
import Store
import Training

/// Two versions side by side.
package struct ModelDifference: Sendable {
    /// Something that is told of each; `nil` = there is nothing of the kind.
    package struct Item: Sendable, Hashable {
        package var name: String
        package var left: String?
        package var right: String?

        package var isSame: Bool { left == right }
    }

    package var left: ModelVersion
    package var right: ModelVersion
    /// All that is told, whether it differs or not, in an order for people.
    package var items: [Item]
}

extension OpenStore {
    /// - Parameters: `model`, `model@7` or `model@challenger`, also of two models.
    /// - Throws: `ModelsError` or ``StoreError``.
    package func compareModels(_ left: String, _ right: String) throws -> ModelDifference {
        try control.run {
            let registry = ModelRegistry(session)
            let (first, second) = (try registry.resolve(left), try registry.resolve(right))
            let definitions = try Registry.load(session).definitions
            let (own, other) = (try told(first, definitions), try told(second, definitions))
            var items: [ModelDifference.Item] = []
            for name in own.map(\.name) + other.map(\.name).filter({ name in !own.contains { $0.name == name } }) {
                items.append(
                    .init(
                        name: name,
                        left: own.first { $0.name == name }?.value,
                        right: other.first { $0.name == name }?.value
                    )
                )
            }
            return ModelDifference(left: first, right: second, items: items)
        }
    }

    /// What is needed of ``VersionManifest`` here; imported versions have less.
    private struct Told: Decodable {
        struct Part: Decodable {
            var rows: Int
            var from: String?
        }

        var library: String?
        var parameters: [String: String]?
        var seed: UInt64?
        var rounds: Int?
        var label: String?
        var labelDelay: String?
        var spine: String?
        var train: Part?
        var valid: Part?
        var test: Part?
        var embargoed: Int?
        var isRandom: Bool?
        var position: Int64?
        var contentDigest: String?
        var note: String?
        var importedFrom: String?
    }

    private func told(_ version: ModelVersion, _ definitions: Definitions) throws -> [(name: String, value: String)] {
        let manifest = try JSONDocument.decode(Told.self, from: version.manifest)
        var all: [(name: String, value: String?)] = [
            ("algorithm", version.algorithm), ("library", manifest.library),
            ("service", "\(version.service)@\(version.serviceVersion)"), ("state", version.state.rawValue),
            ("fallback", version.fallback(in: definitions).text), ("imported from", manifest.importedFrom),
            ("note", manifest.note),
            ("seed", manifest.seed.map { "\($0)" }), ("rounds", manifest.rounds.map { "\($0)" }),
        ]
        all += (manifest.parameters ?? [:]).sorted { $0.key < $1.key }.map { ("parameter \($0.key)", $0.value) }
        all += [
            ("label", manifest.label), ("label delay", manifest.labelDelay), ("spine", manifest.spine),
            ("training set", manifest.contentDigest), ("position", manifest.position.map { "\($0)" }),
            ("split by chance", manifest.isRandom == true ? "yes" : nil),
        ]
        for (name, part) in [("train", manifest.train), ("valid", manifest.valid), ("test", manifest.test)] {
            all.append((name, part.map { "\($0.rows) rows" + ($0.from.map { " from \($0)" } ?? "") }))
        }
        all.append(("embargoed", manifest.embargoed.map { "\($0) rows" }))
        for input in version.signature.inputs {
            // What was fitted may be long: its digest tells whether it is the same.
            let fitted = try JSONDocument.encode(input.encoder)
            // What it learnt of a feature's values are values, which may be somebody's.
            let isShort = fitted.utf8.count <= 60 && !fitted.contains("[")
            let shown = isShort ? fitted : "\(Fingerprint.digits(of: fitted).prefix(8))…"
            all.append(("input \(input.name)", "\(input.type.text) as \(shown)"))
        }
        let metrics = try JSONDocument.decode([String: [String: Double]].self, from: version.metrics)
        for (judged, values) in metrics.sorted(by: { $0.key < $1.key }) where judged == "new" {
            all += values.sorted { $0.key < $1.key }.map { ("metric \($0.key)", "\($0.value)") }
        }
        all += [
            ("file", "\(version.artifactBytes) bytes, SHA-256 \(ContentDigest.hex(version.artifact))")
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }
}
