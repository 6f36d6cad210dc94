package import Features

/// How segments, sorted runs of history, become files and are read: what the module of file formats does for the store.
package protocol SegmentFormat: Sendable {
    /// Creates a file.
    ///
    /// - Parameters:
    ///   - keys: the view's storage keys.
    ///   - event: of a view of events the column of their ids.
    ///   - features: in the order of the columns that are written.
    ///   - featureIDs: what names each of them for good.
    func create(
        path: String,
        keys: [KeyColumn],
        event: KeyColumn?,
        features: [FeatureDefinition],
        featureIDs: [Int32]
    ) throws(HistoryRunError) -> any SegmentOutput

    /// Opens a file, and checks that it is the one that was written.
    ///
    /// - Parameters:
    ///   - event: as in ``create(path:keys:event:features:featureIDs:)``; a file without that column is none of the view's.
    ///   - features: the column of each feature that will be asked for; `nil` = all null.
    func open(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        event: KeyColumn?,
        features: [String?]
    ) throws(HistoryRunError) -> any HistoryRun
}

/// A segment's file that is being written, by one thread at a time.
package protocol SegmentOutput: AnyObject, Sendable {
    /// Writes one row group: keys, event times, ids of events, positions, known at, deleted, features; all but features without
    /// nulls.
    func write(_ group: [Column], rowCount: Int) throws(HistoryRunError)
    /// Ends the file and returns when its bytes are on disk.
    func finish() throws(HistoryRunError) -> SegmentFacts
}

/// What tells a file from another or a damaged one without reading it whole.
package struct SegmentFacts: Sendable, Hashable {
    /// The file's length.
    package var bytes: Int64
    /// How many of its last bytes are page index and footer, and their CRC-32.
    package var tailBytes: Int64
    package var tailCRC: UInt32
    /// Of an object: what its storage called its bytes; empty where it told nothing, and for files.
    package var etag: String

    package init(bytes: Int64, tailBytes: Int64, tailCRC: UInt32, etag: String = "") {
        self.etag = etag
        self.bytes = bytes
        self.tailBytes = tailBytes
        self.tailCRC = tailCRC
    }
}
