import Features
import Forest
import Foundation
package import Models
import PointInTime
import Store
import Training
import TrainingSets

/// What fitting a version again gave.
package enum ModelVerification: Sendable {
    /// The same file, to the byte.
    case equal(rows: Int)
    /// In words: what differs.
    case different(String)
}

extension OpenStore {
    /// Makes the training set of a version again, fits the model to it, and compares the file.
    ///
    /// - Parameters:
    ///   - name: `model@7`.
    ///   - data: the spine's file, where it does not lie where it did.
    ///   - fitting: see ``TrainRequest/fitting``.
    /// - Throws: where it cannot be checked: ``VerificationObstacle``, ``WorkflowError``, `ModelsError` or ``StoreError``.
    package func verifyModel(
        _ name: String,
        data: String? = nil,
        lookup: LookupOptions = LookupOptions(),
        fitting: FitProcess,
        event: @escaping (TrainEvent) -> Void = { _ in }
    ) throws -> (version: ModelVersion, verification: ModelVerification) {
        try control.run {
            let registry = ModelRegistry(session)
            let version = try registry.resolve(name)
            // Of an imported version there may be nothing else.
            let kept = try JSONDocument.decode(KeptRecipe.self, from: version.manifest)
            guard let recipe = kept.recipe else {
                throw WorkflowError.refused(
                    "\(version.model)@\(version.version) does not tell how it was fitted: a release before registered it, or it was imported"
                )
            }
            let manifest = try JSONDocument.decode(VersionManifest.self, from: version.manifest)
            let plan = try recipe.set.spec(session).plan
            let (request, algorithm) = try Self.request(version, manifest, recipe, data, lookup, fitting)
            let folder = try PrivateFolder(for: "verify")
            defer { folder.remove() }
            let path = folder.url.appendingPathComponent("set.arrow").path
            let (set, rows) = try trainingSet(request, recipe.definition, path, plan: plan, event)
            guard set.manifest.contentDigest == manifest.contentDigest else {
                if let removal = try recipe.set.removals(session).first {
                    throw VerificationObstacle.removed(removal)
                }
                throw WorkflowError.refused(
                    "the spine \(request.spine.text) gives another training set by now: \(set.manifest.contentDigest) of \(set.manifest.rows) rows instead of \(manifest.contentDigest) of \(recipe.set.rows)"
                )
            }
            let split = try Self.split(rows, recipe.definition, request)
            let trial = try ModelTrial(rows, split, recipe.definition, algorithm, seed: request.seed)
            let fitted = try fit(trial, algorithm, request, event)
            return (version, try compare(fitted, trial.base, version, manifest, recipe, rows: rows.rowCount))
        }
    }

    private struct KeptRecipe: Decodable {
        var recipe: VersionManifest.Recipe?
    }

    private static func request(
        _ version: ModelVersion,
        _ manifest: VersionManifest,
        _ recipe: VersionManifest.Recipe,
        _ data: String?,
        _ lookup: LookupOptions,
        _ fitting: FitProcess
    ) throws -> (TrainRequest, ModelDefinition.Algorithm) {
        func damaged(_ what: String) -> VerificationObstacle {
            .damagedManifest("\(what) of \(version.model)@\(version.version)")
        }
        guard let algorithm = ModelDefinition.Algorithm(rawValue: manifest.algorithm) else {
            throw damaged("the algorithm '\(manifest.algorithm)'")
        }
        if recipe.reading.isQuery, data != nil {
            throw WorkflowError.usage("the spine of \(version.model)@\(version.version) is a query, not a file")
        }
        if manifest.spine == "-", data == nil {
            throw WorkflowError.refused("the spine came by standard input; say where it is now with --data FILE")
        }
        var request = TrainRequest(
            model: version.model,
            spine: recipe.reading.spine(data ?? manifest.spine),
            labelTime: manifest.labelTime,
            fitting: fitting
        )
        request.state = .position(manifest.position)
        request.parameters = manifest.parameters
        request.seed = manifest.seed
        request.isQuick = recipe.isQuick
        request.dropped = recipe.dropped
        request.lookup = lookup
        if manifest.isRandom {
            guard let shares = recipe.shares, shares.count == 3 else { throw damaged("the shares") }
            request.split = .random(train: shares[0], valid: shares[1], test: shares[2])
        } else {
            guard let valid = manifest.valid.from, let test = manifest.test.from else { throw damaged("the cuts") }
            request.split = .times(validFrom: try Timestamp(text: valid), testFrom: try Timestamp(text: test))
        }
        return (request, algorithm)
    }

    private func compare(
        _ fitted: FittedModel,
        _ base: [Double],
        _ version: ModelVersion,
        _ manifest: VersionManifest,
        _ recipe: VersionManifest.Recipe,
        rows: Int
    ) throws -> ModelVerification {
        let registry = ModelRegistry(session)
        let file = try registry.file(version)
        let golden = try registry.golden(version)
        let isSameFile = file == fitted.file
        // By the base the model answers where features are missing, by golden rows servers check it.
        let isSameBase = base == version.base
        let isSameGolden = !isSameFile || golden?.isSame(as: fitted.golden) ?? (fitted.golden.count == 0)
        if isSameFile, isSameBase, isSameGolden, fitted.signature == version.signature { return .equal(rows: rows) }
        guard fitted.library == manifest.library else {
            throw WorkflowError.refused(
                "\(manifest.library) fitted it; here is \(fitted.library), which fits other trees"
            )
        }
        guard fitted.librarySHA256 == recipe.librarySHA256 else {
            throw WorkflowError.refused(
                "another build of \(manifest.library) fitted it: its SHA-256 was \(recipe.librarySHA256 ?? "-"), here it is \(fitted.librarySHA256 ?? "-")"
            )
        }
        var differences: [String] = []
        if fitted.signature != version.signature { differences.append("its encoders are fitted otherwise") }
        if !isSameBase { differences.append("its base is \(version.base), fitting again gives \(base)") }
        if !isSameGolden { differences.append("its golden rows are others") }
        if !isSameFile {
            let margins = golden?.difference(try Forest(bytes: fitted.file))
            differences.append(
                "its file has \(file.count) bytes, fitting again gives \(fitted.file.count); "
                    + (margins.map { "fitted again it \($0)" } ?? "its golden rows have the same margins")
            )
        }
        return .different(differences.joined(separator: "; "))
    }
}
