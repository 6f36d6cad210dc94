/// Every bound of models in the store, with its reason.
package enum ModelsLimits {
    /// One part of a model file: PostgreSQL reads and writes it whole.
    static let artifactPartBytes = 1 << 20
    /// Characters of a reason, which people read.
    package static let reasonMax = 1_000
}
