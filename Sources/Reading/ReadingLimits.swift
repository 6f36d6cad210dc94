import Wire

/// Every bound of reads of features, with its reason. See `Limits` of Store for what of it users read.
enum ReadingLimits {
    // MARK: All reads

    /// What all reads keep that wait, together: arguments, keys and rows from PostgreSQL; eight of those with the most
    /// arguments.
    static let waitingBytesMax = 8 * WireLimits.readBytesMax
    /// What a read that waits may keep without being counted there: each connection has one at most.
    static let uncountedBytesMax = 64 << 10
    /// Large replies that are made at a time.
    static let largeRepliesMax = 2
    /// Large reads that wait for those: each keeps its request.
    static let waitingRepliesMax = 1_024

    // MARK: Windows in memory

    /// Events that pass by for windows while a request holds the memories that commits change, some 2 ms. Each 400 bytes of
    /// their texts, lists and vectors count as one more. A reply of many rows is made in pieces that have so many; a row with more is computed of what PostgreSQL finds.
    static let windowEventsMax = 10_000

    // MARK: Inside

    /// Users for whom what their reads take turns by is kept.
    static let askersMax = 1_024
    /// The most lists behind FEATURES for which plans are kept.
    static let selectionsMax = 1_024

    static func check() {
        precondition(uncountedBytesMax < waitingBytesMax)
    }
}
