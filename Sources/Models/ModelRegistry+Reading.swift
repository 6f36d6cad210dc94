package import Drift
import Features
import PointInTime
import Postgres
package import Store
import Training

/// Something that happened to a model.
package struct ModelEvent: Sendable, Hashable {
    package var position: Int64
    /// µs since 1970-01-01 UTC.
    package var committedUs: Int64
    package var kind: String
    package var alias: String?
    package var from: ModelTarget?
    package var to: ModelTarget?
    package var role: String
    package var reason: String?
}

extension ModelRegistry {
    private static let columns = """
        v.model, v.version, v.service, v.service_version, v.fingerprint, v.rules, v.algorithm, v.artifact, v.artifact_bytes,
        v.signature::text, v.base::text, v.manifest::text, v.metrics::text, v.state, b.position, b.committed_at, v.fallback
        """
    private static let tables =
        "asof.model_versions v JOIN asof.batches b ON b.batch = v.batch AND b.view = -1"

    /// All versions of a model, or of all models, by model and version.
    package func versions(of model: String? = nil) throws(StoreError) -> [ModelVersion] {
        let rows = try session.query(
            """
            SELECT \(Self.columns) FROM \(Self.tables) WHERE $1::text IS NULL OR v.model = $1 ORDER BY v.model, v.version
            """,
            [.text(model)]
        )
        return try versions(rows)
    }

    /// - Throws: ``ModelsError/noVersion(model:version:known:)``.
    package func version(_ model: String, _ version: Int) throws(ModelsError) -> ModelVersion {
        do throws(StoreError) {
            let rows = try session.query(
                "SELECT \(Self.columns) FROM \(Self.tables) WHERE v.model = $1 AND v.version = $2",
                [.text(model), .int32(Int32(clamping: version))]
            )
            if let found = try versions(rows).first { return found }
        } catch {
            throw .store(error)
        }
        throw .noVersion(model: model, version: version, known: try known(model))
    }

    /// What `model`, `model@7` or `model@challenger` means now.
    /// - Throws: ``ModelsError/noModel(name:hint:)``, ``ModelsError/noVersion(model:version:known:)``,
    ///   ``ModelsError/noAlias(model:alias:)``.
    package func resolve(_ text: String) throws(ModelsError) -> ModelVersion {
        try resolve(ModelReference(text))
    }

    /// As ``resolve(_:)-(String)``.
    package func resolve(_ reference: ModelReference) throws(ModelsError) -> ModelVersion {
        let model = reference.model
        let known = try known(model)
        let (names, aliases): ([String], [String: ModelTarget])
        do throws(StoreError) {
            names = known == nil ? try self.names() : [model]
            aliases = try self.aliases(of: model)
        } catch {
            throw .store(error)
        }
        guard names.contains(model) else {
            throw .noModel(name: model, hint: Name.hint(for: model, among: names))
        }
        switch reference.version {
        case .target(let target): return try self.version(model, target.version)
        case .alias(let alias):
            if let target = aliases[alias] { return try self.version(model, target.version) }
            guard alias != Self.champion || known != nil else {
                throw .noVersion(model: model, version: 1, known: nil)
            }
            throw .noAlias(model: model, alias: alias)
        }
    }

    /// Models that are defined or have versions.
    private func names() throws(StoreError) -> [String] {
        let registered = try session.query("SELECT DISTINCT model FROM asof.model_versions ORDER BY 1")
        let defined = try Registry.load(session).definitions.models.map(\.name)
        return Array(Set(defined + (0..<registered.count).compactMap { registered.text($0, 0) })).sorted()
    }

    private func known(_ model: String) throws(ModelsError) -> ClosedRange<Int>? {
        do {
            let rows = try session.query(
                "SELECT min(version), max(version) FROM asof.model_versions WHERE model = $1",
                [.text(model)]
            )
            guard let low = rows.int32(0, 0), let high = rows.int32(0, 1) else { return nil }
            return Int(low)...Int(high)
        } catch {
            throw .store(error)
        }
    }

    /// What the names of a model stand for.
    package func aliases(of model: String) throws(StoreError) -> [String: ModelTarget] {
        try aliases(only: model)[model] ?? [:]
    }

    /// What the names of each model stand for, by model.
    /// - Parameter model: `nil` = all.
    package func aliases(only model: String? = nil) throws(StoreError) -> [String: [String: ModelTarget]] {
        let rows = try session.query(
            "SELECT model, alias, version, \(Self.publishOfAlias) FROM asof.model_aliases WHERE $1::text IS NULL OR model = $1",
            [.text(model)]
        )
        var aliases: [String: [String: ModelTarget]] = [:]
        for row in 0..<rows.count {
            guard let model = rows.text(row, 0), let alias = rows.text(row, 1), let version = rows.int32(row, 2) else {
                continue
            }
            aliases[model, default: [:]][alias] = ModelTarget(Int(version), publish: rows.int32(row, 3).map { Int($0) })
        }
        return aliases
    }

    /// The version that was champion at a position; `nil` = none was.
    package func champion(of model: String, at position: Int64) throws(StoreError) -> ModelTarget? {
        let rows = try session.query(
            """
            SELECT e.to_version, e.to_publish FROM asof.model_events e JOIN asof.batches b ON b.batch = e.batch AND b.view = -1
            WHERE e.model = $1 AND e.alias = $2 AND b.position <= $3 ORDER BY b.position DESC, e.id DESC LIMIT 1
            """,
            [.text(model), .text(Self.champion), .int64(position)]
        )
        guard rows.count > 0, let version = rows.int32(0, 0) else { return nil }
        return ModelTarget(Int(version), publish: rows.int32(0, 1).map { Int($0) })
    }

    /// The position of each model's last flip: a name was moved, or weights were published.
    package func lastFlips() throws(StoreError) -> [String: Int64] {
        let rows = try session.query(
            """
            SELECT DISTINCT ON (e.model) e.model, b.position
            FROM asof.model_events e JOIN asof.batches b ON b.batch = e.batch AND b.view = -1
            WHERE e.alias IS NOT NULL OR e.kind = 'publish' ORDER BY e.model, e.id DESC
            """
        )
        var positions: [String: Int64] = [:]
        for row in 0..<rows.count {
            if let model = rows.text(row, 0), let position = rows.int64(row, 1) { positions[model] = position }
        }
        return positions
    }

    /// What happened to a model, newest first.
    package func history(of model: String, limit: Int) throws(StoreError) -> [ModelEvent] {
        let rows = try session.query(
            """
            SELECT b.position, b.committed_at, e.kind, e.alias, e.from_version, e.to_version, e.role, e.reason,
                e.from_publish, e.to_publish
            FROM asof.model_events e JOIN asof.batches b ON b.batch = e.batch AND b.view = -1
            WHERE e.model = $1 ORDER BY e.id DESC LIMIT $2
            """,
            [.text(model), .int64(Int64(limit))]
        )
        return (0..<rows.count).map { row in
            ModelEvent(
                position: rows.int64(row, 0) ?? 0,
                committedUs: rows.timestamp(row, 1) ?? 0,
                kind: rows.text(row, 2) ?? "",
                alias: rows.text(row, 3),
                from: Self.target(rows.int32(row, 4), rows.int32(row, 8)),
                to: Self.target(rows.int32(row, 5), rows.int32(row, 9)),
                role: rows.text(row, 6) ?? "",
                reason: rows.text(row, 7)
            )
        }
    }

    private static func target(_ version: Int32?, _ publish: Int32?) -> ModelTarget? {
        version.map { ModelTarget(Int($0), publish: publish.map { Int($0) }) }
    }

    /// A version's file.
    /// - Throws: ``ModelsError/request(_:)`` where it is not there whole.
    package func file(_ version: ModelVersion) throws(ModelsError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(version.artifactBytes)
        do throws(StoreError) {
            var part: Int32 = 0
            while bytes.count < version.artifactBytes {
                let rows = try session.query(
                    "SELECT bytes FROM asof.model_artifacts WHERE sha256 = $1 AND part = $2",
                    [.bytes(version.artifact), .int32(part)]
                )
                guard rows.count > 0, let piece = rows.byteArray(0, 0), !piece.isEmpty else { break }
                bytes += piece
                part += 1
            }
        } catch {
            throw .store(error)
        }
        guard bytes.count == version.artifactBytes, Self.sha256(bytes) == version.artifact else {
            throw .request(
                "the file of version \(version.version) of \(version.model) is not what was registered: \(bytes.count) of \(version.artifactBytes) bytes, or others"
            )
        }
        return bytes
    }

    /// A version's golden rows; `nil` of an unproven one.
    package func golden(_ version: ModelVersion) throws(StoreError) -> GoldenRows? {
        let rows = try session.query(
            "SELECT inputs, margins FROM asof.model_golden WHERE model = $1 AND version = $2",
            [.text(version.model), .int32(Int32(version.version))]
        )
        guard rows.count > 0, let inputs = rows.byteArray(0, 0), let margins = rows.byteArray(0, 1) else { return nil }
        let outputs = max(version.signature.outputs, 1)
        return GoldenRows(
            count: margins.count / 4 / outputs,
            inputs: GoldenRows.values(inputs),
            margins: GoldenRows.values(margins)
        )
    }

    /// What a version's training rows were like; `nil` of one that is not watched.
    package func reference(_ version: ModelVersion) throws(StoreError) -> ReferenceHistograms? {
        let rows = try session.query(
            "SELECT reference::text FROM asof.model_versions WHERE model = $1 AND version = $2",
            [.text(version.model), .int32(Int32(version.version))]
        )
        guard rows.count > 0, let text = rows.text(0, 0) else { return nil }
        return try JSONDocument.decode(ReferenceHistograms.self, from: text)
    }

    private func versions(_ rows: Rows) throws(StoreError) -> [ModelVersion] {
        var versions: [ModelVersion] = []
        for row in 0..<rows.count {
            guard let model = rows.text(row, 0), let version = rows.int32(row, 1), let signature = rows.text(row, 9)
            else {
                continue
            }
            versions.append(
                ModelVersion(
                    model: model,
                    version: Int(version),
                    service: rows.text(row, 2) ?? "",
                    serviceVersion: Int(rows.int32(row, 3) ?? 0),
                    fingerprint: rows.text(row, 4) ?? "",
                    rules: rows.text(row, 5) ?? "",
                    algorithm: rows.text(row, 6) ?? "",
                    artifact: rows.byteArray(row, 7) ?? [],
                    artifactBytes: Int(rows.int64(row, 8) ?? 0),
                    signature: try JSONDocument.decode(ModelSignature.self, from: signature),
                    base: (rows.text(row, 10) ?? "{}").dropFirst().dropLast().split(separator: ",").compactMap {
                        Double($0)
                    },
                    fallback: rows.text(row, 16).flatMap(ModelDefinition.Fallback.init(text:)),
                    manifest: rows.text(row, 11) ?? "{}",
                    metrics: rows.text(row, 12) ?? "{}",
                    state: rows.text(row, 13).flatMap(ModelVersion.State.init(rawValue:)) ?? .retired,
                    position: rows.int64(row, 14) ?? 0,
                    committedUs: rows.timestamp(row, 15) ?? 0
                )
            )
        }
        return versions
    }
}

extension ModelRegistry {
    static func sha256(_ bytes: [UInt8]) -> [UInt8] { ContentDigest.sha256(bytes[...]) }
}
