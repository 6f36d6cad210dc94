/// What the commands of all connections share.
package final class Engine: Sendable {
    /// Reads of features; `nil` = the server has no store.
    package let reads: FeatureReads?

    package init(reads: FeatureReads? = nil) { self.reads = reads }
}
