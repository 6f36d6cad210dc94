import Features
import Foundation
import Glibc
import Models
import Store
import Training
import TrainingSets

/// How a version came to be: what is needed to fit it again.
struct VersionManifest: Codable {
    struct Part: Codable {
        var rows: Int
        /// The first label time, RFC 3339; of the training rows none.
        var from: String?
    }

    var format = "asof-model/1"
    var algorithm: String
    var library: String
    var parameters: [String: String]
    var seed: UInt64
    var rounds: Int?
    var label: String
    var labelTime: String
    var labelDelay: String
    var spine: String
    var train: Part
    var valid: Part
    var test: Part
    var embargoed: Int
    var unlabelled: Int
    var isRandom: Bool
    /// Of the training set: the store's position, and the digest of its content.
    var position: Int64
    var uid: String?
    var contentDigest: String
    var note: String?
    /// Of how columns become numbers, see ``ModelSignature/fingerprint``; versions from before have none.
    var encoding: String?
    /// Of each hash, as measured on the training rows.
    var collisions: [Collisions]?
}

extension ModelTrial {
    static func log(_ value: Double) -> Double { Glibc.log(value) }
}

extension ModelSignature {
    /// Names the encoders with all that was fitted: equal ones make equal rows of equal columns.
    var fingerprint: String {
        get throws { "asof-encoding-1:" + Fingerprint.digits(of: try JSONDocument.encode(self)) }
    }
}

extension NewModelVersion {
    init(
        _ fitted: FittedModel,
        _ trial: ModelTrial,
        _ model: ModelDefinition,
        _ algorithm: ModelDefinition.Algorithm,
        _ set: TrainingSetManifest,
        _ request: TrainRequest,
        _ judged: [TrainResult.Judged]
    ) throws {
        func time(_ us: Int64?) -> String? { us.map { Timestamp(microseconds: $0).text } }
        let split = trial.split
        let manifest = VersionManifest(
            algorithm: algorithm.rawValue,
            library: fitted.library,
            parameters: request.parameters,
            seed: request.seed,
            rounds: fitted.rounds,
            label: model.label,
            labelTime: request.labelTime,
            labelDelay: model.labelDelay.text,
            spine: request.spine.text,
            train: .init(rows: split.train.count),
            valid: .init(rows: split.valid.count, from: time(split.validFrom)),
            test: .init(rows: split.test.count, from: time(split.testFrom)),
            embargoed: split.embargoed,
            unlabelled: split.unlabelled,
            isRandom: split.isRandom,
            position: set.store.position,
            uid: set.store.uid,
            contentDigest: set.contentDigest,
            note: request.note,
            encoding: try fitted.signature.fingerprint,
            collisions: trial.collisions
        )
        var metrics: [String: [String: Double]] = [:]
        for entry in judged {
            var values: [String: Double] = [:]
            for (name, value) in entry.metrics.named { values[name] = value }
            metrics[entry.name] = values
        }
        guard let service = set.service else {
            throw WorkflowError.refused("the model's service '\(model.service)' is no service of the store")
        }
        self.init(
            model: model.name,
            service: service.name,
            serviceVersion: service.version,
            fingerprint: set.fingerprint,
            rules: set.rules ?? "",
            algorithm: algorithm.rawValue,
            file: fitted.file,
            signature: fitted.signature,
            base: trial.base,
            fallback: model.fallback,
            manifest: try JSONDocument.encode(manifest),
            metrics: try JSONDocument.encode(metrics),
            golden: fitted.golden,
            reference: trial.reference(of: fitted)
        )
    }
}
