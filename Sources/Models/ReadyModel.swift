package import Forest
package import Training

/// A version of a model with what it takes to answer by it.
package struct ReadyModel: Sendable {
    package let version: ModelVersion
    package let forest: Forest
    package let encoders: Encoders

    package init(_ version: ModelVersion, _ forest: Forest) {
        self.version = version
        self.forest = forest
        encoders = Encoders(version.signature)
    }

    /// The same version with other weights.
    package init(_ model: ReadyModel, _ forest: Forest) {
        version = model.version
        encoders = model.encoders
        self.forest = forest
    }
}
