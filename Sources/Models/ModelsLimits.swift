/// Every bound of models in the store, with its reason.
package enum ModelsLimits {
    // MARK: Models

    /// Characters of a reason, which people read.
    package static let reasonMax = 1_000
    /// Golden rows that may come with a model: each server computes them whenever it loads the version.
    package static let goldenRowsMax = 4_096
    /// Bytes of the inputs and margins of all of them, which are held in memory and in one row of PostgreSQL.
    package static let goldenBytesMax = 64 << 20

    /// Bytes of answers of static tasks (services without views) that a server keeps, of all models together.
    package static let answerCacheBytesMax = 64 << 20

    // MARK: Inside

    /// One part of a model file: PostgreSQL reads and writes it whole.
    static let artifactPartBytes = 1 << 20
}
