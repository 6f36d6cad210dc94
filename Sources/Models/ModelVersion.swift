package import Drift
package import Features
package import Training

/// A version of a model, as it is registered: all but its file and its golden rows.
package struct ModelVersion: Sendable {
    package enum State: String, Sendable, Codable {
        case ready
        /// Nobody has said which margins its trainer had.
        case unproven
        /// Left by a rollback.
        case rolledBack = "rolled back"
        case retired
    }

    package var model: String
    package var version: Int
    package var service: String
    package var serviceVersion: Int
    /// Of the service's columns.
    package var fingerprint: String
    package var rules: String
    package var algorithm: String
    /// SHA-256 of the model file.
    package var artifact: [UInt8]
    package var artifactBytes: Int
    package var signature: ModelSignature
    /// One value an output: the rate, the shares of classes, or the mean of the training rows.
    package var base: [Double]
    /// What entities get that no view knows, as it was when the version was trained; `nil` of versions from before.
    package var fallback: ModelDefinition.Fallback?
    /// JSON.
    package var manifest: String
    package var metrics: String
    package var state: State
    /// The position at which it was registered, and when, µs since 1970-01-01 UTC.
    package var position: Int64
    package var committedUs: Int64

    /// - Parameter definition: of its model, which counts where the version has none of its own; `nil` = there is none any more.
    package func fallback(under definition: ModelDefinition?) -> ModelDefinition.Fallback {
        fallback ?? definition?.fallback ?? .base
    }
}

/// What becomes a version.
package struct NewModelVersion: Sendable {
    package var model: String
    package var service: String
    package var serviceVersion: Int
    package var fingerprint: String
    package var rules: String
    package var algorithm: String
    package var file: [UInt8]
    package var signature: ModelSignature
    package var base: [Double]
    package var fallback: ModelDefinition.Fallback?
    package var manifest: String
    package var metrics: String
    /// `nil` = the version is unproven.
    package var golden: GoldenRows?
    /// What the training rows were like; `nil` = traffic is not watched.
    package var reference: ReferenceHistograms?

    package init(
        model: String,
        service: String,
        serviceVersion: Int,
        fingerprint: String,
        rules: String,
        algorithm: String,
        file: [UInt8],
        signature: ModelSignature,
        base: [Double],
        fallback: ModelDefinition.Fallback? = nil,
        manifest: String = "{}",
        metrics: String = "{}",
        golden: GoldenRows?,
        reference: ReferenceHistograms? = nil
    ) {
        self.model = model
        self.service = service
        self.serviceVersion = serviceVersion
        self.fingerprint = fingerprint
        self.rules = rules
        self.algorithm = algorithm
        self.file = file
        self.signature = signature
        self.base = base
        self.fallback = fallback
        self.manifest = manifest
        self.metrics = metrics
        self.golden = golden
        self.reference = reference
    }
}
