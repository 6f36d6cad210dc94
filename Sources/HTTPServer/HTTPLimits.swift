/// What HTTP connections and requests may take, where the server is told nothing else. See `Limits` of Store for what of it
/// users read.
package struct HTTPLimits: Sendable {
    // MARK: Connections

    /// Connections at a time: scrapers, probes and pools of a few programs.
    package var connectionsMax = 1_024
    /// How long a connection may stand between requests.
    package var idleTimeoutMs: Int64 = 75_000
    /// How long a request may stand still half-sent.
    package var stillTimeoutMs: Int64 = 30_000
    /// How long a request may take to arrive, however slowly it does.
    package var requestTimeoutMs: Int64 = 300_000
    /// A reply of which nothing was taken for this long ends the connection.
    package var unsentTimeoutMs: Int64 = 60_000

    // MARK: Requests

    /// A request's line and headers.
    package var headBytesMax = 64 << 10
    /// Its headers.
    package var headersMax = 100
    /// A request's body, after decompression.
    package var bodyBytesMax = 64 << 20
    /// Bodies of all requests together, with what is made of them, and replies that are not sent.
    package var memoryBytesMax = 512 << 20

    // MARK: Replies

    /// A reply before it is written as JSON, which makes most of them somewhat longer.
    package var replyBytesMax = 64 << 20
    /// Its values.
    package var replyValuesMax = 4 << 20

    /// Values of a reply to a Feast client.
    package var feastValuesMax = 1 << 20

    /// Features that a Feast client names: more than a view may have columns.
    static let feastFeaturesMax = 4_096
    /// A reply that is at most so long is sent also where the memory of all requests is full: probes must not fail then.
    static let smallReplyBytesMax = 64 << 10

    // MARK: Pages

    /// A page as a whole; what its parts may take is chosen such that it is never longer.
    static let pageBytesMax = 120 << 10
    /// A list of a page, as HTML; the next page has the rest.
    static let pageListBytesMax = 40 << 10
    /// A list that stands beside another one.
    static let pageSideListBytesMax = 8 << 10
    /// Rows of a list.
    static let pageRowsMax = 100
    /// A text in a row of a list.
    static let pageCellBytesMax = 240
    /// A description on the page of what it describes.
    static let pageTextBytesMax = 12 << 10
    /// A view's SQL.
    static let pageSourceBytesMax = 24 << 10
    /// The newest entries of the ledger in which a page looks for those of one view, or of the views that its reader may read.
    static let pageLedgerLinesMax = 500

    // MARK: Inside

    /// A body of a refused request that is at most so long is dropped, and the connection goes on.
    package var droppedBytesMax = 64 << 10
    /// What is decompressed at a time.
    package var decompressedBytes = 256 << 10

    /// Bodies and replies that are longer are read and written beside the event loop: about a millisecond.
    package var inlineBytesMax = 256 << 10
    /// After its last reply a connection waits so long for the client to close, so that the reply is not lost.
    package var lingerMs: Int64 = 1_000
    /// An event loop that has not turned for so long stands still, says /healthz.
    package var turnTimeoutMs: Int64 = 5_000

    package init() {}
}
