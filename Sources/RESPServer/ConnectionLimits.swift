import Wire

/// What connections may take, where the server is told nothing else. See `Limits` of Store for what of it users read.
package struct ConnectionLimits: Sendable {
    // MARK: Connections

    /// Connections (`--max-clients`).
    package var connectionsMax = 10_000
    /// Clients beyond it that are told so at a time, for a second at most; others are closed at once.
    package var refusedMax = 64
    /// How long a request may stand still half-sent before the connection ends.
    package var partialFrameTimeoutMs: Int64 = 30_000
    /// How long a TLS handshake may take.
    package var handshakeTimeoutMs: Int64 = 10_000
    /// Unsent replies of a connection, above which nothing more is read from its client.
    package var unsentBytesMax = 32 << 20
    /// Unsent replies of which nothing was taken for this long end the connection.
    package var unsentTimeoutMs: Int64 = 60_000
    /// Writes of one connection that may be under way.
    package var writesInFlightMax = 1_024
    /// The bytes of those writes.
    package var writeBytesInFlightMax = 64 << 20
    /// What is kept of what a client sends while an earlier command of its waits.
    package var waitingBytesMax = 1 << 20
    /// Arguments of a command before a client has authenticated.
    package var unauthenticatedArgumentsMax = 10
    /// One argument before a client has authenticated.
    package var unauthenticatedBulkBytesMax = 16 << 10

    // MARK: All connections

    /// Unread replies of all clients together, not counting 64 KiB of each: four of the largest replies. Beyond it those that
    /// leave most are closed.
    package var replyMemoryBytesMax = 4 * WireLimits.replyBytesMax
    /// Requests that are not complete, of all connections together, not counting 1 MiB of each.
    package var requestMemoryBytesMax = 1 << 30

    // MARK: Transactions

    /// What the reads of one EXEC may take together; one that has begun ends. Commits may wait so long for them.
    package var transactionReadsNs: Int64 = 40_000_000
    /// The reads of EXEC wait so long for a commit of many rows that is being applied; then they are refused.
    package var transactionWaitNs: Int64 = 5_000_000_000

    // MARK: Inside

    /// Of requests; the last one of all of a request.
    package var argumentsMax = WireLimits.argumentsMax
    package var bulkBytesMax = WireLimits.bulkBytesMax
    package var lineBytesMax = WireLimits.lineBytesMax
    package var requestBytesMax = WireLimits.requestBytesMax
    /// Of each client's unread replies, what ``replyMemoryBytesMax`` does not count.
    package var uncountedReplyBytesMax = 64 << 10
    /// Of each connection's request, what ``requestMemoryBytesMax`` does not count.
    package var uncountedBytesMax = 1 << 20
    /// Replies are sent at the latest when there are so many.
    package var outputBatchBytes = 256 << 10
    /// What is sent of a larger reply before other connections have their turn: the system copies it, and TLS encrypts it, in some 0.1 ms.
    package var outputSliceBytes = 256 << 10
    /// So many requests of a connection run before what is ready is sent.
    package var batchRequests = 256
    /// After it other connections have their turn; within a batch this is seen only where slow commands are logged.
    package var turnNs: Int64 = 2_000_000
    /// After its last reply a connection waits so long for the client to close, so that the reply is not lost.
    package var lingerMs: Int64 = 1_000

    package init() {}
}
