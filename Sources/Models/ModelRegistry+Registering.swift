import Drift
import Features
import Forest
import Foundation
import Hashing
import Postgres
package import Store
import Training

/// How a version comes into the store.
extension ModelRegistry {
    /// Registers a version.
    /// - Parameters:
    ///   - alias: that is to stand for it from then on, where it stands for `ifCurrent` now; `nil` = none.
    ///   - ifCurrent: `nil` = the alias is not there yet.
    /// - Returns: its number, and the state that the commit made.
    @discardableResult
    package func register(
        _ new: NewModelVersion,
        alias: String? = nil,
        ifCurrent: Int? = nil,
        reason: String? = nil
    ) throws(ModelsError) -> (version: Int, state: LedgerState) {
        let forest: Forest
        do { forest = try Forest(bytes: new.file) } catch { throw .artifact(error) }
        try Self.check(new, forest)
        let sha256 = SHA256.digest(new.file)
        var version = 0
        let state = try change("version of \(new.model)") { batch throws(StoreError) in
            let rows = try session.query(
                "SELECT coalesce(max(version), 0) + 1 FROM asof.model_versions WHERE model = $1",
                [.text(new.model)]
            )
            version = Int(rows.int32(0, 0) ?? 1)
            try putArtifact(new.file, sha256)
            try session.query(
                """
                INSERT INTO asof.model_versions (model, version, service, service_version, fingerprint, rules, algorithm,
                    artifact, artifact_bytes, signature, base, manifest, metrics, state, batch, reference, fallback)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::double precision[], $12, $13, $14, $15, $16, $17)
                """,
                [
                    .text(new.model), .int32(Int32(version)), .text(new.service), .int32(Int32(new.serviceVersion)),
                    .text(new.fingerprint), .text(new.rules), .text(new.algorithm), .bytes(sha256),
                    .int64(Int64(new.file.count)), .jsonb(try JSONDocument.encode(new.signature)),
                    .text("{\(new.base.map { "\($0)" }.joined(separator: ","))}"), .jsonb(new.manifest),
                    .jsonb(new.metrics),
                    .text((new.golden == nil ? ModelVersion.State.unproven : .ready).rawValue), .int64(batch),
                    .jsonb(
                        try new.reference.map { reference throws(StoreError) in try JSONDocument.encode(reference) }
                    ),
                    .text(new.fallback?.text),
                ]
            )
            if let golden = new.golden {
                try session.query(
                    "INSERT INTO asof.model_golden (model, version, inputs, margins) VALUES ($1, $2, $3, $4)",
                    [
                        .text(new.model), .int32(Int32(version)), .bytes(GoldenRows.bytes(golden.inputs)),
                        .bytes(GoldenRows.bytes(golden.margins)),
                    ]
                )
            }
            let target = ModelTarget(version)
            try event("register", new.model, alias: nil, from: nil, to: target, reason: reason, batch)
            if let alias {
                let found = try current(new.model, alias)
                guard found?.version == ifCurrent else { return .conflict(found?.version) }
                try put(alias, new.model, target, batch)
                try event("alias", new.model, alias: alias, from: found, to: target, reason: reason, batch)
            }
            return .done
        } conflict: { found in
            .conflict(model: new.model, alias: alias ?? "", found: found, expected: ifCurrent)
        }
        return (version, state)
    }

    private static func check(_ new: NewModelVersion, _ forest: Forest) throws(ModelsError) {
        let signature = new.signature
        // Before its width is asked for: it may come from a file that anybody wrote.
        if let fault = signature.fault { throw .request("the signature \(fault)") }
        if let fault = new.reference?.fault(signature) { throw .request("the histograms \(fault)") }
        guard forest.width == signature.width, forest.outputs == signature.outputs else {
            throw .request(
                """
                the model has \(forest.width) inputs and \(forest.outputs) outputs, the service '\(new.service)' version \
                \(new.serviceVersion) gives \(signature.width) inputs for \(signature.outputs) outputs
                """
            )
        }
        guard forest.objective.suits(signature.task) else {
            throw .request(
                "the model gives \(forest.objective.text), the task is \(signature.task.rawValue): it was fitted with another objective"
            )
        }
        if let names = forest.featureNames, names != signature.featureNames {
            let first = zip(names, signature.featureNames).first { $0 != $1 }
            throw .request(
                "the model's input '\(first?.0 ?? "")' stands where the service has '\(first?.1 ?? "")': it was trained on other columns, or in another order"
            )
        }
        if let sparse = forest.sparse, sparse.layout != signature.layout {
            throw .request("the model's slots are others than those of its encoders")
        }
        guard new.base.count == signature.outputs, new.base.allSatisfy(\.isFinite) else {
            throw .request("a base value is to be a finite number for each output")
        }
        if let difference = new.golden?.difference(forest) { throw .request("the model \(difference)") }
    }

    private func putArtifact(_ file: [UInt8], _ sha256: [UInt8]) throws(StoreError) {
        let size = ModelsLimits.artifactPartBytes
        for part in 0..<max((file.count + size - 1) / size, 1) {
            try session.query(
                "INSERT INTO asof.model_artifacts (sha256, part, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                [
                    .bytes(sha256), .int32(Int32(part)),
                    .bytes(Array(file[part * size..<min((part + 1) * size, file.count)])),
                ]
            )
        }
    }
}

extension Forest.Objective {
    fileprivate func suits(_ task: ModelTask) -> Bool {
        switch task {
        case .binary: self == .logistic
        case .multiclass: self == .softmax
        // Of numbers between 0 and 1, too.
        case .regression: self != .softmax
        }
    }

    fileprivate var text: String {
        switch self {
        case .logistic: "a probability"
        case .softmax: "a probability for each class"
        case .identity: "a number without bounds"
        }
    }
}
