package import TrainingSets

/// A training set that was made and put in place.
package struct ExportResult: Sendable {
    package let manifest: TrainingSetManifest
    package let manifestPath: String
    /// What of the set may not be what was wanted, each with what to do about it.
    package let warnings: [String]
    /// Columns of the spine that left with a type of another name, a sentence each.
    package let notes: [String]
    /// Label times that were finer than µs and were rounded down.
    package let finerLabels: Int
    /// Whether `asof.training_sets` has the manifest: not where the role may not write there, the server is a standby, the
    /// store is of a newer schema, or the run was ended once the set was in place.
    package let isRecorded: Bool
    /// What a scan read; `nil` where PostgreSQL looked everything up.
    package let scan: ScanReport?
    /// Where the time went, in the order of the stages.
    package let stages: [(stage: StageClock.Stage, elapsed: Duration)]
}
