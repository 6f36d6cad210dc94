/// Where the server listens, and what it allows.
package struct ServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0 = any free port.
    package var port = 6567
    package var limits = ConnectionLimits()

    package init() {}
}

/// Limits of PROTOCOL §1.
package struct ConnectionLimits: Sendable {
    package var connectionsMax = 10_000
    package var argumentsMax = 1_048_576
    package var bulkBytesMax = 64 << 20
    package var lineBytesMax = 64 << 10
    /// Before a client has authenticated.
    package var unauthenticatedArgumentsMax = 10
    package var unauthenticatedBulkBytesMax = 16 << 10
    /// A partial frame without progress for this long ends the connection.
    package var partialFrameTimeoutMs: Int64 = 30_000
    /// Above it nothing more is read from the client.
    package var unsentBytesMax = 32 << 20
    /// Unsent replies of which nothing was taken for this long end the connection.
    package var unsentTimeoutMs: Int64 = 60_000

    package init() {}
}
