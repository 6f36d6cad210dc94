package import Features
package import PointInTime

/// How segments become files and are read: what the module of file formats does for the store.
package protocol SegmentFormat: Sendable {
    /// Creates a file.
    ///
    /// - Parameters:
    ///   - keys: the view's storage keys.
    ///   - features: in the order of the columns that are written.
    func create(
        path: String,
        keys: [KeyColumn],
        features: [FeatureDefinition]
    ) throws(StoreError) -> any SegmentOutput

    /// Opens a file, and checks that it is the one that was written.
    ///
    /// - Parameter features: the column of each feature that will be asked for; `nil` = all null.
    func open(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        features: [String?]
    ) throws(HistoryRunError) -> any HistoryRun
}

/// A segment's file that is being written, by one thread at a time.
package protocol SegmentOutput: AnyObject, Sendable {
    /// Writes one row group: keys, event times, positions, known at, deleted, features; all but features without nulls.
    func write(_ group: [Column], rowCount: Int) throws(StoreError)
    /// Ends the file and returns when its bytes are on disk.
    func finish() throws(StoreError) -> SegmentFacts
}
