import Wire

/// Where the server listens, and what it allows.
package struct ServerConfiguration: Sendable {
    package var address = ListenAddress.tcp(host: "127.0.0.1", port: 6_567)
    /// Event loops.
    package var threads = 1
    package var limits = ConnectionLimits()
    /// How long what was received may take to be answered when the server stops.
    package var stopSecondsMax = 10

    package init() {}
}

/// Limits of PROTOCOL §1.
package struct ConnectionLimits: Sendable {
    package var connectionsMax = 10_000
    package var argumentsMax = WireLimits.argumentsMax
    package var bulkBytesMax = WireLimits.bulkBytesMax
    package var lineBytesMax = WireLimits.lineBytesMax
    /// Of all of a request.
    package var requestBytesMax = WireLimits.requestBytesMax
    /// Before a client has authenticated.
    package var unauthenticatedArgumentsMax = 10
    package var unauthenticatedBulkBytesMax = 16 << 10
    /// A partial frame without progress for this long ends the connection.
    package var partialFrameTimeoutMs: Int64 = 30_000
    /// Above it nothing more is read from the client.
    package var unsentBytesMax = 32 << 20
    /// Unsent replies of which nothing was taken for this long end the connection.
    package var unsentTimeoutMs: Int64 = 60_000

    /// What all clients together may leave unread of their replies, of each what is more than ``uncountedReplyBytesMax``:
    /// four of the largest replies. Beyond it those that leave most are closed.
    package var replyMemoryBytesMax = 4 * WireLimits.replyBytesMax
    package var uncountedReplyBytesMax = 64 << 10
    /// What all connections together keep of requests that are not complete, beyond ``uncountedBytesMax`` each.
    package var requestMemoryBytesMax = 1 << 30
    package var uncountedBytesMax = 1 << 20
    /// Replies are sent at the latest when there are so many.
    package var outputBatchBytes = 256 << 10
    /// So many requests of a connection run before what is ready is sent.
    package var batchRequests = 256
    /// After it other connections have their turn; within a batch this is seen only where slow commands are logged.
    package var turnNs: Int64 = 2_000_000
    /// What the reads of one EXEC may take together; one that has begun ends. Commits may wait so long for them.
    package var transactionReadsNs: Int64 = 40_000_000
    /// Kept of what a client sends while an earlier command waits.
    package var waitingBytesMax = 1 << 20
    /// Writes of one connection that may be under way.
    package var writesInFlightMax = 1_024
    package var writeBytesInFlightMax = 64 << 20
    /// After its last reply a connection waits so long for the client to close, so that the reply is not lost.
    package var lingerMs: Int64 = 1_000

    package init() {}
}
