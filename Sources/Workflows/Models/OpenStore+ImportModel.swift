import Columnar
import Features
import Forest
import Foundation
import Models
import PointInTime
import Store
import Training
import TrainingSets

/// A model that comes from elsewhere.
package struct ImportModelRequest: Sendable {
    /// Of the definitions: whose version it becomes.
    package var model: String
    /// A model's file, or a folder that ``OpenStore/exportModel(_:to:)`` made.
    package var path: String
    /// The service whose columns it reads, `SERVICE@VERSION` or the newest of `SERVICE`; `nil` = the model's own, newest.
    package var service: String?
    /// A file of golden rows, see ``ModelFolder``; `nil` = the folder's, else the version is unproven.
    package var golden: String?
    /// Names of the outputs of a model of several classes, in order.
    package var classes: [String] = []
    /// What the training rows were like, one value an output: the rate, the shares of classes or the mean.
    package var base: [Double] = []
    package var reason: String?

    package init(model: String, path: String) {
        self.model = model
        self.path = path
    }
}

package struct ImportModelResult: Sendable {
    package let version: Int
    package let position: Int64
    package let service: String
    /// Golden rows that the file reproduces; 0 = the version is unproven.
    package let golden: Int
}

extension OpenStore {
    /// Registers a model that was fitted elsewhere, as a version of a model of the definitions.
    ///
    /// It has to read the columns of the service, in their order; where rows are given with the margins that its trainer had, it
    /// has to have the same here, to the bit.
    /// - Throws: ``WorkflowError``, `ModelsError`, ``ColumnarError`` or ``StoreError``; nothing is registered then.
    package func importModel(_ request: ImportModelRequest) throws -> ImportModelResult {
        try control.run {
            let registry = try Registry.load(session)
            guard let model = registry.definitions.model(named: request.model) else {
                throw ModelsError.noModel(
                    name: request.model,
                    hint: Name.hint(for: request.model, among: registry.definitions.models.map(\.name))
                )
            }
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: request.path, isDirectory: &isFolder) else {
                throw WorkflowError.refused("there is no such file or folder: \(request.path)")
            }
            let described = isFolder.boolValue ? try Self.described(request) : nil
            let name = request.service ?? described.map { "\($0.service)@\($0.serviceVersion)" } ?? model.service
            let (plan, service) = try registry.plan(naming: name, session)
            guard let service, service.definition.name == model.service else {
                throw WorkflowError.refused(
                    "'\(name)' is no version of '\(model.service)', the service that the model '\(model.name)' reads"
                )
            }
            let path = described.map { InputPath.file($0.file, in: request.path) } ?? request.path
            let file = try Self.bytes(path)
            if let described, ContentDigest.hex(ContentDigest.sha256(file[...])) != described.sha256 {
                throw WorkflowError.refused(
                    "\(path) is not what was exported: its SHA-256 is not the one that \(ModelFolder.versionName) has"
                )
            }
            let forest: Forest
            do throws(ForestError) { forest = try Forest(bytes: file) } catch { throw ModelsError.artifact(error) }
            let signature = try described?.signature ?? Self.signature(plan, model, forest, request.classes)
            let columns = plan.columns.map { ModelSignature.Source(name: $0.outputName, type: $0.type) }
            guard columns == signature.columns, signature.task == model.task else {
                throw WorkflowError.refused(
                    Self.mismatch(signature, columns, model, "\(model.service)@\(service.version)")
                )
            }
            if let described, described.rules != plan.rules.fingerprint {
                throw WorkflowError.refused(
                    """
                    \(request.path) was fitted to \(described.service)@\(described.serviceVersion) with other rules than \
                    \(model.service)@\(service.version) has: a ttl, delay, strict, derived column or window differs (rules \
                    \(described.rules), here \(plan.rules.fingerprint)); make them the same and apply, or name the version that \
                    has them with --service
                    """
                )
            }
            if described == nil, let place = forest.featureTypes?.firstIndex(of: "c") {
                let name = forest.featureNames.map { $0[place] } ?? "\(place)"
                throw WorkflowError.refused(
                    """
                    \(path) splits the column '\(name)' by categories, whose codes only its trainer knows; fit it to numbers, or \
                    train it here with `encode:`
                    """
                )
            }
            let goldenPath =
                request.golden
                ?? described.map { _ in InputPath.file(ModelFolder.goldenName, in: request.path) }
                .flatMap { InputPath.exists($0) ? $0 : nil }
            let golden = try goldenPath.map { try Self.golden($0, signature) }
            let new = NewModelVersion(
                model: model.name,
                service: model.service,
                serviceVersion: service.version,
                fingerprint: ServiceDefinition.schemaFingerprint(of: plan.columns),
                rules: plan.rules.fingerprint,
                algorithm: described?.algorithm ?? (forest.treeCount > 0 ? "xgboost" : "linear"),
                file: file,
                signature: signature,
                base: try described?.base ?? Self.base(request.base, forest, golden, signature),
                fallback: described?.fallback ?? model.fallback,
                manifest: try Self.manifest(described, request.path),
                metrics: described?.metrics ?? "{}",
                golden: golden,
                reference: described?.reference
            )
            let (version, state) = try ModelRegistry(session).register(
                new,
                reason: request.reason ?? described.map { "imported: \($0.model)@\($0.version)" } ?? "imported"
            )
            return ImportModelResult(
                version: version,
                position: state.position,
                service: "\(model.service)@\(service.version)",
                golden: golden?.count ?? 0
            )
        }
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        // Of what a link leads to; pipes and devices have no end.
        var status = stat()
        let isFile = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let size = isFile ? Int(status.st_size) : 0
        guard size <= ForestLimits.fileBytesMax else {
            throw WorkflowError.refused("\(path) has \(size) bytes; a model has \(ForestLimits.fileBytesMax) at most")
        }
        guard isFile, let data = FileManager.default.contents(atPath: path) else {
            throw WorkflowError.refused("\(path): there is no such file, or it cannot be read")
        }
        return Array(data)
    }

    private static func described(_ request: ImportModelRequest) throws -> ModelFolder.Version {
        let path = InputPath.file(ModelFolder.versionName, in: request.path)
        guard let text = try InputPath.text(at: path) else {
            throw WorkflowError.refused(
                "\(request.path) has no \(ModelFolder.versionName): expected a model's file, or a folder that `asof models export` made"
            )
        }
        let version: ModelFolder.Version
        do { version = try JSONDocument.decode(ModelFolder.Version.self, from: text) } catch {
            throw WorkflowError.refused("\(path) is none that `asof models export` wrote, or is damaged: \(error)")
        }
        guard version.format == ModelFolder.Version.formatName else {
            throw WorkflowError.refused(
                "\(path) is of the format '\(version.format)'; this asof reads \(ModelFolder.Version.formatName)"
            )
        }
        guard !version.file.contains("/"), version.file != ".." else {
            throw WorkflowError.refused("\(path) names the file '\(version.file)', which lies elsewhere")
        }
        // Reports, `models show` and pages read them.
        guard (try? JSONDocument.decode([String: [String: Double]].self, from: version.metrics)) != nil else {
            throw WorkflowError.refused(
                "\(path): its metrics are no numbers by model and name, as `asof models export` writes them"
            )
        }
        // Golden rows are read by it before anything else looks at it.
        if let fault = version.signature.fault { throw WorkflowError.refused("\(path): its signature \(fault)") }
        return version
    }

    /// How a service's columns become the numbers that a foreign model reads: each number as it is.
    private static func signature(
        _ plan: FeaturePlan,
        _ model: ModelDefinition,
        _ forest: Forest,
        _ classes: [String]
    ) throws -> ModelSignature {
        let inputs = try plan.columns.map { column in
            let encoder: FittedEncoder
            switch column.type {
            case .bool, .int32, .int64, .float32, .float64: encoder = .number
            case .vector(let count): encoder = .elements(count)
            default:
                throw WorkflowError.refused(
                    "the column '\(column.outputName)' is \(column.type.text): what its trainer made of it is not known. Give the service numbers alone, by derived columns, or import a folder that `asof models export` made"
                )
            }
            return ModelSignature.Input(name: column.outputName, type: column.type, encoder: encoder)
        }
        var names = classes
        if model.task == .multiclass, names.isEmpty { names = (0..<forest.outputs).map { "\($0)" } }
        guard model.task == .multiclass || classes.isEmpty,
            names.count == (model.task == .multiclass ? forest.outputs : 0)
        else {
            throw WorkflowError.usage(
                "\(classes.count) classes are named; the model is \(model.task.rawValue) with \(CountText.count(forest.outputs, "output"))"
            )
        }
        return ModelSignature(task: model.task, inputs: inputs, classes: names)
    }

    private static func mismatch(
        _ signature: ModelSignature,
        _ columns: [ModelSignature.Source],
        _ model: ModelDefinition,
        _ service: String
    ) -> String {
        guard signature.task == model.task else {
            return "it answers a \(signature.task.rawValue) label, the model '\(model.name)' is \(model.task.rawValue)"
        }
        func text(_ source: ModelSignature.Source?) -> String {
            source.map { "\($0.name) \($0.type.text)" } ?? "nothing"
        }
        let count = max(signature.columns.count, columns.count)
        let first =
            (0..<count).first { place in
                let own = signature.columns.indices.contains(place) ? signature.columns[place] : nil
                let other = columns.indices.contains(place) ? columns[place] : nil
                return own != other
            } ?? 0
        let own = signature.columns.indices.contains(first) ? signature.columns[first] : nil
        let other = columns.indices.contains(first) ? columns[first] : nil
        return
            "it reads other columns than \(service) has: column \(first + 1) is \(text(own)) to it, and \(text(other)) there"
    }

    private static func golden(_ path: String, _ signature: ModelSignature) throws -> GoldenRows {
        let reader = try TableReader(
            path: path,
            format: try FileFormat(inputPath: path, option: "an ending: \(FileFormat.spellings)"),
            options: InputOptions(isExtraIgnored: true)
        )
        let (width, outputs) = (signature.width, signature.outputs)
        let names = signature.featureNames + ModelFolder.marginNames(outputs)
        try reader.select(names.map { ColumnRequest(sourceName: $0, type: .float32) })
        var rows = GoldenRows(count: 0, inputs: [], margins: [])
        while let batch = try reader.next() {
            guard rows.count + batch.rowCount <= ModelsLimits.goldenRowsMax else {
                throw WorkflowError.refused(
                    "\(path) has more than \(ModelsLimits.goldenRowsMax) golden rows; some hundreds do"
                )
            }
            let bytes = (rows.count + batch.rowCount) * (width + outputs) * MemoryLayout<Float>.size
            guard bytes <= ModelsLimits.goldenBytesMax else {
                throw WorkflowError.refused(
                    "\(path): golden rows of \(width) inputs each have more than \(ModelsLimits.goldenBytesMax) bytes; give fewer"
                )
            }
            for row in 0..<batch.rowCount {
                let numbers = batch.columns.map { column -> Float in
                    guard !column.isNull(row), case .float32(let value) = column.value(row) else { return .nan }
                    return value
                }
                guard numbers[width...].allSatisfy({ !$0.isNaN }) else {
                    throw WorkflowError.refused(
                        "\(path): row \(rows.count + row + 1) has no margin; expected what its trainer had for it, in \(ModelFolder.marginNames(outputs).joined(separator: ", "))"
                    )
                }
                rows.inputs += numbers[..<width]
                rows.margins += numbers[width...]
            }
            rows.count += batch.rowCount
        }
        guard rows.count > 0 else { throw WorkflowError.refused("\(path) has no rows") }
        return rows
    }

    /// What an entity is like of which nothing is known: what was given, else the mean of what the model says of golden rows.
    private static func base(
        _ given: [Double],
        _ forest: Forest,
        _ golden: GoldenRows?,
        _ signature: ModelSignature
    ) throws -> [Double] {
        if !given.isEmpty {
            guard given.count == signature.outputs else {
                throw WorkflowError.usage(
                    "\(CountText.count(given.count, "base value")) for \(CountText.count(signature.outputs, "output"))"
                )
            }
            return given
        }
        let inputs = golden?.inputs ?? [Float](repeating: .nan, count: forest.width)
        let count = golden?.count ?? 1
        guard inputs.count == count * forest.width, forest.outputs == signature.outputs else {
            // Registering says what is wrong.
            return [Double](repeating: 0, count: signature.outputs)
        }
        let predictions = forest.predictions(inputs, count: count)
        return (0..<signature.outputs).map { output in
            (0..<count).reduce(0.0) { $0 + Double(predictions[$1 * signature.outputs + output]) } / Double(count)
        }
    }

    /// What was told of a version elsewhere, without what only its own store can follow.
    private static func manifest(_ described: ModelFolder.Version?, _ path: String) throws -> String {
        struct Imported: Encodable {
            var importedFrom: String
        }
        let from = described.map { "\($0.model)@\($0.version)" } ?? URL(fileURLWithPath: path).lastPathComponent
        guard let described,
            var object = try? JSONSerialization.jsonObject(with: Data(described.manifest.utf8)) as? [String: Any]
        else { return try JSONDocument.encode(Imported(importedFrom: from)) }
        object["recipe"] = nil
        object["importedFrom"] = from
        return String(decoding: try JSONSerialization.data(withJSONObject: object, options: .sortedKeys), as: UTF8.self)
    }
}
