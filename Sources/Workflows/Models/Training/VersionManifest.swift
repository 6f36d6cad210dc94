import Columnar
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
    /// What else it takes to fit the version again; versions from before, and imported ones, have none.
    var recipe: Recipe?

    struct Recipe: Codable {
        /// The model as it was defined.
        var definition: ModelDefinition
        /// The set, without what its rows were like.
        var set: TrainingSetManifest
        /// How the spine was read.
        var reading: SpineReading
        var dropped: [String]
        /// Of a split by chance: shares of train, valid and test in percent.
        var shares: [Int]?
        var isQuick: Bool
        /// SHA-256 of the library that fitted, where it is not our own code.
        var librarySHA256: String?
    }
}

/// How a spine was read, so that it is read so again.
struct SpineReading: Codable {
    var isQuery: Bool
    var format: String?
    var nullTexts: [String] = []
    var timeUnit: String?
    var allowsEarly1970 = false
    var delimiter: UInt8?
    var escape: UInt8?

    init(_ spine: SpineSource) {
        switch spine {
        case .query: isQuery = true
        case .file(_, let format, let options):
            isQuery = false
            self.format = format?.rawValue
            nullTexts = options.nullTexts
            timeUnit = options.timeUnit?.rawValue
            allowsEarly1970 = options.allowsEarly1970
            delimiter = options.delimiter
            escape = options.escape
        }
    }

    /// - Parameter text: the query, or the file's path.
    func spine(_ text: String) -> SpineSource {
        if isQuery { return .query(text) }
        var options = InputOptions(nullTexts: nullTexts, timeUnit: timeUnit.flatMap { TimeUnit(rawValue: $0) })
        options.allowsEarly1970 = allowsEarly1970
        options.delimiter = delimiter
        options.escape = escape
        return .file(text, format: format.flatMap { FileFormat(name: $0) }, options)
    }
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

extension VersionManifest.Recipe {
    init(
        _ model: ModelDefinition,
        _ set: TrainingSetManifest,
        _ request: TrainRequest,
        librarySHA256: String?
    ) {
        var described = set
        described.rowMarks = nil
        described.quality = nil
        var shares: [Int]?
        if case .random(let train, let valid, let test) = request.split { shares = [train, valid, test] }
        self.init(
            definition: model,
            set: described,
            reading: SpineReading(request.spine),
            dropped: request.dropped,
            shares: shares,
            isQuick: request.isQuick,
            librarySHA256: librarySHA256
        )
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
            collisions: trial.collisions,
            recipe: .init(model, set, request, librarySHA256: fitted.librarySHA256)
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
