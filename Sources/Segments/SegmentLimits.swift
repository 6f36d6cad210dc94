/// Every bound of segments, with its reason. See ``Limits`` for what of it users read.
enum SegmentLimits {
    // MARK: Files

    /// Rows of a row group: its keys and times fit a core's caches, and there are enough to skip.
    static let groupRowsMax = 131_072
    /// A row group's columns: wide rows end a group earlier.
    static let groupBytesMax = 64 << 20
    /// Stretches of a file's rows that are marked as forgotten; a file with more is not read until a build wrote it anew.
    static let removedRangesMax = 10_000
    /// Memory of PostgreSQL's sort of one partition; a larger one goes to its disk.
    static let sortMiB = 512
    /// Hours that an object which was replaced stays for those who read it, such as an export that began before.
    static let replacedHours = 24

    // MARK: Inside

    /// What is waited between two looks at a lock that another build holds.
    static let lockRetryUs: UInt32 = 100_000
    /// Rows that are decoded at a time: they stay in a core's cache while one column after the other is read.
    static let blockRows = 2_048

    static func check() {
        precondition(groupRowsMax % blockRows == 0)
    }
}
