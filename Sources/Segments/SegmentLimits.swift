/// Every bound of segments, with its reason. See ``Limits`` for what of it users read.
enum SegmentLimits {
    // MARK: Files

    /// Rows of a row group: its keys and times fit a core's caches, and there are enough to skip.
    static let groupRowsMax = 131_072
    /// A row group's columns: wide rows end a group earlier.
    static let groupBytesMax = 64 << 20
    /// Memory of PostgreSQL's sort of one partition; a larger one goes to its disk.
    static let sortMiB = 512

    // MARK: Inside

    /// Rows that are decoded at a time: they stay in a core's cache while one column after the other is read.
    static let blockRows = 2_048

    static func check() {
        precondition(groupRowsMax % blockRows == 0)
    }
}
